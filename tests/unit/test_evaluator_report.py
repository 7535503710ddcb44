"""What was measured is what the standings say."""

from pathlib import Path

import pytest

from ludus.api.v1.health_pb2 import LearnerHealth
from ludus.api.v1.policy_pb2 import PolicyRef
from ludus.api.v1.standings_pb2 import PairRow, SoloRow, Standings
from ludus.evaluator.report import build_summary
from ludus.kernel.config import RunConfig, load

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def config() -> RunConfig:
    return load(ROOT / "configs" / "dogfight.toml", [("run", "r1"), ("directory", "/tmp/r1")], {})


def solos() -> Standings:
    """Returns 400 and 500 twice at step 40, one episode of 20 at step 0."""
    rows = [
        SoloRow(purpose="evaluate", player="main@1.0", episodes=1, return_mean=20, return_m2=0, decisions=20),
        SoloRow(purpose="evaluate", player="main@1.40", episodes=4, return_mean=450, return_m2=1e4, decisions=1800),
        SoloRow(purpose="train", player="main", episodes=9, return_mean=99, return_m2=1, decisions=900),
    ]
    return Standings(results=14, solos=rows)


def standings() -> Standings:
    def pair(first: str, second: str, wins: int, draws: int, losses: int, purpose: str = "evaluate") -> PairRow:
        return PairRow(purpose=purpose, first=first, second=second, wins=wins, draws=draws, losses=losses)

    return Standings(
        results=77,
        refused={"duplicate": 2},
        pairs=[
            pair("main@1.0", "bot:ace", 2, 8, 190),
            pair("main@1.40", "bot:ace", 20, 10, 10),
            pair("main@2.274", "bot:ace", 198, 1, 1),
            pair("main@2.274", "main@1.0", 200, 0, 0),
            pair("main", "bot:ace", 5, 5, 5, purpose="train"),
        ],
    )


def health() -> LearnerHealth:
    return LearnerHealth(policy=PolicyRef(agent="main", epoch=2, step=274), decisions=8_978_432)


def test_candidates_are_in_order_and_labelled(config: RunConfig) -> None:
    summary = build_summary(config, standings(), health())
    assert [(c["policy"], c["label"]) for c in summary["candidates"]] == [
        ("main@1.0", "step 0"), ("main@1.40", "step 40"), ("main@2.274", "final"),
    ]  # fmt: skip
    final = {row["opponent"]: row for row in summary["candidates"][-1]["rows"]}
    assert (final["bot:ace"]["wins"], final["bot:ace"]["n"]) == (198, 200)
    assert final["bot:ace"]["low"] == pytest.approx(0.9643, abs=1e-3)
    assert final["main@1.0"]["high"] == 1.0
    assert final["bot:chaser"]["n"] == 0


def test_training_results_never_enter_the_table(config: RunConfig) -> None:
    summary = build_summary(config, standings(), health())
    assert all(candidate["policy"] != "main" for candidate in summary["candidates"])


@pytest.fixture
def alone() -> RunConfig:
    return load(ROOT / "configs" / "gym.toml", [("run", "r1"), ("directory", "/tmp/r1")], {})


def test_returns_are_reported_with_their_interval(alone: RunConfig) -> None:
    summary = build_summary(alone, solos(), health())
    first, final = summary["returns"]
    assert (first["label"], first["n"], first["low"], first["high"]) == ("step 0", 1, 20, 20)
    assert (final["label"], final["policy"], final["n"], final["mean"]) == ("final", "main@1.40", 4, 450)
    # t(3) = 3.18245, standard error = sqrt(1e4 / 3 / 4)
    assert (final["low"], final["high"]) == (pytest.approx(450 - 91.87, abs=0.01), pytest.approx(541.87, abs=0.01))
    assert (final["std"], final["decisions"]) == (pytest.approx(57.735, abs=1e-3), 450)


def test_without_bots_the_first_version_is_met_as_an_opponent(config: RunConfig) -> None:
    only = PairRow(purpose="evaluate", first="main@1.40", second="main@1.0", wins=15, draws=1, losses=4)
    (candidate,) = build_summary(config, Standings(pairs=[only]), health())["candidates"]
    assert candidate["label"] == "final"
    found = {row["opponent"]: row["wins"] for row in candidate["rows"] if row["n"]}
    assert found == {"main@1.0": 15}
