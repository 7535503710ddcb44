"""The gate of the evaluator and a real league on a real bus: every verdict arrives as an event and is carried out."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ludus.api.v1 import match_pb2 as m
from ludus.api.v1 import run_pb2 as run
from ludus.api.v1.event_pb2 import Event
from ludus.evaluator.gate.service import Gate
from ludus.kernel.bus import Bus
from ludus.kernel.config import RunConfig, dump, load
from ludus.kernel.context import Context
from ludus.kernel.heartbeat import Heartbeat
from ludus.kernel.metrics import Metrics
from ludus.kernel.nats_server import NatsServer
from ludus.kernel.topology import EVENTS, RUN_BUCKET

from .league_kit import Learner, Players

CONFIG = Path(__file__).parents[2] / "configs" / "dogfight-quick.toml"
UPDATES = 20
SETTINGS = {
    "run": "demo", "decisions": UPDATES * 16_384, "evaluator.every_updates": 10, "bus.patience_seconds": 30,
    "evaluator.matches_per_opponent": 40, "evaluator.final_matches_per_opponent": 40,
    "evaluator.other_play_matches_per_opponent": 0, "evaluator.gate.enabled": True, "evaluator.gate.elo1": 200,
    "evaluator.gate.batch_matches": 40, "evaluator.gate.most_matches": 80,
}  # fmt: skip


class Judged(Players):
    """The panel is won by everybody; a candidate of the gate wins, loses, or takes turns with the champion."""

    word = ""

    def outcome(self, ticket: m.Ticket, number: int) -> m.Outcome:
        if ticket.purpose != m.PURPOSE_PROBE:
            return m.OUTCOME_FIRST_WINS
        index = number - ticket.first_match
        pairs = "WLWLWWLWLW" if int(ticket.ticket_id.rpartition("-")[2]) % 2 else "WLWLWWLWWW"
        won = pairs[index // 2 % 10] == "W"  # 13 of 20: between the scores of elo0 and of elo1
        level = m.OUTCOME_FIRST_WINS if won else m.OUTCOME_SECOND_WINS
        return {"promoted": m.OUTCOME_FIRST_WINS, "rejected": m.OUTCOME_SECOND_WINS}.get(self.word, level)


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[tuple[Bus, RunConfig, str]]:
    server = NatsServer(tmp_path / "nats")
    server.start()
    config = load(CONFIG, [*SETTINGS.items(), ("directory", str(tmp_path))], environment={})
    (tmp_path / "config.json").write_text(dump(config))
    bus = await Bus.connect(server.url, "demo", "test", patience_seconds=30)
    await bus.declare(rollout_depth=4)
    try:
        yield bus, config, server.url
    finally:
        await bus.close()
        server.kill9()


def context(bus: Bus, config: RunConfig, folder: Path) -> Context:
    heartbeat = Heartbeat(folder / "services" / "evaluator.json", name="evaluator", service="evaluator")
    metrics = Metrics("evaluator")
    return Context(config, "evaluator", "evaluator", 0, False, 0, bus, metrics, heartbeat)


@pytest.mark.parametrize("word", ["promoted", "rejected", "inconclusive"])
async def test_a_verdict_is_an_event_that_the_league_carries_out(
    bus: tuple[Bus, RunConfig, str], tmp_path: Path, word: str
) -> None:
    connection, config, url = bus
    ctx = context(connection, config, tmp_path)
    players, learner = Judged(connection), Learner(connection, config)
    players.word = word
    command = [sys.executable, "-m", "ludus.league", "--config", str(tmp_path / "config.json"), "--nats-url", url]
    league = await asyncio.create_subprocess_exec(*command, stderr=(tmp_path / "league.log").open("wb"))
    work = (
        ctx.watch(), Gate(ctx).run(), learner.learn_step_by_step(0.05),
        players.play("simulator", "train"), players.play("evaluator", "evaluate"),
    )  # fmt: skip
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        assert await asyncio.wait_for(league.wait(), 90) == 0, (tmp_path / "league.log").read_text()[-3000:]
    finally:
        for task in tasks:
            task.cancel()
        with contextlib.suppress(ProcessLookupError):
            league.kill()

    found = [Event.FromString(record.data) for record in await connection.read(EVENTS, 1, 500, timeout_seconds=1)]
    verdicts = [json.loads(event.detail_json) for event in found if event.kind == "verdict"]
    assert {verdict["word"] for verdict in verdicts} == {word}, [event.message for event in found]
    assert all(sum(verdict["pentanomial"]) > 0 for verdict in verdicts), "how many pairs it rests on"
    entry = await (await connection.bucket(RUN_BUCKET)).get("state")
    record = run.RunRecord.FromString(entry.value)
    assert record.state == run.RUN_STATE_FINISHED
    assert not record.gate.candidate
    final = f"main@1.{UPDATES}"
    assert final in {verdict["candidate"] for verdict in verdicts}
    assert (record.champions[-1] == final) == (word == "promoted")
    assert [event.kind for event in found].count("promotion") == (len(record.champions) - 1)
    assert record.champions[-1] in record.pool
