"""A ladder of levels through the real services: every level is tried on some matches first, then widened or taken back,
also when the league is killed in the middle of a trial."""

from __future__ import annotations

import os
import signal

import pytest

from .conftest import Cli  # type: ignore[import-untyped]

SMALL = (
    *("--preset", "curriculum", "--decisions", "131072", "--detach"),
    *("--set", "simulator.matches=32", "--set", "simulator.steps=64", "--set", "learner.batch_decisions=2048"),
    *("--set", "network.hidden=32", "--set", "game_parameters.physics.max_steps=100"),
    *("--set", "league.curriculum.advance.decisions=2048", "--set", "league.curriculum.advance.canary_updates=1"),
    *("--set", "league.curriculum.advance.retry_evaluations=1"),
    *("--set", "evaluator.matches=32", "--set", "evaluator.every_updates=2"),
    *("--set", "evaluator.matches_per_opponent=2", "--set", "evaluator.matches_between_agents=10"),
    *("--set", "evaluator.final_matches_per_opponent=4"),
)
LEVELS = ("near", "far", "obstacles-near", "obstacles-medium", "obstacles-far", "everything")
KINDS = {"level_trial", "level", "level_reverted"}


@pytest.mark.timeout(180)
def test_every_level_is_tried_on_some_matches_before_all_are_played_on_it_and_a_trial_survives_a_kill(
    ludus: Cli,
) -> None:
    ludus("train", "pursuit", "--run", "ladder", *SMALL)

    def events() -> list[dict[str, object]]:
        return [event for event in ludus.events("ladder") if event["kind"] in KINDS]

    ludus.wait_for("the first trial", events, 60)
    os.kill(ludus.heartbeat("ladder", "league")["pid"], signal.SIGKILL)
    ludus("attach", "ladder")

    told = [(str(event["kind"]), str(event["message"])) for event in events()]
    trials, ends = told[::2], told[1::2]
    assert {kind for kind, _ in trials} == {"level_trial"}, told
    assert {kind for kind, _ in ends} <= {"level", "level_reverted"}, told
    assert len(ends) >= 2, told
    assert len(trials) - len(ends) in (0, 1), "the run may end in a trial"
    level = 0
    for (_, trial), (kind, end) in zip(trials, ends, strict=False):
        assert trial.startswith(f"level {LEVELS[level + 1]!r} is tried on 10% of the matches")
        assert end.startswith(f"level {LEVELS[level + 1]!r} " + ("begins" if kind == "level" else "is taken back"))
        level += kind == "level"
    (death,) = ludus.rows("ladder", "deaths.jsonl")
    assert death["service"] == "league"
    assert ludus("league", "replay", "ladder").stdout.strip().endswith("identical")
