"""A run with the real services through the commands of a person: start, stop, go on, fail, be told why."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from ludus.app.home import Home
from ludus.app.stack import supervisor_of

from .app_kit import home_in, ludus


@pytest.fixture
def home(tmp_path: Path, nats_binary: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setenv("NATS_SERVER", str(nats_binary))
    with home_in(tmp_path) as made:
        yield made


def wait_for(what: str, home: Home, condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            logs = sorted(home.root.rglob("*.log"))
            tails = "\n".join(f"--- {log.name}\n" + "\n".join(log.read_text().splitlines()[-8:]) for log in logs)
            pytest.fail(f"waited {seconds} s for {what}\n{tails}")
        time.sleep(0.1)


def status(home: Home) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ludus(home, "status", "--json"))
    return found


@pytest.mark.timeout(180)
def test_a_run_is_stopped_goes_on_and_says_why_it_fails(
    home: Home, cpu_seconds_of_children: Callable[[], float]
) -> None:
    run = home.run("life")

    def step() -> int:
        return int(run.heartbeat("learner").get("step") or 0)

    began = cpu_seconds_of_children()
    said = ludus(home, "train", "dogfight", "--preset", "quick", "--run", "life", "--decisions", "50000000", "--detach")
    for part in ("dogfight", " updates", "opponents", "ace", "curriculum", str(run.path), "ludus attach life"):
        assert part in said, part
    assert cpu_seconds_of_children() - began < 3.0, "the user is told soon; seconds of the processor, for it is shared"
    wait_for("two updates", home, lambda: step() >= 2)
    now = status(home)
    assert now["stack"]["state"] == "up"
    pids = [run.heartbeat(name)["pid"] for name in ("learner", "simulator-0", "evaluator")]
    nice = [psutil.Process(pid).nice() for pid in pids]
    assert nice[0] < nice[1] < nice[2], "all give way to the learner, measuring most of all"
    if sys.platform == "linux":
        assert [os.sched_getscheduler(pid) for pid in pids] == [os.SCHED_OTHER, os.SCHED_BATCH, os.SCHED_BATCH]
    assert now["run"]["answering"] is True
    assert {one["state"] for one in now["run"]["services"]} <= {"ready", "waiting"}
    assert now["run"]["kl"] is not None
    assert "ludus_learner_step" in scrape(int(now["run"]["services"][1]["http_port"]))

    assert "Stopped life" in ludus(home, "stop")
    assert status(home)["run"]["state"] == "stopped"
    stopped_at = step()
    assert stopped_at >= 2
    assert not [one for one in status(home)["run"]["services"] if one["alive"]]
    assert not run.deaths_file.exists()

    # The supervisor is killed while nothing of it is needed; the next command that needs one starts it.
    supervisor = supervisor_of(home)
    assert supervisor is not None
    os.kill(supervisor.pid, signal.SIGKILL)
    assert "goes on" in ludus(home, "resume")
    wait_for("more updates", home, lambda: run.heartbeat("learner").get("epoch") == 2 and step() > stopped_at)
    assert "pauses" in ludus(home, "pause")
    wait_for("the pause", home, lambda: status(home)["run"]["state"] == "paused")
    assert "goes on" in ludus(home, "resume")
    wait_for("training", home, lambda: status(home)["run"]["state"] == "training")
    assert "is running already" in ludus(home, "resume")
    assert "service_started" in ludus(home, "logs", "learner", "-n", "100")
    assert "supervising" in ludus(home, "logs", "supervisor")

    ludus(home, "down")
    assert status(home)["stack"]["state"] == "down"
    for weights in run.path.glob("checkpoints/*/*.safetensors"):
        weights.write_bytes(b"not what was written")
    ludus(home, "up")
    wait_for("the failure", home, lambda: run.outcome().get("state") == "failed")
    wait_for("the end", home, lambda: not [one for one in status(home)["run"]["services"] if one["alive"]])
    said = ludus(home, "attach", code=1)
    assert "life failed: learner: " in said
    assert "ludus resume life" in said
    assert "checkpoint" in said
    said = ludus(home, "status")
    assert "learner" in said
    assert "exit code 2" in said


def scrape(port: int) -> str:
    from urllib.request import urlopen

    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text: str = answer.read().decode()
    return text
