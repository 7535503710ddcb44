"""The league as a real process on a real nats-server. The other side is played by producers of real protocol messages."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from ludus.api.v1 import match_pb2 as m
from ludus.api.v1 import run_pb2 as run
from ludus.api.v1 import services_pb2 as api
from ludus.api.v1.health_pb2 import LearnerHealth
from ludus.api.v1.policy_pb2 import PolicyHead, PolicyRef
from ludus.api.v1.services_pb2_grpc import ControlServiceStub, LeagueServiceStub
from ludus.kernel.blobs import get_blob, put_blob
from ludus.kernel.bus import Bus, Conflict
from ludus.kernel.config import RunConfig, dump, load
from ludus.kernel.topology import CONSUMERS, HEALTH, POLICIES_BUCKET, RESULTS, RUN_BUCKET
from ludus.league.replay import compare, refold

CONFIG = Path(__file__).parents[2] / "configs" / "dogfight-quick.toml"
UPDATES = 40


class Stack:
    """A nats-server, a league process, and a bus for everybody else."""

    def __init__(self, folder: Path, server: Any, config: RunConfig) -> None:
        self.folder, self.server, self.config = folder, server, config
        self.league: asyncio.subprocess.Process | None = None
        self.bus: Bus
        self.kills = 0

    async def start_league(self, *arguments: str) -> asyncio.subprocess.Process:
        log = (self.folder / "league.log").open("ab")
        command = [sys.executable, "-m", "ludus.league", "--config", str(self.folder / "config.json")]
        self.league = await asyncio.create_subprocess_exec(
            *command, "--nats-url", self.server.url, *arguments, stderr=log, start_new_session=True
        )
        return self.league

    async def kill_league(self) -> None:
        assert self.league is not None
        with contextlib.suppress(ProcessLookupError):
            self.league.send_signal(signal.SIGKILL)
        await self.league.wait()
        self.kills += 1

    async def keep_alive(self) -> None:
        """Restart the league whenever it dies, as the supervisor does; ends when it leaves in peace."""
        while True:
            process = self.league or await self.start_league()
            code = await process.wait()
            if code == 0:
                return
            assert code != 2, (self.folder / "league.log").read_text()
            await self.start_league()

    async def record(self) -> run.RunRecord:
        entry = await (await self.bus.bucket(RUN_BUCKET)).get("state")
        return run.RunRecord.FromString(entry.value) if entry else run.RunRecord()

    async def until(self, condition: Callable[[run.RunRecord], bool], seconds: float = 30) -> run.RunRecord:
        deadline = time.monotonic() + seconds
        while not condition(record := await self.record()):
            assert time.monotonic() < deadline, f"not reached in {seconds} s: {record}\n{self.tail()}"
            await asyncio.sleep(0.05)
        return record

    async def channel(self) -> grpc.aio.Channel:
        heartbeat = self.folder / "services" / "league.json"
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, ValueError, KeyError):
                fields = json.loads(heartbeat.read_text())
                if fields["pid"] == self.league.pid and fields["grpc_port"] and fields["state"] == "ready":
                    return grpc.aio.insecure_channel(f"127.0.0.1:{fields['grpc_port']}")
            await asyncio.sleep(0.05)
        raise AssertionError(f"the league did not get ready\n{self.tail()}")

    def tail(self) -> str:
        return (self.folder / "league.log").read_text()[-3000:]


class Players:
    """Takes tickets of both pools and writes results, like simulators and evaluators: at least once, in any order."""

    def __init__(self, bus: Bus, seed: int = 1, per_second: float = 2000.0) -> None:
        self.bus, self.random, self.per_second = bus, random.Random(seed), per_second
        self.numbers: set[int] = set()
        self.evaluated: list[m.Ticket] = []

    async def play(self, consumer: str, pool: str) -> None:
        puller = await self.bus.puller(CONSUMERS[consumer], pool)
        while True:
            deliveries = await puller.fetch(8, 0.5)
            self.random.shuffle(deliveries)
            for delivery in deliveries:
                ticket = m.Ticket.FromString(delivery.data)
                if pool == "evaluate":
                    self.evaluated.append(ticket)
                await asyncio.gather(*(self.write(ticket, index) for index in range(ticket.matches)))
                if self.random.random() < 0.1:  # a simulator that died after writing: its ticket comes again
                    await asyncio.gather(*(self.write(ticket, index, "again-") for index in range(ticket.matches)))
                await delivery.ack_sync()
                await asyncio.sleep(ticket.matches / self.per_second)

    async def write(self, ticket: m.Ticket, index: int, copy: str = "") -> None:
        number = ticket.first_match + index
        result = m.MatchResult(
            match=number, ticket_id=ticket.ticket_id, run=ticket.run, purpose=ticket.purpose, players=ticket.players,
            first_seat=index % 2, outcome=self.outcome(ticket, number), ending="timeout",
            seed=ticket.seeds[index // 2], decisions=100, scores=[1.0, -1.0],
            policies_at_end=[player.policy for player in ticket.players], worker="double",
        )  # fmt: skip
        await self.bus.publish(RESULTS, result.SerializeToString(), msg_id=f"{copy}match-{number}")
        self.numbers.add(number)

    def outcome(self, ticket: m.Ticket, number: int) -> m.Outcome:
        return m.Outcome.Value(("OUTCOME_FIRST_WINS", "OUTCOME_DRAW", "OUTCOME_SECOND_WINS")[number % 3])


class Learner:
    """Publishes versions and health, as the learner does."""

    def __init__(self, bus: Bus, config: RunConfig) -> None:
        self.bus, self.config = bus, config

    async def publish(self, step: int, epoch: int = 1) -> None:
        weights = f"weights {epoch} {step}".encode() * 100
        sha256 = await put_blob(self.bus, weights, keep=step == 0)
        head = PolicyHead(policy=PolicyRef(agent="main", epoch=epoch, step=step, sha256=sha256), pinned=step == 0)
        policies = await self.bus.bucket(POLICIES_BUCKET)
        if step == 0:
            await policies.put(f"main.{epoch}.0", head.SerializeToString())
        await policies.put("main.head", head.SerializeToString())
        total = self.config.total_updates
        health = LearnerHealth(
            policy=head.policy, total_steps=total, decisions=step * self.config.learner.batch_decisions,
            decisions_per_second=50_000, finished=step >= total, checkpoint_step=step,
        )  # fmt: skip
        await self.bus.publish(HEALTH, health.SerializeToString(), token="main", msg_id=f"{epoch}.{step}")

    async def learn(self, seconds_per_update: float) -> None:
        for step in range(self.config.total_updates + 1):
            await self.publish(step)
            await asyncio.sleep(seconds_per_update)


@contextlib.contextmanager
def background(*work: Any) -> Iterator[list[asyncio.Task[Any]]]:
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()


def run_config(folder: Path, **values: Any) -> RunConfig:
    overrides = {
        "run": "demo", "directory": str(folder), "decisions": UPDATES * 16_384, "league.snapshot_updates": 10,
        "evaluator.every_updates": 15, "evaluator.matches_per_opponent": 10,
        "evaluator.final_matches_per_opponent": 30, "bus.patience_seconds": 30,
    }  # fmt: skip
    return load(CONFIG, [*overrides.items(), *values.items()], environment={})


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    server = start_server(tmp_path / "nats")
    config = run_config(tmp_path)
    (tmp_path / "config.json").write_text(dump(config))
    made = Stack(tmp_path, server, config)
    made.bus = await Bus.connect(server.url, "demo", "test", patience_seconds=30)
    await made.bus.declare(rollout_depth=4)
    try:
        yield made
    finally:
        if made.league and made.league.returncode is None:
            await made.kill_league()
        await made.bus.close()
        server.stop()


async def check_ledger(stack: Stack, players: Players) -> None:
    """I1, I2, I3: every result once, standings equal to a replay bit for bit, ratings conserved."""
    comparison = await compare(stack.bus, k=stack.config.league.elo_k)
    assert comparison.identical, comparison.differences
    assert comparison.later == 0
    state = await refold(stack.bus, k=stack.config.league.elo_k)
    assert len(state.applied) == state.results == len(players.numbers)
    assert all(number in state.applied for number in players.numbers)
    end = await stack.bus.last(RESULTS)
    assert end is not None
    assert state.position == end.sequence == state.results + sum(state.refused.values())
    assert sum(row.milli_elo - row.initial_milli_elo for row in state.players.values()) == 0
    assert sum(pair.matches for pair in state.pairs.values()) == state.results


def check_panel(stack: Stack, state: Any) -> None:
    n = stack.config.evaluator.final_matches_per_opponent
    bots = [f"bot:{bot}" for bot in ("do_nothing", "chaser", "dogfighter", "ace", "brawler")]
    for candidate, opponents in (("main@1.0", bots), (f"main@1.{UPDATES}", [*bots, "main@1.0"])):
        for opponent in opponents:
            assert state.pair("evaluate", candidate, opponent).matches >= n, (candidate, opponent)


async def test_a_whole_run_to_its_end(stack: Stack) -> None:
    players, learner = Players(stack.bus), Learner(stack.bus, stack.config)
    await stack.start_league()
    work = (players.play("simulator", "train"), players.play("evaluator", "evaluate"), learner.learn(0.15))
    with background(*work):
        record = await stack.until(lambda record: record.state == run.RUN_STATE_FINISHED, 60)
    assert await asyncio.wait_for(stack.league.wait(), 15) == 0
    assert record.pool == ["main@1.0", "main@1.10", "main@1.20", "main@1.30", "main@1.40"]
    assert record.phase == "self-play"
    assert json.loads((stack.folder / "outcome.json").read_text())["state"] == "FINISHED"
    policies = await stack.bus.bucket(POLICIES_BUCKET)
    for member in record.pool:
        entry = await policies.get(member.replace("@", "."))
        head = PolicyHead.FromString(entry.value)
        assert head.pinned
        assert len(await get_blob(stack.bus, head.policy.sha256)) > 100
    state = await refold(stack.bus, k=stack.config.league.elo_k)
    check_panel(stack, state)
    assert {key.second for key in state.pairs if key.purpose == "train"} >= {"main@1.30", "bot:ace"}
