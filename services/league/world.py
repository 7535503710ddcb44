"""What the director looks at, read from the bus: versions of the learner, its health, tickets not yet played."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence

from google.protobuf.message import DecodeError

from ..api.v1.event_pb2 import Event
from ..api.v1.health_pb2 import LearnerHealth
from ..api.v1.policy_pb2 import PolicyHead, PolicyRef
from ..kernel.blobs import BlobMissing, keep_blob
from ..kernel.bus import Bucket, Bus
from ..kernel.players import version_id, version_key
from ..kernel.promotion import VERDICT, Verdict, read_verdict
from ..kernel.topology import CONSUMERS, EVALUATE_POOL, EVENTS, HEALTH, POLICIES_BUCKET, TICKETS, TRAIN_POOL
from .keeper import Keeper
from .view import Seen, View

log = logging.getLogger(__name__)


class World:
    """A cache of what never changes (kept versions) around reads of what does."""

    def __init__(
        self, bus: Bus, policies: Bucket, agents: Sequence[str], exploiters: Collection[str] = (), *, gate: bool = False
    ) -> None:
        self._bus = bus
        self._policies = policies
        self._agents = tuple(agents)
        self._exploiters = frozenset(exploiters)
        self._gate = gate
        self._seen: dict[str, PolicyHead] = {}
        self.healths = {agent: LearnerHealth() for agent in agents}
        self.catalog: dict[str, PolicyRef] = {}
        self.lost: set[str] = set()
        self.tickets_waiting = 0

    @classmethod
    async def open(
        cls, bus: Bus, agents: Sequence[str], exploiters: Collection[str] = (), *, gate: bool = False
    ) -> World:
        """`gate`: verdicts are looked for."""
        world = cls(bus, await bus.bucket(POLICIES_BUCKET), agents, exploiters, gate=gate)
        await world.read_catalog()
        return world

    async def read_catalog(self) -> None:
        """Every kept version of the agents."""
        for key in await self._policies.keys():
            agent, _, version = key.partition(".")
            if agent in self._agents and version != "head":
                head = await self._read(key)
                if head is not None and head.pinned:
                    self.catalog[version_id(head.policy)] = head.policy

    async def view(self, keeper: Keeper) -> View:
        """One look at everything. The order matters: results are counted after the tickets that brought them."""
        heads = {agent: await self._read(f"{agent}.head") for agent in self._agents}
        self._seen |= {version_id(head.policy): head for head in heads.values() if head is not None}
        await self._read_healths()
        self.tickets_waiting = await self._bus.waiting(TICKETS, TRAIN_POOL)
        undelivered = await self._bus.undelivered(CONSUMERS["simulator"], TRAIN_POOL)
        evaluation_waiting = await self._bus.waiting(TICKETS, EVALUATE_POOL)
        first = heads[self._agents[0]]
        return View(
            agents={agent: await self._look(agent, head.policy if head else None) for agent, head in heads.items()},
            standings=keeper.state,
            training_waiting=self.tickets_waiting,
            training_undelivered=undelivered,
            evaluation_waiting=evaluation_waiting,
            caught_up=keeper.state.position >= await keeper.end(),
            catalog=self.catalog,
            window=first.window if first else 0,
            verdict=await self._verdict(),
            lost=frozenset(self.lost),
            exploiters=self._exploiters,
        )

    @property
    def step(self) -> int:
        """Updates made, averaged over the agents."""
        return sum(health.policy.step for health in self.healths.values()) // len(self.healths)

    async def keep(self, policy: PolicyRef) -> bool:
        """Make a version permanent: its weights first, then its entry. False when the weights are gone already."""
        player = version_id(policy)
        head = self._seen.get(player)
        try:
            if head is None:
                raise BlobMissing(f"{player} is not the newest version any more")
            await keep_blob(self._bus, policy.sha256)
        except BlobMissing as error:
            log.warning("%s cannot be kept: %s", player, error)
            self.lost.add(player)
            return False
        kept = PolicyHead()
        kept.CopyFrom(head)
        kept.pinned = True
        await self._policies.put(version_key(player), kept.SerializeToString(deterministic=True))
        self.catalog[player] = policy
        return True

    async def _look(self, agent: str, head: PolicyRef | None) -> Seen:
        health = self.healths[agent]
        finished = health.finished and head is not None and version_id(health.policy) == version_id(head)
        return Seen(head, await self._genesis(agent), head if finished else None)

    async def _genesis(self, agent: str) -> PolicyRef | None:
        """The oldest step 0: the one with the smallest epoch."""
        if not self._step_0(agent):
            await self.read_catalog()
        return min(self._step_0(agent), key=lambda policy: policy.epoch, default=None)

    def _step_0(self, agent: str) -> list[PolicyRef]:
        return [policy for policy in self.catalog.values() if policy.step == 0 and policy.agent == agent]

    async def _verdict(self) -> Verdict | None:
        record = await self._bus.last(EVENTS, VERDICT) if self._gate else None
        try:
            return None if record is None else read_verdict(Event.FromString(record.data).detail_json)
        except DecodeError:
            log.warning("the last verdict cannot be read")
            return None

    async def _read_healths(self) -> None:
        for agent in self._agents:
            record = await self._bus.last(HEALTH, agent)
            if record is not None:
                try:
                    self.healths[agent] = LearnerHealth.FromString(record.data)
                except DecodeError:
                    log.warning("health message %d cannot be read", record.sequence)

    async def _read(self, key: str) -> PolicyHead | None:
        entry = await self._policies.get(key)
        if entry is None:
            return None
        try:
            return PolicyHead.FromString(entry.value)
        except DecodeError:
            log.warning("entry %s of the policies cannot be read", key)
            return None
