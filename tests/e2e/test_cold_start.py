"""The evader learns to drive before it meets anybody: a run on the navigation task, whose weights are step 0 of the
evader in a run of two roles. Both roles have a checkpoint to go back to before the first of them learns."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Cli  # type: ignore[import-untyped]

SMALL = (
    *("--set", "simulator.matches=32", "--set", "simulator.steps=64", "--set", "learner.batch_decisions=2048"),
    *("--set", "network.hidden=32", "--set", "game_parameters.physics.max_steps=100"),
    *("--set", "evaluator.matches=32", "--set", "evaluator.every_updates=50"),
    *("--set", "evaluator.matches_per_opponent=2", "--set", "evaluator.final_matches_per_opponent=2"),
    *("--set", "evaluator.matches_between_agents=10", "--set", "evaluator.other_play_matches_per_opponent=0"),
)
TASK = (
    *("--set", "rules=navigation", "--set", 'agents=[{ name = "evader", role = "evader" }]'),
    *(
        "--set",
        'league.phases=[{ name = "practice", share = 1.0, scripted_share = 1.0, bots = [{ bots = ["still"] }] }]',
    ),
    *("--decisions", "8192"),
)
TURNS = (
    "--preset",
    "alternating",
    "--set",
    "league.curriculum.alternation.phase_decisions=4096",
    "--decisions",
    "8192",
)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_evader_begins_with_what_it_learned_on_a_task(ludus: Cli) -> None:
    ludus("train", "pursuit", "--run", "drive", *SMALL, *TASK)
    ludus("train", "pursuit", "--run", "chase", *SMALL, *TURNS, "--init-from", "evader=drive")

    told = ludus.events("chase")
    inherited = [(event["service"], event["message"]) for event in told if event["kind"] == "inherited"]
    assert [service for service, _ in inherited] == ["learner-evader"]
    assert inherited[0][1].startswith("step 0 is drive/evader@1.4#")
    safe = [event["sequence"] for event in told if event["kind"] == "checkpoint" and "pinned" in event["message"]]
    first_turn = next(event["sequence"] for event in told if event["kind"] == "turn")
    assert len(safe) == 2
    assert max(safe) < first_turn
    assert [one["steps"] for one in ludus.read("chase", "summary.json")["agents"]] == [4, 4]
    assert (Path(ludus.run_folder("chase")) / "agents" / "evader" / "weights" / "initial.safetensors").is_file()
    assert ludus("league", "replay", "chase").stdout.strip().endswith("identical")
