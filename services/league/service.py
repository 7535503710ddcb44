"""The league: folds results, directs the run, orders matches, answers people."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from ..api.v1.run_pb2 import RunRecord, RunStatus
from ..kernel.bus import Bucket, Conflict
from ..kernel.clock import Periodic
from ..kernel.seals import seal_key, sealed
from ..kernel.service import Context, Fatal
from ..kernel.topology import RUN_BUCKET, TICKETS, orders_key
from .commands import is_over, revived, state_name
from .director import step
from .folder import RunDirectory
from .gauges import Gauges
from .guests import admit_guests
from .keeper import Keeper, LedgerGap
from .ledger import fresh_state
from .mirror import Mirror, connect
from .plan import make_plan
from .rater import Rater
from .stages import in_force
from .status import build_status
from .store import RecordStore
from .training import TrainingLedger
from .view import Announce, Effect, Keep, Publish, View
from .watch import HealthWatch
from .world import World

#: How long one look at the ledger waits for a first result.
READ_SECONDS = 0.1
#: After the end of a run, results still on their way are folded until none has come for this long …
QUIET_SECONDS = 2.0
#: … but not longer than this.
DRAIN_SECONDS = 6.0


class Pace(NamedTuple):
    """How often the league does what."""

    read_seconds: float
    """one look at the ledger waits so long for a first result"""
    look_seconds: float
    """between two turns of the director"""
    loop_seconds: float
    """between two writes of the standings under load: many results are folded into one write"""


USUAL = Pace(READ_SECONDS, look_seconds=0.2, loop_seconds=0.05)
#: Everybody waits for the league's orders.
LOCKSTEP = Pace(read_seconds=0.01, look_seconds=0.0, loop_seconds=0.01)


class League:
    """Everything it must not forget is in the run's record and the standings; both are written by compare-and-set."""

    def __init__(
        self,
        ctx: Context,
        store: RecordStore,
        keeper: Keeper,
        world: World,
        rater: Rater,
        run: Bucket,
        key: bytes,
        health: HealthWatch,
    ) -> None:
        self.ctx, self.store, self.keeper, self.world, self._rater = ctx, store, keeper, world, rater
        self._run, self._key, self.health = run, key, health
        self._training = TrainingLedger(ctx.bus, ctx.config.league.elo_k, fresh_state(ctx.config.league.prior_elo))
        self._posted = -1
        self._plan = make_plan(ctx.config)
        self._gauges = Gauges(ctx.metrics, keeper.state)
        self._pace = LOCKSTEP if ctx.config.lockstep else USUAL
        self._look = Periodic(self._pace.look_seconds)
        self._folder = RunDirectory(ctx.config.directory)
        url = ctx.config.redis.url
        self._mirror = Mirror(connect(url), ctx.config.run, ctx.metrics) if url else None

    @classmethod
    async def open(cls, ctx: Context) -> League:
        store = await RecordStore.open(ctx.bus)
        if ctx.resume:
            await store.change(revived)
            RunDirectory(ctx.config.directory).forget_outcome()
        await admit_guests(ctx.bus, ctx.config)
        key = await seal_key(ctx.bus, deterministic=ctx.config.lockstep)
        keeper = await Keeper.open(ctx.bus, ctx.config.league.elo_k, key, fresh_state(ctx.config.league.prior_elo))
        gate = ctx.config.evaluator.gate.enabled
        world, run = (
            await World.open(ctx.bus, ctx.config.agent_names, ctx.config.exploiters, gate=gate),
            await ctx.bus.bucket(RUN_BUCKET),
        )
        return cls(ctx, store, keeper, world, Rater(ctx.metrics, run), run, key, await HealthWatch.open(ctx, store))

    async def run(self) -> None:
        """Work until the run is over or the process is told to stop."""
        while not is_over(self.store.record) and not self.ctx.stopping.is_set():
            began = time.monotonic()
            self.ctx.round()
            await self.fold(self._pace.read_seconds)
            if self._look.due():
                await self.direct()
                self._rater.look(self.keeper.state)
                if self._mirror:
                    self._mirror.look(self.keeper.state)
            if self.health.due():
                await self.health.look()
            await asyncio.sleep(max(0.0, self._pace.loop_seconds - (time.monotonic() - began)))
        if is_over(self.store.record):
            await self.conclude()

    async def fold(self, timeout_seconds: float) -> bool:
        """Apply what the ledger has; True if there was something. Raises Fatal when results are missing."""
        before = self.keeper.state
        try:
            state = await self.keeper.advance(timeout_seconds)
        except LedgerGap as error:
            raise Fatal(f"{error}. Restore the bus's storage from a backup, or start a new run.") from error
        if state is before:
            return False
        self._gauges.folded(state)
        self.ctx.beat(step=self.world.step, position=state.position, results=state.results)
        return True

    async def direct(self) -> None:
        """One turn of the director. Weights are kept first, numbers reserved second, tickets sent third."""
        view = await self.world.view(self.keeper)
        if self.ctx.config.lockstep:
            view = await self._settled(view)
        base = self.store.newest
        record, effects = step(self._plan, base.record, view)
        for effect in effects:
            if isinstance(effect, Keep) and not await self.world.keep(effect.policy):
                return  # decided again without this version
        try:
            await self.store.replace(base, record)
        except Conflict:
            await self.store.refresh()  # a command came in between: decided again
            return
        await self._post_orders(record)
        await self._carry_out(effects)
        self._report(record, view, sum(_is_snapshot(effect) for effect in effects))

    async def _settled(self, view: View) -> View:
        """The view with the whole ledger folded, as it was after the view: with every result of the windows before."""
        end = await self.keeper.end()
        while self.keeper.state.position < end:
            await self.fold(READ_SECONDS)
        training = await self._training.upto(end)
        return replace(view, standings=self.keeper.state, training=training, caught_up=True)

    async def _post_orders(self, record: RunRecord) -> None:
        """Lockstep: the newest orders, for the simulator. They stay: whoever goes back to an older checkpoint needs
        them again."""
        if not record.HasField("orders") or record.orders.window == self._posted:
            return
        data = record.orders.SerializeToString(deterministic=True)
        with suppress(Conflict):  # they are there already
            await self._run.create(orders_key(record.orders.window), data)
            self._gauges.issued(record.orders.tickets)
        self._posted = record.orders.window

    async def _carry_out(self, effects: list[Effect]) -> None:
        tickets = [sealed(effect.ticket, self._key) for effect in effects if isinstance(effect, Publish)]
        await asyncio.gather(
            *(
                self.ctx.bus.publish(
                    TICKETS, ticket.SerializeToString(), token=ticket.pool, msg_id=f"ticket-{ticket.ticket_id}"
                )
                for ticket in tickets
            )
        )
        self._gauges.issued(tickets)
        for effect in effects:
            if isinstance(effect, Announce):
                await self.ctx.event(effect.kind, effect.message, **effect.detail)

    async def conclude(self) -> None:
        """Write down how the run ended, then fold what still arrives while the others leave."""
        self._folder.write_outcome(self.store.record)
        began = quiet = time.monotonic()
        while time.monotonic() - began < DRAIN_SECONDS and time.monotonic() - quiet < QUIET_SECONDS:
            if await self.fold(READ_SECONDS):
                quiet = time.monotonic()
        await self._rater.last(self.keeper.state)
        if self._mirror:
            await self._mirror.last(self.keeper.state)

    def status(self) -> RunStatus:
        """For `ludus status` and consoles."""
        status = build_status(
            self.ctx.config,
            self.store.record,
            list(self.world.healths.values()),
            self.keeper.standings(),
            tickets_waiting=self.world.tickets_waiting,
            elapsed_seconds=self._folder.elapsed_seconds(),
        )
        status.warnings.extend(self.health.warnings())
        return status

    def _report(self, record: RunRecord, view: View, snapshots: int) -> None:
        total = self.ctx.config.total_updates
        stage = in_force(self._plan.stages, record, view.step).stage
        self._gauges.directed(record, view, stage, total, snapshots)
        self.ctx.beat(phase=record.phase, randomisation=record.randomisation, run_state=state_name(record.state))


def _is_snapshot(effect: Effect) -> bool:
    return isinstance(effect, Announce) and effect.kind == "snapshot"
