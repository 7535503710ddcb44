"""Whoever the league works with, played by producers of real messages on a real bus."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter

from ludus.api.v1 import match_pb2 as m
from ludus.api.v1 import run_pb2 as run
from ludus.api.v1.health_pb2 import LearnerHealth
from ludus.api.v1.policy_pb2 import PolicyHead, PolicyRef
from ludus.kernel.blobs import put_blob
from ludus.kernel.bus import Bus, BusError
from ludus.kernel.config import RunConfig
from ludus.kernel.topology import CONSUMERS, HEALTH, POLICIES_BUCKET, RESULTS, RUN_BUCKET


class Players:
    """Takes tickets of both pools and writes results, like simulators and evaluators: at least once, in any order."""

    def __init__(self, bus: Bus, seed: int = 1, per_second: float = 2000.0) -> None:
        self.bus, self.random, self.per_second = bus, random.Random(seed), per_second
        self.tried: set[int] = set()
        self.acknowledged: set[int] = set()
        self.evaluated: list[m.Ticket] = []
        self.lies: Counter[str] = Counter()
        """acknowledged results that must be refused, by the reason"""
        self.lying = 0.0
        """share of training results before which a false one is written"""
        self.stopping = False
        """Set, they finish the ticket in hand and leave."""

    async def play(self, consumer: str, pool: str) -> None:
        """Every result of a ticket is acknowledged before the ticket is."""
        puller = await self.bus.puller(CONSUMERS[consumer], pool)
        while not self.stopping:
            deliveries = await puller.fetch(8, 0.5)
            self.random.shuffle(deliveries)
            for delivery in deliveries:
                ticket = m.Ticket.FromString(delivery.data)
                if pool == "evaluate":
                    self.evaluated.append(ticket)
                await self.lie(ticket)
                await asyncio.gather(*(self.write(ticket, index) for index in range(ticket.matches)))
                if self.random.random() < 0.1:  # a simulator that died after writing: its ticket comes again
                    await asyncio.gather(*(self.write(ticket, index, "again-") for index in range(ticket.matches)))
                with contextlib.suppress(BusError):  # a killed server may have forgotten it: it comes again
                    await delivery.ack_sync()
                await asyncio.sleep(ticket.matches / self.per_second)

    async def lie(self, ticket: m.Ticket) -> None:
        """Now and then a result that must not count, of a match that is still to come."""
        if self.random.random() >= self.lying or ticket.pool != "train" or len(self.acknowledged) < 50:
            return
        reason, result = self.random.choice(("void", "unknown-ticket", "forged", "stale-epoch")), self.result(ticket, 0)
        if reason == "void" and self.random.random() < 0.5:
            result.outcome, result.void_reason = m.OUTCOME_VOID, "the worker was lost"
        elif reason == "void":  # another's weights in a fixed seat
            result.policies_at_end[1].CopyFrom(PolicyRef(agent="main", epoch=1, step=3, sha256="ab"))
        elif reason == "unknown-ticket":
            result.ticket_id, result.match, result.seal = "train-999999", result.match + 10**9, b""
        elif reason == "forged":
            result.match += 10**9
        else:
            result.policies_at_end[0].epoch = 0
        await self.bus.publish(RESULTS, result.SerializeToString(), msg_id=f"lie-{ticket.ticket_id}")
        self.lies[reason] += 1

    async def write(self, ticket: m.Ticket, index: int, copy: str = "") -> None:
        number = ticket.first_match + index
        self.tried.add(number)
        data = self.result(ticket, index).SerializeToString()
        await self.bus.publish(RESULTS, data, msg_id=f"{copy}match-{number}")
        self.acknowledged.add(number)

    def result(self, ticket: m.Ticket, index: int) -> m.MatchResult:
        number = ticket.first_match + index
        return m.MatchResult(
            match=number, ticket_id=ticket.ticket_id, run=ticket.run, purpose=ticket.purpose, players=ticket.players,
            first_seat=index % 2, outcome=self.outcome(ticket, number), ending="timeout",
            seed=ticket.seeds[index // 2], decisions=100, scores=[1.0, -1.0],
            policies_at_end=[player.policy for player in ticket.players], worker="double",
            regime=ticket.regime, seal=ticket.seals[index] if ticket.seals else b"",
        )  # fmt: skip

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

    async def learn_step_by_step(self, seconds_per_update: float) -> None:
        """The same, but the version of a snapshot stays the newest until it is in the pool, however slow the league."""
        bucket = await self.bus.bucket(RUN_BUCKET)
        for step in range(self.config.total_updates + 1):
            await self.publish(step)
            await asyncio.sleep(seconds_per_update)
            while step % self.config.league.snapshot_updates == 0:
                entry = await bucket.get("state")
                pool = run.RunRecord.FromString(entry.value).pool if entry else ()
                if f"main@1.{step}" in pool:
                    break
                await asyncio.sleep(0.02)
