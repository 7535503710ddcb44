"""Simulators join and leave during a run, by SIGTERM and by kill -9: no match is lost, none counts twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ludus.api.v1.match_pb2 import MatchResult
from ludus.kernel.bus import Bus
from ludus.kernel.topology import RESULTS

from .conftest import Cli  # type: ignore[import-untyped]
from .test_kills import check_ledger  # type: ignore[import-untyped]

RUN = "joining"


def _join(ludus: Cli, worker: int, log: Path) -> subprocess.Popen[bytes]:
    """One more simulator, as another machine would start it."""
    url = json.loads((ludus.home / "stack.json").read_text())["nats_url"]
    command = [sys.executable, "-P", "-m", "ludus.simulator", "--config", str(ludus.run_folder(RUN) / "config.json")]
    with log.open("wb") as output:
        return subprocess.Popen([*command, "--nats-url", url, "--worker", str(worker)], stdout=output, stderr=output)


@pytest.mark.slow
@pytest.mark.timeout(1200)
async def test_simulators_come_and_go(ludus: Cli, tmp_path: Path) -> None:
    ludus("train", "dogfight", "--preset", "quick", "--run", RUN, "--seed", "5", "--detach", "--decisions", "1600000")

    def step() -> int:
        return int(ludus.heartbeat(RUN, "learner").get("step") or 0)

    def ready(worker: int) -> bool:
        return bool(ludus.heartbeat(RUN, f"simulator-{worker}").get("state") == "ready")

    ludus.wait_for("training", lambda: step() >= 2, 180)
    joined = [_join(ludus, worker, tmp_path / f"{worker}.log") for worker in (7, 8)]
    ludus.wait_for("both to play", lambda: ready(7) and ready(8), 300)
    begun = step()
    ludus.wait_for("updates with three", lambda: step() >= begun + 4, 300)

    joined[0].send_signal(signal.SIGTERM)
    assert joined[0].wait(30) == 0
    os.kill(joined[1].pid, signal.SIGKILL)
    joined[1].wait(10)

    ludus.wait_for("the end", lambda: (ludus.run_folder(RUN) / "summary.json").exists(), 400)
    url = json.loads((ludus.home / "stack.json").read_text())["nats_url"]
    await check_ledger(url, RUN)
    assert {"simulator-0", "simulator-7", "simulator-8"} <= await _workers(url)
    assert ludus("league", "replay", RUN).stdout.strip().endswith("identical")


async def _workers(url: str) -> set[str]:
    """Whoever has played a match of the ledger."""
    bus = await Bus.connect(url, RUN, "test")
    try:
        return {MatchResult.FromString(record.data).worker for record in await bus.read(RESULTS, 1, 1_000_000, 10.0)}
    finally:
        await bus.close()
