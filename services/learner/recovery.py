"""The learner's side of a rollback: carry a fenced intent on to its end, each step so that it can be repeated.

FENCED → LOADED (the whole target or nothing) → VERIFIED (its hashes, and what is in memory) → a checkpoint of it in the
new epoch, so that a restart finds it → published → RESUMED. A learner that dies anywhere on the way begins again with
the same target when it is started: nothing of the collapse is published in between.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ..kernel.bus import Bucket, Bus
from ..kernel.clock import Periodic
from ..kernel.intent import WITH_LEARNER, Guidance, Intent, Slot, read_guidance
from ..kernel.topology import RUN_BUCKET
from .state import State

LOOK_SECONDS = 0.5


class Recovery:
    """What the controller wants of this agent's learner."""

    def __init__(self, bucket: Bucket, agent: str) -> None:
        self._bucket, self._agent = bucket, agent
        self._slot = Slot(bucket, agent)
        self._look = Periodic(LOOK_SECONDS)

    @classmethod
    async def open(cls, bus: Bus, agent: str) -> Recovery:
        return cls(await bus.bucket(RUN_BUCKET), agent)

    async def pending(self) -> Intent | None:
        """A rollback that is the learner's to carry out."""
        intent = await self._slot.read()
        return intent if intent is not None and intent.step in WITH_LEARNER else None

    async def guidance(self) -> Guidance:
        """Overrides and protected checkpoints as the controller has written them."""
        return await read_guidance(self._bucket, self._agent)

    def due(self) -> bool:
        """Whether it is time to look again."""
        return self._look.due()

    async def loaded(self, epoch: int) -> None:
        """The target is in memory. Raises Conflict if the controller has given up meanwhile."""
        await self._slot.advance("loaded", epoch=epoch)

    async def verified(self) -> None:
        await self._slot.advance("verified")

    async def resumed(self) -> None:
        """The restored version is durable and published in the new epoch."""
        await self._slot.advance("resumed", ended=time.time())

    async def aborted(self, detail: str) -> None:
        """The target cannot be loaded; the controller names another one, or pauses the run."""
        await self._slot.advance("aborted", detail=detail, unloadable=True, ended=time.time())


def settle(state: State, intent: Intent, begin: Callable[[], None]) -> None:
    """What differs from a plain restore: it would collapse again in the same way."""
    begin()
    left = state.controls.critic_only_updates
    left.fill_(max(int(left), intent.critic_only_updates))
    if intent.reset_moments:
        optimizer = state.optimizer
        for tensor in (optimizer.mean, optimizer.square, optimizer.steps):
            tensor.zero_()
