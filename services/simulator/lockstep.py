"""The simulator of a run in lockstep: window after window in an order that no clock and no crash can change.

Window w is played with the version that the learner's head names for it, after the league has written its orders. What
the window depends on is the state at its beginning, and that lies with the learner: the last slab of a window carries
the state after it, the head names the one that the next window begins with. Whoever starts, or sees the learner start,
takes it from there; so a window is played again, if need be, exactly as it was played before.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import NamedTuple

from google.protobuf.message import DecodeError

from ..api.v1.lockstep_pb2 import ArenaState, Orders
from ..api.v1.match_pb2 import MatchResult, Ticket
from ..api.v1.policy_pb2 import PolicyHead
from ..api.v1.rollout_pb2 import Rollout
from ..kernel.blobs import BlobMissing, get_blob
from ..kernel.bus import Bucket, StreamFull
from ..kernel.context import Context
from ..kernel.service import Fatal
from ..kernel.topology import RESULTS, ROLLOUTS, RUN_BUCKET, orders_key
from ..play.intake import check_ticket
from ..play.store import PolicyStore
from .table import Table

POLL_SECONDS = 0.01
#: The server forgets rollouts when it dies: a window that nobody learned from in this time is sent again.
RESEND_SECONDS = 3.0


class Place(NamedTuple):
    """A window of an epoch of the learner."""

    epoch: int
    window: int


class Lockstep:
    """One worker. `table` must be as it was built: that is where window 0 begins."""

    def __init__(self, ctx: Context, table: Table, store: PolicyStore, run: Bucket) -> None:
        self._ctx = ctx
        self._table = table
        self._store = store
        self._run = run
        self._scratch = table.arena.snapshot()
        self._next: Place | None = None
        self._sent: list[Rollout] = []
        self._sent_at = 0.0

    @classmethod
    async def open(cls, ctx: Context, table: Table, store: PolicyStore) -> Lockstep:
        """Raises Fatal for a game that cannot be put back into an earlier state."""
        try:
            return cls(ctx, table, store, await ctx.bus.bucket(RUN_BUCKET))
        except ValueError as error:
            raise Fatal(f"lockstep is not possible: {error}. Start a run without it.") from error

    async def run(self) -> None:
        """Play windows until told to stop."""
        self._ctx.not_ready("waiting for the learner's first weights and the league's first orders")
        while not self._ctx.stopping.is_set():
            self._ctx.round()
            head = await self._store.head(self._ctx.config.agent_names[0])
            if head is None or self._ctx.paused or not await self._turn(head):
                await asyncio.sleep(POLL_SECONDS)

    async def _turn(self, head: PolicyHead) -> bool:
        """Play the window that the head asks for. False if there is nothing to play yet."""
        due = Place(head.policy.epoch, head.window)
        if self._next == (due.epoch, due.window + 1):
            await self._resend()
            return False
        if self._next != due and not await self._go_to(due, head):
            return False
        orders = await self._orders(due.window)
        if orders is None or not await self._load(orders.tickets) or not await self._store.take(head):
            return False
        arena = self._table.arena
        for ticket in orders.tickets:
            arena.offer(ticket)
        arena.fill()
        self._ctx.ready()
        results = await asyncio.to_thread(self._table.play_window)
        await self._send(results, due, (await asyncio.to_thread(arena.snapshot)).SerializeToString())
        self._table.report(results, len(arena.queue))
        self._next = Place(due.epoch, due.window + 1)
        return True

    async def _go_to(self, due: Place, head: PolicyHead) -> bool:
        """Take the state that window `due` begins with. False while it cannot be read."""
        state = self._scratch
        if head.simulator_state:
            try:
                state = ArenaState.FromString(await get_blob(self._ctx.bus, head.simulator_state))
            except (BlobMissing, DecodeError) as error:
                self._ctx.not_ready(f"the simulator's state of window {due.window} is not readable: {error}")
                return False
        elif due.window:
            raise Fatal(
                f"window {due.window} is to be played, but the learner has no state of the simulator for it: its "
                "checkpoint is from a run that was not in lockstep. Start a new run."
            )
        if not await self._load(state.tickets):
            return False
        try:
            self._table.arena.restore(state)
        except ValueError as error:
            raise Fatal(f"the simulator's state of window {due.window} does not fit this run: {error}") from error
        self._next = due
        return True

    async def _orders(self, window: int) -> Orders | None:
        entry = await self._run.get(orders_key(window))
        if entry is None:
            return None
        orders = Orders.FromString(entry.value)
        for ticket in orders.tickets:
            try:
                check_ticket(ticket, self._ctx.config, self._table.arena.game.spec.per_match)
            except ValueError as error:
                raise Fatal(f"ticket {ticket.ticket_id!r} of window {window} cannot be played: {error}") from error
        return orders

    async def _load(self, tickets: Iterable[Ticket]) -> bool:
        """The policies that the tickets name. False while one of them cannot be read."""
        for ticket in tickets:
            if problem := await self._store.load_all(ticket):
                self._ctx.not_ready(f"ticket {ticket.ticket_id} waits: {problem}")
                return False
        return True

    async def _send(self, results: list[MatchResult], place: Place, state: bytes) -> None:
        """The results one after the other, in the order in which the matches ended; then, with all of them in the
        ledger, the slabs."""
        for result in results:
            await self._ctx.bus.publish(RESULTS, result.SerializeToString(), msg_id=f"match-{result.match}")
        self._sent = self._table.cut(f"lockstep.{place.epoch}.{place.window}")
        for slab in self._sent:
            slab.window = place.window
        self._sent[-1].simulator_state = state
        await self._publish()

    async def _resend(self) -> None:
        if time.monotonic() - self._sent_at > RESEND_SECONDS:
            await self._publish()

    async def _publish(self) -> None:
        """The slabs in their order. Where the stream has no room, the rest is for `_resend`."""
        self._sent_at = time.monotonic()
        for slab in self._sent:
            data, msg_id = slab.SerializeToString(), f"rollout-{slab.rollout_id}"
            try:
                await self._ctx.bus.publish(ROLLOUTS, data, token=slab.behaviour.agent, msg_id=msg_id)
            except StreamFull:
                return
