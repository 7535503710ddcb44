"""What the learner tells the others: the newest weights, its health, and which epoch it is.

The epoch is a fencing token in the run's key-value store. It rises at every start; a learner that finds the head of its
agent taken over by a later epoch has been replaced and must not write again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from ..api.v1.health_pb2 import LearnerHealth
from ..api.v1.policy_pb2 import PolicyHead, PolicyRef
from ..kernel.blobs import put_blob
from ..kernel.bus import Bus, Conflict
from ..kernel.service import Fatal
from ..kernel.topology import HEALTH, POLICIES_BUCKET
from ..play.weights import Manifest


def replaced(run: str, agent: str, own: int, newest: int) -> Fatal:
    """What a learner ends with when a later one works for its agent."""
    return Fatal(
        f"another learner has taken over agent {agent!r} of run {run!r}: it is in epoch {newest}, this one in {own}. "
        "Nothing is lost; let the newer one work."
    )


@dataclass(frozen=True, slots=True)
class Turn:
    """Lockstep: the window to be played next and the simulator's state at its beginning; none to begin from scratch."""

    window: int
    state: bytes


class Publisher:
    """Writes heads and health of one agent. `ref` is what was published last."""

    def __init__(self, bus: Bus, agent: str) -> None:
        self._bus = bus
        self._agent = agent
        self.ref = PolicyRef()

    async def head(self) -> PolicyHead | None:
        """The newest version announced by any epoch."""
        entry = await (await self._bus.bucket(POLICIES_BUCKET)).get(f"{self._agent}.head")
        return PolicyHead.FromString(entry.value) if entry else None

    async def publish(
        self, data: bytes, manifest: Manifest, parent: PolicyRef | None, turn: Turn | None = None
    ) -> PolicyRef:
        """Store the weights, then announce them. Raises Fatal if a later epoch has taken over.

        In lockstep `turn` says what the simulator is to do next.
        """
        await put_blob(self._bus, data, keep=False)
        head = head_of(data, manifest, parent, pinned=False)
        if turn is not None:
            head.window = turn.window
            head.simulator_state = await put_blob(self._bus, turn.state, keep=False) if turn.state else ""
        bucket = await self._bus.bucket(POLICIES_BUCKET)
        key = f"{self._agent}.head"
        while True:
            entry = await bucket.get(key)
            if entry and (epoch := PolicyHead.FromString(entry.value).policy.epoch) > manifest.epoch:
                raise replaced(self._bus.run, self._agent, manifest.epoch, epoch)
            try:
                await bucket.update(key, head.SerializeToString(), entry.revision if entry else 0)
            except Conflict:
                continue
            self.ref = head.policy
            return head.policy

    async def pin(self, data: bytes, manifest: Manifest) -> PolicyRef:
        """Keep a version for good, under a key of its own. Harmless when it is kept already."""
        await put_blob(self._bus, data, keep=True)
        head = head_of(data, manifest, None, pinned=True)
        bucket = await self._bus.bucket(POLICIES_BUCKET)
        await bucket.put(f"{self._agent}.{manifest.epoch}.{manifest.step}", head.SerializeToString())
        return head.policy

    async def has_pinned_start(self) -> bool:
        """Whether some epoch has announced and kept the untrained version of step 0."""
        keys = await (await self._bus.bucket(POLICIES_BUCKET)).keys()
        return any(key.startswith(f"{self._agent}.") and key.endswith(".0") for key in keys)

    async def health(self, health: LearnerHealth) -> None:
        """Once per committed update; the same (epoch, step) sent again is stored once."""
        ref = health.policy
        message_id = f"{ref.agent}.{ref.epoch}.{ref.step}"  # the server compares ids across the agents of a run
        if health.rejected:
            message_id += f".undone-{health.metrics['undone']:.0f}"
        await self._bus.publish(HEALTH, health.SerializeToString(), token=self._agent, msg_id=message_id)


def head_of(data: bytes, manifest: Manifest, parent: PolicyRef | None, *, pinned: bool) -> PolicyHead:
    """The announcement of these bytes."""
    architecture = manifest.architecture
    sha256 = hashlib.sha256(data).hexdigest()
    return PolicyHead(
        policy=PolicyRef(agent=manifest.agent, epoch=manifest.epoch, step=manifest.step, sha256=sha256),
        size_bytes=len(data),
        architecture_json=architecture.to_json(),
        architecture_sha256=architecture.sha256,
        game=manifest.game,
        rules=manifest.rules,
        observation=manifest.observation,
        decisions=manifest.decisions,
        code_version=manifest.code_version,
        parent=parent,
        pinned=pinned,
    )
