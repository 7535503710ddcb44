"""What people are shown of a run whose agent plays alone."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from ludus.api.v1.health_pb2 import LearnerHealth
from ludus.api.v1.policy_pb2 import PolicyRef
from ludus.api.v1.run_pb2 import RUN_STATE_TRAINING, RunRecord, RunStatus
from ludus.api.v1.standings_pb2 import SoloRow, Standings
from ludus.app.attach import line
from ludus.app.create import Request, choose_name, create, resolve
from ludus.app.draw import live
from ludus.app.errors import UsageError
from ludus.app.home import Home, RunFolder
from ludus.app.presets import presets
from ludus.app.summary import print_summary
from ludus.app.view import run_view
from ludus.kernel.config import ConfigError


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def run(home: Home) -> RunFolder:
    return create(home, resolve(Request("gym:CartPole-v1")), "pole-1")


def drawn(picture: RenderableType) -> str:
    console = Console(file=io.StringIO(), width=80, no_color=True)
    console.print(picture)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


def status(run: RunFolder) -> RunStatus:
    rows = [
        SoloRow(purpose="evaluate", player="main@1.0", episodes=20, return_mean=22.5, return_m2=500, decisions=450),
        SoloRow(purpose="evaluate", player="main@1.10", episodes=20, return_mean=390.5, return_m2=2e5, decisions=7810),
        SoloRow(purpose="train", player="main", episodes=300, recent_return=123.25, decisions=3000),
    ]
    return RunStatus(
        run=run.name,
        game="gym:CartPole-v1",
        record=RunRecord(state=RUN_STATE_TRAINING, phase="practice", pool=["main@1.0"]),
        health=LearnerHealth(policy=PolicyRef(agent="main", epoch=1, step=12), decisions=24_576),
        standings=Standings(results=340, solos=rows),
    )


def test_returns_stand_where_wins_would(home: Home, run: RunFolder) -> None:
    view = run_view(home, run, status(run))
    text = drawn(live(view, "hint"))
    assert max(map(len, text.splitlines())) <= 80
    for part in ("main@1.10", "390.5", "342.5 … 438.5", "training", "123.2", "practice"):
        assert part in text, part
    assert "opponent" not in text
    words = line(view)
    assert "measured main@1.10: 390.5 (342.5 … 438.5, n 20)" in words
    assert "Elo" not in words


def test_without_a_league_nothing_is_claimed(home: Home, run: RunFolder) -> None:
    view = run_view(home, run, None)
    assert (view["recent_return"], view["returns"]) == (None, [])
    assert "return" not in drawn(live(view, "hint"))


def test_the_summary_shows_step_0_and_final(run: RunFolder) -> None:
    row = {"n": 100, "mean": 499.5, "low": 498.0, "high": 500.0, "std": 5.0, "decisions": 499.5, "step": 97}
    summary = {
        "run": "pole-1", "decisions": 198_656, "steps": 97, "seconds": 50.0, "decisions_per_second": 3973.0,
        "paths": {}, "candidates": [],
        "returns": [{**row, "policy": "main@1.0", "label": "step 0", "mean": 22.0}, {**row, "policy": "main@1.50",
                    "label": "step 50"}, {**row, "policy": "main@1.97", "label": "final"}],
    }  # fmt: skip
    console = Console(file=io.StringIO(), width=80, no_color=True)
    print_summary(console, run, summary)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "499.5" in text
    assert "22.0" in text
    assert "498.0 … 500.0" in text
    assert "main@1.50" not in text
    assert "wins" not in text


def test_every_environment_has_a_default_preset() -> None:
    assert presets("gym:CartPole-v1")["default"].name == "gym.toml"
    assert presets("gym:Pendulum-v1")["default"].name == "gym-Pendulum-v1.toml"
    assert presets("pettingzoo:classic.rps_v2")["default"].name == "pettingzoo.toml"
    assert presets("gym:phys2d/CartPole-v1")["default"].name == "gym.toml"
    assert "Pendulum-v1" not in presets("gym:CartPole-v1")


def test_the_preset_of_a_scheme_takes_the_environment_asked_for(home: Home) -> None:
    request = Request("gym:Acrobot-v1", assignments=["learner.gamma=0.97"])
    config = resolve(request)
    assert (config.game, config.preset, config.learner.gamma) == ("gym:Acrobot-v1", "default", 0.97)
    assert choose_name(home, request).startswith("acrobot-v1-")
    with pytest.raises(UsageError, match=r"gym:Acrobot-v9.*Did you mean"):
        resolve(Request("gym:Acrobot-v9"))
    with pytest.raises(UsageError, match="unknown preset of gym:Acrobot-v1 'quick'"):
        resolve(Request("gym:Acrobot-v1", preset="quick"))


def test_scripted_matches_need_somebody_to_play_them() -> None:
    phases = '[{name = "practice", share = 1.0, scripted_share = 0.5}]'
    with pytest.raises(ConfigError, match="scripted_share above 0 and nobody to take it"):
        resolve(Request("gym:CartPole-v1", assignments=[f"league.phases={phases}"]))
