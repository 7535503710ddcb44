"""kill -9 of any process during a run: it is restarted, the run ends well, no result is lost or counted twice."""

from __future__ import annotations

import json
import os
import signal

import pytest

from ludus.api.v1.match_pb2 import MatchResult
from ludus.api.v1.standings_pb2 import Standings
from ludus.kernel.bus import Bus
from ludus.kernel.topology import RESULTS, RUN_BUCKET

from .conftest import Cli  # type: ignore[import-untyped]

VICTIMS = ("simulator-0", "learner", "league", "evaluator", "nats-server")


def pid_of(ludus: Cli, run: str, victim: str) -> int:
    if victim == "nats-server":
        return int(json.loads((ludus.home / "stack.json").read_text())["nats_pid"] or 0)
    return int(ludus.heartbeat(run, victim).get("pid", 0))


def learner_step(ludus: Cli, run: str) -> int:
    return int(ludus.heartbeat(run, "learner").get("step") or 0)


@pytest.mark.timeout(500)
async def test_every_process_may_die_once(ludus: Cli) -> None:
    run = "kills"
    ludus("train", "dogfight", "--preset", "quick", "--run", run, "--seed", "5", "--detach", "--decisions", "1600000")
    killed = {}
    for k, victim in enumerate(VICTIMS):
        ludus.wait_for(f"update {4 + 6 * k}", lambda k=k: learner_step(ludus, run) >= 4 + 6 * k, seconds=120)
        killed[victim] = pid_of(ludus, run, victim)
        os.kill(killed[victim], signal.SIGKILL)
        ludus.wait_for(
            f"{victim} to come back",
            lambda victim=victim: pid_of(ludus, run, victim) not in (0, killed[victim]),
            seconds=60,
        )
    ludus.wait_for("the end of the run", lambda: (ludus.run_folder(run) / "summary.json").exists(), seconds=240)

    status = ludus("status", run).stdout
    for victim in VICTIMS:
        assert victim in status
    assert status.count("SIGKILL") >= len(VICTIMS)

    url = json.loads((ludus.home / "stack.json").read_text())["nats_url"]
    await check_ledger(url, run)
    assert ludus("league", "replay", run).stdout.strip().endswith("identical")


async def check_ledger(url: str, run: str) -> None:
    """Every record of the stream is accounted for, no match is counted twice, no rating point came from nowhere."""
    bus = await Bus.connect(url, run, "test")
    try:
        entry = await (await bus.bucket(RUN_BUCKET)).get("ledger")
        assert entry is not None
        standings = Standings.FromString(entry.value)
        records = await bus.read(RESULTS, 1, 1_000_000, 10.0)
        while len(records) < await bus.waiting(RESULTS):
            records += await bus.read(RESULTS, records[-1].sequence + 1, 1_000_000, 10.0)
    finally:
        await bus.close()
    assert [record.sequence for record in records] == list(range(1, len(records) + 1))
    matches = {MatchResult.FromString(record.data).match for record in records}
    refused = sum(standings.refused.values())
    assert standings.position == len(records) == standings.results + refused
    assert sum(part.last - part.first + 1 for part in standings.applied) == len(matches) == standings.results
    assert standings.refused.get("duplicate", 0) == len(records) - len(matches)
    assert sum(row.milli_elo for row in standings.players) == sum(row.initial_milli_elo for row in standings.players)
    assert standings.results > 200
