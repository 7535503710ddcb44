"""Rollouts from the bus: checked, held unacknowledged until they are used, or dropped and counted.

Holding without acknowledging is what bounds the lag: ROLLOUTS has a fixed depth and a held slab still takes its place,
so the simulator waits for room instead of running ahead of the learner.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from ..kernel import deadletter
from ..kernel.bus import Bus, Delivery
from ..kernel.epochs import current_epoch
from ..kernel.metrics import Metrics
from ..kernel.topology import CONSUMERS
from ..play.architecture import Architecture
from .publisher import replaced
from .slab import Refused, Slab, check_version, check_window, decode
from .state import Counters, Versions

log = logging.getLogger(__name__)

FETCH_SECONDS = 1.0
#: Held slabs are claimed again well before the server would hand them out a second time.
CLAIM_SECONDS = CONSUMERS["learner"].ack_wait_seconds / 3
#: Ids of used slabs that are remembered, against redelivery after a lost acknowledgement.
REMEMBERED = 1024
#: One line in the log per reason and this many seconds.
LOG_SECONDS = 10.0


@dataclass(slots=True)
class _Held:
    slab: Slab
    delivery: Delivery
    claimed: float
    arrived: float
    """Unix time, for people"""


class Collector:
    """Fetches in the background; `take` hands out whole batches. `counters` is the learner's live position.

    In lockstep a batch is the one window that is due, its slabs in the order in which they were cut.
    """

    def __init__(
        self,
        bus: Bus,
        metrics: Metrics,
        agent: str,
        architecture: Architecture,
        versions: Versions,
        counters: Callable[[], Counters],
        *,
        max_lag: int,
        buffer_slabs: int,
        window_slabs: int = 1,
        lockstep: bool = False,
    ) -> None:
        """`window_slabs`: the simulator waits for room for so many."""
        self._bus = bus
        self._metrics = metrics
        self._agent = agent
        self._architecture = architecture
        self._versions = versions
        self._counters = counters
        self._max_lag = max_lag
        self._buffer_slabs, self._window_slabs = buffer_slabs, window_slabs
        self._lockstep = lockstep
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._used: OrderedDict[str, None] = OrderedDict()
        self._arrived = asyncio.Event()
        self._logged: dict[str, float] = {}

    async def run(self) -> None:
        """Fetch for ever; cancel to end. At most `buffer_slabs` are held: that many fit into the stream."""
        puller = await self._bus.puller(CONSUMERS["learner"], self._agent)
        while True:
            await self._claim()
            room = self._buffer_slabs - len(self._held)
            if room <= 0:
                await asyncio.sleep(0.02)
                continue
            for delivery in await puller.fetch(room, FETCH_SECONDS):
                await self._receive(delivery)

    async def take(self, decisions: int, timeout_seconds: float) -> list[Slab]:
        """The oldest slabs that make up at least `decisions`, acknowledged; [] if they are not there in time."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            self._arrived.clear()
            await self._drop_outdated()
            chosen = self._choose(decisions)
            if chosen:
                break
            try:
                async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                    await self._arrived.wait()
            except TimeoutError:
                chosen = self._stuck()
                break
        for held in chosen:
            await self._forget(held.slab.rollout_id)
        if chosen:
            self._metrics.inc("ludus_learner_rollouts_accepted_total", len(chosen))
        slabs = [held.slab for held in chosen]
        return sorted(slabs, key=_number) if self._lockstep else slabs

    def _choose(self, decisions: int) -> list[_Held]:
        """The oldest slabs of at least so many decisions.

        A full buffer is a batch whatever it holds: an agent that learns in few matches has small slabs, and no more
        would come.
        """
        chosen, total = [], 0
        for held in self._held.values():
            chosen.append(held)
            total += held.slab.decisions
            if total >= decisions:
                return chosen
        return chosen if len(chosen) >= self._buffer_slabs and not self._lockstep else []

    def _stuck(self) -> list[_Held]:
        """What is held, if there is no room for a whole window, so that nothing more comes: a window of few matches may
        have fewer slabs than others."""
        room = self._buffer_slabs - len(self._held)
        return list(self._held.values()) if room < self._window_slabs and not self._lockstep else []

    async def _receive(self, delivery: Delivery) -> None:
        try:
            slab = decode(delivery.data, self._bus.run, self._agent, self._architecture)
            if slab.behaviour.epoch > self._counters().epoch:
                await self._check_epoch(delivery)
            self._check(slab)
        except Refused as refusal:
            await self._drop(delivery, refusal)
            return
        if slab.rollout_id in self._used:
            await self._drop(delivery, Refused("duplicate", slab.rollout_id, poison=False))
            return
        # A second delivery of a held slab replaces the first: the server listens to the newest only.
        self._held[slab.rollout_id] = _Held(slab, delivery, time.monotonic(), time.time())
        self._show()
        self._arrived.set()

    async def _check_epoch(self, delivery: Delivery) -> None:
        """Rollouts of a later epoch: another learner works for this agent, or the message lies. Raises Fatal."""
        own, newest = self._counters().epoch, await current_epoch(self._bus, self._agent)
        if newest > own:
            await delivery.nak()
            raise replaced(self._bus.run, self._agent, own, newest)

    def _check(self, slab: Slab) -> None:
        counters = self._counters()
        check_version(slab.behaviour, counters.epoch, counters.step, self._max_lag)
        if slab.behaviour.step not in self._versions:
            raise Refused("unknown_version", f"step {slab.behaviour.step} is not in memory", poison=False)
        if self._lockstep:
            check_window(slab.window, counters.window)

    async def _drop_outdated(self) -> None:
        for rollout_id, held in list(self._held.items()):
            try:
                self._check(held.slab)
            except Refused as refusal:
                await self._drop(held.delivery, refusal)
                del self._held[rollout_id]
        self._show()

    async def _forget(self, rollout_id: str) -> None:
        await self._held.pop(rollout_id).delivery.ack()
        self._used[rollout_id] = None
        while len(self._used) > REMEMBERED:
            self._used.popitem(last=False)
        self._show()

    async def _claim(self) -> None:
        now = time.monotonic()
        for held in self._held.values():
            if now - held.claimed > CLAIM_SECONDS:
                await held.delivery.in_progress()
                held.claimed = now

    async def _drop(self, delivery: Delivery, refusal: Refused) -> None:
        """Poison is terminated, the rest acknowledged: neither comes back."""
        if refusal.poison:
            await deadletter.bury(self._bus, delivery, str(refusal))
        else:
            await delivery.ack()
        self._metrics.inc("ludus_learner_rollouts_dropped_total", reason=refusal.reason)
        if refusal.reason == "not_finite":
            self._metrics.inc("ludus_learner_nonfinite_total")
        now = time.monotonic()
        if now - self._logged.get(refusal.reason, -LOG_SECONDS) >= LOG_SECONDS:
            self._logged[refusal.reason] = now
            log.warning("dropped a rollout: %s (more of these are counted, not logged)", refusal)

    def _show(self) -> None:
        oldest = min((held.arrived for held in self._held.values()), default=0.0)
        self._metrics.set("ludus_learner_queue_depth", len(self._held))
        self._metrics.set("ludus_learner_oldest_rollout_timestamp_seconds", oldest)


def _number(slab: Slab) -> int:
    """The number at the end of its id: which part of the window it is."""
    return int(slab.rollout_id.rpartition(".")[2])
