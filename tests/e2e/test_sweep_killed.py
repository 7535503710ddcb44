"""kill -9 of everything that belongs to a sweep: the next `ludus sweep` goes on with it, and repeats nothing."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Cli  # type: ignore[import-untyped]

SWEEP = """
name = "tiny"
hypothesis = "One epoch is enough."
game = "dogfight"
preset = "quick"
seeds = [1]
decisions = 200_000
set = {{ "evaluator.final_matches_per_opponent" = 2, "evaluator.other_play_matches_per_opponent" = 0 }}

[[variants]]
name = "two"

[[variants]]
name = "one"
set = {{ "learner.epochs" = 1 }}
"""


def kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(os.getpgid(group), signal.SIGKILL)


def step(ludus: Cli, run: str) -> int:
    return int(ludus.heartbeat(run, "learner").get("step") or 0)


def pids(ludus: Cli) -> list[int]:
    """Of the supervisor, nats-server and every service."""
    stack = json.loads((ludus.home / "stack.json").read_text())
    beats = (ludus.home / "runs").glob("*/services/*.json")
    found = [stack.get("pid"), stack.get("nats_pid"), *(json.loads(path.read_text()).get("pid") for path in beats)]
    return [int(pid) for pid in found if pid]


@pytest.mark.slow
@pytest.mark.timeout(500)
@pytest.mark.parametrize("everything", [False, True], ids=["the sweep alone", "with its whole stack"])
def test_a_sweep_killed_in_its_first_run_goes_on_with_it(ludus: Cli, tmp_path: Path, everything: bool) -> None:
    file = tmp_path / "tiny.toml"
    file.write_text(SWEEP.format())
    command = [sys.executable, "-m", "ludus.app.cli", "--home", str(ludus.home), "sweep", str(file)]
    running = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)
    ludus.wait_for("the first updates", lambda: step(ludus, "tiny-two-s1") >= 3, seconds=120)
    kill(running.pid)
    assert running.wait() == -signal.SIGKILL
    if everything:
        for pid in pids(ludus):
            kill(pid)
    assert not (ludus.run_folder("tiny-one-s1") / "config.json").exists()
    began = ludus.read("tiny-two-s1", "config.json")

    said = ludus("sweep", str(file)).stdout
    assert "all 2 runs are completed" in said
    assert ludus.read("tiny-two-s1", "config.json") == began, "it is the same run, taken up again"
    for run in ("tiny-two-s1", "tiny-one-s1"):
        summary = ludus.read(run, "summary.json")
        assert summary["steps"] == 200_000 // ludus.read(run, "config.json")["learner"]["batch_decisions"]
    page = ludus("experiments", str(file)).stdout
    assert "completed" in page
    assert "IQM" in page
