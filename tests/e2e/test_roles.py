"""Two roles learn in one run, taking turns, one of the learners is killed; then an exploiter attacks what came out."""

from __future__ import annotations

import json
import os
import signal
import time
from itertools import pairwise

import pytest

from .conftest import Cli  # type: ignore[import-untyped]

SMALL = (
    *("--preset", "alternating", "--decisions", "40960", "--detach"),
    *("--set", "simulator.matches=32", "--set", "simulator.steps=64", "--set", "learner.batch_decisions=2048"),
    *("--set", "network.hidden=32", "--set", "game_parameters.physics.max_steps=100"),
    *("--set", "league.curriculum.alternation.phase_decisions=8192"),
    *("--set", "league.curriculum.alternation.warmup_decisions=[4096, 4096]"),
    *("--set", "evaluator.matches=32", "--set", "evaluator.every_updates=8"),
    *("--set", "evaluator.matches_per_opponent=2", "--set", "evaluator.matches_between_agents=10"),
    *("--set", "evaluator.final_matches_per_opponent=10"),
)


@pytest.mark.timeout(240)
def test_two_roles_take_turns_survive_a_kill_and_are_exploited(ludus: Cli) -> None:
    ludus("train", "pursuit", "--run", "chase", *SMALL)
    folder = ludus.run_folder("chase")
    beat = folder / "services" / "learner-evader.json"
    deadline = time.monotonic() + 60
    while not (beat.exists() and json.loads(beat.read_text()).get("step", 0) >= 2):
        assert time.monotonic() < deadline, "the evader never learned"
        time.sleep(0.05)
    os.kill(json.loads(beat.read_text())["pid"], signal.SIGKILL)
    ludus("attach", "chase")

    summary = ludus.read("chase", "summary.json")
    assert [(one["agent"], one["steps"]) for one in summary["agents"]] == [("pursuer", 20), ("evader", 20)]
    for one in summary["agents"]:
        # What the summary says is what the updates were made of: after the kill step 1 comes a second time.
        rows = ludus.rows("chase", f"agents/{one['agent']}/metrics.jsonl")
        by_step = {row["step"]: row["decisions"] for row in rows}
        batches = [later - earlier for earlier, later in pairwise([0, *by_step.values()])]
        assert (list(by_step), sum(batches)) == ([*range(1, 21)], one["decisions"])
        # Where a turn ends matches are cut, and a buffer full of short slabs is a batch too.
        assert min(batches) > 0, batches
        assert sum(batch >= 2048 for batch in batches) >= 14, batches
    log = (folder / "logs" / "league.log").read_text().splitlines()
    said = [json.loads(line)["message"] for line in log if line.startswith("{")]
    turns = [message.split(": ")[2].split()[0] for message in said if message.startswith("turn: phase")]
    assert turns[:4] == ["pursuer", "evader", "pursuer", "evader"]
    for agent in ("pursuer", "evader"):
        assert (folder / "agents" / agent / "checkpoints").is_dir()
        assert (folder / "agents" / agent / "weights" / "final.safetensors").is_file()
        (final,) = [one for one in summary["candidates"] if one["label"] == "final" and agent in one["policy"]]
        assert all(row["n"] == 10 for row in final["rows"] if row["opponent"].startswith("bot:"))
    deaths = [json.loads(line) for line in (folder / "deaths.jsonl").read_text().splitlines()]
    assert [row["service"] for row in deaths] == ["learner-evader"]
    assert ludus("league", "replay", "chase").stdout.strip().endswith("identical")

    done = ludus("exploit", "chase", "--role", "evader", "--budget", "8192", "--name", "attack")
    assert "against pursuer@" in done.stdout
    assert "wins against the frozen policy" in done.stdout
    measured = ludus.read("attack", "summary.json")["candidates"][-1]["rows"]
    assert {row["opponent"]: row["n"] for row in measured}["victim@0.0"] == 10
