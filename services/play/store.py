"""Weights from the bus into the bank: by content hash, verified, once."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from ..api.v1.match_pb2 import Ticket
from ..api.v1.policy_pb2 import PolicyHead, PolicyRef
from ..kernel.blobs import BlobMissing, get_blob
from ..kernel.bus import Bucket, Bus
from ..kernel.guests import ONNX
from ..kernel.players import version_id, version_key
from ..kernel.topology import POLICIES_BUCKET
from .architecture import ArchitectureMismatch
from .bank import PolicyBank
from .fixed import FixedPolicy
from .guests import UnplayableGuest, load_guest
from .network import Actor
from .weights import CorruptWeights, from_bytes

log = logging.getLogger(__name__)


class PolicyStore:
    """Loads policies named by tickets and follows the newest version of every agent."""

    def __init__(self, bus: Bus, heads: Bucket, bank: PolicyBank, agents: Sequence[str]) -> None:
        self._bus = bus
        self._heads = heads
        self._bank = bank
        self._agents = tuple(agents)

    @classmethod
    async def open(cls, bus: Bus, bank: PolicyBank, agents: Sequence[str]) -> PolicyStore:
        return cls(bus, await bus.bucket(POLICIES_BUCKET), bank, agents)

    async def head(self, agent: str) -> PolicyHead | None:
        """The newest version announced, None before the learner's first."""
        entry = await self._heads.get(f"{agent}.head")
        return PolicyHead.FromString(entry.value) if entry else None

    async def follow(self) -> bool:
        """Make the newest versions the live ones. False while an agent has none, or one that is not readable."""
        heads = [await self.head(agent) for agent in self._agents]
        return all([head is not None and await self.take(head) for head in heads])

    async def take(self, head: PolicyHead) -> bool:
        """Make this version the live one, unless a newer one is. False while its weights are not readable."""
        ref = head.policy
        live = self._bank.live_ref(ref.agent)
        if (ref.epoch, ref.step) <= (live.epoch, live.step):
            return bool(live.sha256)
        try:
            data = await get_blob(self._bus, ref.sha256)
        except BlobMissing:
            log.warning("weights %s of %s %d.%d are not readable yet", ref.sha256[:12], ref.agent, ref.epoch, ref.step)
            return False
        self._bank.set_live(ref, self._actor(data))
        return True

    async def load_all(self, ticket: Ticket) -> str:
        """Load every held policy of a ticket. Returns "" or why it cannot be played."""
        for player in ticket.players:
            if player.bot or player.live:
                continue
            problem = await self._load(player.policy)
            if problem:
                return problem
        return ""

    async def _load(self, ref: PolicyRef) -> str:
        if ref.sha256 in self._bank:
            return ""
        try:
            data = await get_blob(self._bus, ref.sha256)
            self._bank.add(ref, await self._policy(ref, data))
        except (BlobMissing, CorruptWeights, ArchitectureMismatch, UnplayableGuest) as error:
            return f"policy {ref.agent}@{ref.epoch}.{ref.step}: {error}"
        return ""

    async def _policy(self, ref: PolicyRef, data: bytes) -> Actor | FixedPolicy:
        """Weights of this run's network, or a guest's ONNX file, which is checked against the contract once more."""
        entry = await self._heads.get(version_key(version_id(ref)))
        head = PolicyHead.FromString(entry.value) if entry else PolicyHead()
        return load_guest(data, head.game, head.rules) if head.format == ONNX else self._actor(data)

    def _actor(self, data: bytes) -> Actor:
        actor, _ = from_bytes(data, self._bank.architecture, compute_dtype=None)
        return actor
