"""A ladder of levels through the real services: every level is tried on some matches first, then widened or taken back,
also when the league is killed in the middle of a trial."""

from __future__ import annotations

import os
import signal

import pytest

from .conftest import Cli  # type: ignore[import-untyped]

SMALL = (
    *("--preset", "curriculum", "--decisions", "65536", "--detach"),
    *("--set", "simulator.matches=32", "--set", "simulator.steps=64", "--set", "learner.batch_decisions=2048"),
    *("--set", "network.hidden=32", "--set", "game_parameters.physics.max_steps=100"),
    *("--set", "league.curriculum.advance.decisions=2048", "--set", "league.curriculum.advance.canary_updates=1"),
    *("--set", "league.curriculum.advance.retry_evaluations=1", "--set", "league.curriculum.advance.revert_drop=0.02"),
    *("--set", "evaluator.matches=32", "--set", "evaluator.every_updates=2"),
    *("--set", "evaluator.matches_per_opponent=2", "--set", "evaluator.matches_between_agents=10"),
    *("--set", "evaluator.final_matches_per_opponent=4"),
)
KINDS = {"level_trial", "level", "level_reverted"}


@pytest.mark.timeout(180)
def test_levels_are_tried_widened_and_taken_back_and_the_trial_survives_a_kill(ludus: Cli) -> None:
    ludus("train", "pursuit", "--run", "ladder", *SMALL)

    def events() -> list[dict[str, object]]:
        return [event for event in ludus.events("ladder") if event["kind"] in KINDS]

    ludus.wait_for("the first trial", events, 60)
    os.kill(ludus.heartbeat("ladder", "league")["pid"], signal.SIGKILL)
    ludus("attach", "ladder")

    kinds = [str(event["kind"]) for event in events()]
    trials, ends = kinds[::2], kinds[1::2]
    assert set(trials) == {"level_trial"}, kinds
    assert set(ends) <= {"level", "level_reverted"}
    assert len(trials) - len(ends) in (0, 1), "the run may end in a trial"
    assert "level_reverted" in ends, "in some of the trials somebody falls by 2 points on a panel of 16 matches"
    tried = [str(event["message"]) for event in events()]
    for before, end, after in zip(kinds[::2], kinds[1::2], kinds[2::2], strict=False):
        assert (before, after) == ("level_trial", "level_trial"), end
    repeated = [one for one, end in zip(tried[::2], ends, strict=False) if end == "level_reverted"]
    assert len(set(tried[::2])) == ends.count("level") + bool(len(trials) > len(ends) or ends[-1] == "level_reverted")
    assert repeated, "what was taken back is tried again"
    (death,) = ludus.rows("ladder", "deaths.jsonl")
    assert death["service"] == "league"
    assert ludus("league", "replay", "ladder").stdout.strip().endswith("identical")
