"""The report says what the standings say."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from ludus.api.v1.health_pb2 import LearnerHealth
from ludus.api.v1.policy_pb2 import PolicyRef
from ludus.api.v1.standings_pb2 import PairRow, Standings
from ludus.evaluator.chart import line_chart
from ludus.evaluator.report import build_summary, render, win_rate_chart
from ludus.kernel.config import RunConfig, load

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def config() -> RunConfig:
    return load(ROOT / "configs" / "dogfight.toml", [("run", "r1"), ("directory", "/tmp/r1")], {})


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


def test_markdown_shows_counts_and_how_to_repeat(config: RunConfig) -> None:
    text = render(config, build_summary(config, standings(), health()))
    assert "| bot:ace | 198 | 1 | 1 | 200 | 99.0% |" in text
    assert "| bot:ace | 2 | 8 | 190 | 200 | 1.0% |" in text
    assert "duplicate 2" in text
    assert "ludus train dogfight --config" in text


def test_the_chart_is_valid_svg_with_one_line_per_opponent(config: RunConfig) -> None:
    chart = win_rate_chart(config, build_summary(config, standings(), health()))
    tree = ElementTree.fromstring(chart)
    lines = [node for node in tree.iter() if node.tag.endswith("polyline")]
    assert len(lines) == 2
    assert len(lines[0].attrib["points"].split()) == 3


def test_labels_of_equal_lines_do_not_cover_each_other() -> None:
    chart = line_chart("t", "x", {f"bot{k}": [(0.0, 0.0), (1.0, 1.0)] for k in range(6)})
    heights = [float(n.attrib["y"]) for n in ElementTree.fromstring(chart).iter() if (n.text or "").startswith("bot")]
    assert len(heights) == 6
    gaps = [b - a for a, b in zip(sorted(heights), sorted(heights)[1:], strict=False)]
    assert min(gaps) >= 13
