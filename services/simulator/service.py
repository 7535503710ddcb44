"""The simulator: plays training tickets in bulk and sends the learner what its seat saw.

A window of T decisions is played with one version of every agent's policy. It starts only when the learners' buffers
have room for it, so that data is never more than a step or two behind (`learner.max_lag` bounds it).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

from ..api.v1.match_pb2 import MatchResult
from ..api.v1.rollout_pb2 import Rollout
from ..games import make
from ..kernel.bus import Bus, StreamFull
from ..kernel.service import Context
from ..kernel.topology import CONSUMERS, ROLLOUTS, TRAIN_POOL
from ..play.arena import Arena
from ..play.bank import PolicyBank
from ..play.intake import Intake
from ..play.showcase import Showcase
from ..play.store import PolicyStore
from ..play.tickets import OpenTickets
from ..play.tuning import tune_process
from .lockstep import Lockstep
from .table import Table

ROOM_POLL_SECONDS = 0.01
#: A simulator that has waited long looks less often: this share of the time that it has waited already.
ROOM_POLL_SHARE = 0.2
MAX_ROOM_POLL_SECONDS = 0.1
WAIT_SECONDS = 0.2


class Simulator:
    """One worker: a table with its arena of match slots, the tickets in play."""

    def __init__(self, ctx: Context, table: Table, store: PolicyStore, intake: Intake, tickets: OpenTickets) -> None:
        self._ctx = ctx
        self._bus: Bus = ctx.bus
        self._table = table
        self._arena = table.arena
        self._store = store
        self._intake = intake
        self._tickets = tickets
        self._windows = 0
        # Rollout ids must not repeat after a restart, or the server would drop them as duplicates.
        self._incarnation = f"{ctx.name}-{time.time_ns():x}"

    async def run(self) -> None:
        """Play windows until told to stop."""
        await self._until_ready()
        self._ctx.ready()
        publishing: asyncio.Task[None] | None = None
        ended = self._arena.game.batch
        while not self._ctx.stopping.is_set():
            self._ctx.round()
            if self._ctx.paused:
                await asyncio.sleep(WAIT_SECONDS)
                continue
            learning = await self._wait_for_room()
            if not learning:
                continue
            await self._store.follow()
            # Twice what ended lately, not more: tickets that wait here know nothing of newer phases and snapshots.
            await self._intake.top_up(2 * ended + 1, timeout_seconds=0.05)
            results: list[MatchResult] = await asyncio.to_thread(self._table.play_window)
            ended = max(len(results), ended // 2)
            if publishing:
                await publishing
            publishing = asyncio.create_task(self._tickets.publish(results))
            # The slabs must be in the stream before its room is looked at again, or the next window starts too early.
            self._windows += 1
            slabs = self._table.cut(f"{self._incarnation}.{self._windows}", learning)
            await asyncio.gather(*(self._send(slab) for slab in slabs))
            self._table.report(results, len(self._tickets))
        if publishing:
            await publishing

    async def _until_ready(self) -> None:
        """Wait for a first policy and enough tickets to fill the slots that can be filled."""
        while not self._ctx.stopping.is_set():
            if await self._store.follow():
                await self._intake.top_up(self._arena.game.batch, timeout_seconds=1.0)
                if self._arena.queue:
                    break
            self._ctx.not_ready("waiting for the learner's first weights and the league's first tickets")
            await asyncio.sleep(WAIT_SECONDS)
        while self._arena.playing < self._arena.game.batch and not self._ctx.stopping.is_set():
            self._arena.fill()
            await self._intake.top_up(self._arena.game.batch, timeout_seconds=0.2)

    async def _wait_for_room(self) -> tuple[str, ...]:
        """The agents that learn, once the buffer of each takes a whole window; () if something else is to be done."""
        slabs = self._ctx.config.simulator.slabs
        started = time.monotonic()
        while not await self._has_room(slabs, learning := await self._learning()):
            self._ctx.round()
            if self._ctx.stopping.is_set() or self._ctx.paused:
                return ()
            waited = time.monotonic() - started
            await asyncio.sleep(max(ROOM_POLL_SECONDS, min(ROOM_POLL_SHARE * waited, MAX_ROOM_POLL_SECONDS)))
        self._ctx.metrics.inc("ludus_simulator_backpressure_seconds_total", time.monotonic() - started)
        return learning

    async def _has_room(self, slabs: int, learning: Iterable[str]) -> bool:
        """Whether all these agents can take a whole window."""
        depth = self._ctx.config.learner.buffer_slabs
        return all([depth - await self._bus.waiting(ROLLOUTS, agent) >= slabs for agent in learning])

    async def _learning(self) -> tuple[str, ...]:
        """The agents whose experience is wanted. Of the others nothing is sent: their learners rest."""
        record = await self._ctx.run_record()
        return tuple(record.learning) if record and record.learning else self._ctx.config.agent_names

    async def _send(self, slab: Rollout) -> None:
        data = slab.SerializeToString()
        while not self._ctx.stopping.is_set():
            try:
                await self._bus.publish(ROLLOUTS, data, token=slab.behaviour.agent, msg_id=f"rollout-{slab.rollout_id}")
                return
            except StreamFull:
                await asyncio.sleep(ROOM_POLL_SECONDS)


async def serve(ctx: Context) -> None:
    """Build a worker from the run's configuration and play until the run ends."""
    config = ctx.config
    tune_process(config.simulator.threads)
    game = make(
        config.game,
        rules=config.rules,
        batch=config.simulator.matches,
        seed=config.seed,
        device=config.simulator.device,
        autoreset="disabled",
        **config.game_parameters,
    )
    seed = _worker_seed(ctx)
    bank = PolicyBank.for_run(config, game, device=config.simulator.device, seed=seed)
    # In lockstep a match may be picked up in its middle: that is nothing for a tape.
    every = 0 if config.lockstep else config.simulator.replay_every
    showcase = Showcase(game, config, keep="all", every=every) if every else None
    tape = showcase.tape if showcase else None
    success = config.evaluator.success_return
    arena = Arena(game, bank, worker=ctx.name, never_idle=True, seed=seed, tape=tape, success_return=success)
    table = Table(ctx, arena, showcase)
    store = await PolicyStore.open(ctx.bus, bank, config.agent_names)
    if config.lockstep:
        await (await Lockstep.open(ctx, table, store)).run()
    else:
        await _serve_tickets(ctx, table, store)


async def _serve_tickets(ctx: Context, table: Table, store: PolicyStore) -> None:
    tickets = OpenTickets(ctx.bus)
    puller = await ctx.bus.puller(CONSUMERS["simulator"], TRAIN_POOL)
    intake = Intake(ctx, puller, table.arena, store, tickets)
    keeper = asyncio.create_task(tickets.keep_alive())
    try:
        await Simulator(ctx, table, store, intake, tickets).run()
    finally:
        keeper.cancel()


def _worker_seed(ctx: Context) -> int:
    """Exploration differs between workers and between restarts of one; in lockstep it is that of the run."""
    moment = 0 if ctx.config.lockstep else time.time_ns() // 1_000_000
    return (ctx.config.seed * 1_000_003 + ctx.worker * 7_919 + moment) % 2**62
