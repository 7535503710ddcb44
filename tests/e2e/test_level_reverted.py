"""A level that undoes what was learned is taken back, through the real services: a game announced by a package of its
own, whose second level turns the reward round, so that the trial costs every match of the panel."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .conftest import Cli  # type: ignore[import-untyped]

GAMES = Path(__file__).parent / "games"
CONFIG = """
game = "weathervane"
rules = "default"
decisions = 61_440

[game_parameters]
headwind = false

[simulator]
matches = 32
steps = 16
slabs = 1

[network]
hidden = 16
activation = "tanh"
log_std_init = -0.5
log_std_min = -0.5  # who has found the answer goes on trying others, and changes its mind soon
precision = "fp32"

[learner]
batch_decisions = 512
epochs = 4
minibatch = 128
learning_rate = 5e-3
learning_rate_warmup_updates = 0

[health]
controller = false  # the reward falls by intention

[league]
snapshot_updates = 100

[[league.phases]]
name = "practice"
share = 1.0
opponents = "latest"
scripted_share = 1.0
bots = [{ bots = ["still"] }]

[league.curriculum.advance]
decisions = 20_480
canary_share = 0.95
canary_updates = 40
retry_evaluations = 1000

[[league.curriculum.levels]]
name = "tailwind"

[[league.curriculum.levels]]
name = "headwind"
parameters = { headwind = true }

[evaluator]
share = 1.0
matches = 20
every_updates = 5
matches_per_opponent = 40
final_matches_per_opponent = 40
"""


@pytest.fixture
def weathervane(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The game as an installed package, for the services too; returns a configuration for it."""
    package = tmp_path / "site" / "weathervane-1.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: weathervane\nVersion: 1\n")
    (package / "entry_points.txt").write_text("[ludus.games]\nweathervane = weathervane\n")
    before = filter(None, [os.environ.get("PYTHONPATH")])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(package.parent), str(GAMES), *before]))
    config = tmp_path / "weathervane.toml"
    config.write_text(CONFIG)
    return config


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_level_that_costs_the_panel_is_taken_back_and_what_was_lost_is_learned_again(
    ludus: Cli, weathervane: Path
) -> None:
    ludus("train", "weathervane", "--config", str(weathervane), "--run", "turn")
    told = [event for event in ludus.events("turn") if event["kind"].startswith("level")]
    assert [event["kind"] for event in told] == ["level_trial", "level_reverted"], told
    assert told[0]["message"] == "level 'headwind' is tried on 95% of the matches"
    assert told[1]["message"] == "level 'headwind' is taken back: main fell by more than 15% on the panel"

    rates = [row["win_rate"] for one in ludus.read("turn", "summary.json")["candidates"] for row in one["rows"]
             if row["opponent"] == "bot:still" and row["n"]]  # fmt: skip
    best = next(index for index, rate in enumerate(rates) if rate >= 0.95)
    assert min(rates[best:]) <= 0.5, "the trial did harm"
    assert rates[-1] >= 0.95, "and after it nothing of the level is played any more"
    assert ludus("league", "replay", "turn").stdout.strip().endswith("identical")
