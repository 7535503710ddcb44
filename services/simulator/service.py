"""The simulator: plays training tickets in bulk and sends the learner what its seat saw.

A window of T decisions is played with one version of the learner's policy. It starts only when the learner's buffer has
room for it, so that data is never more than a step or two behind (`learner.max_lag` bounds it).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import torch

from ..api.v1.match_pb2 import OUTCOME_DRAW, OUTCOME_FIRST_WINS, OUTCOME_SCORED, OUTCOME_SECOND_WINS, MatchResult
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
from ..play.tuning import tune_process, tune_thread
from .recorder import Window

ROOM_POLL_SECONDS = 0.01
#: A simulator that has waited long looks less often: this share of the time that it has waited already.
ROOM_POLL_SHARE = 0.2
MAX_ROOM_POLL_SECONDS = 0.1
WAIT_SECONDS = 0.2
OUTCOME_NAMES = {
    OUTCOME_FIRST_WINS: "win", OUTCOME_DRAW: "draw", OUTCOME_SECOND_WINS: "loss", OUTCOME_SCORED: "scored",
}  # fmt: skip


class Simulator:
    """One worker: an arena of match slots, a window to record into, the tickets in play."""

    def __init__(
        self,
        ctx: Context,
        arena: Arena,
        store: PolicyStore,
        intake: Intake,
        tickets: OpenTickets,
        showcase: Showcase | None = None,
    ) -> None:
        config = ctx.config
        self._ctx = ctx
        self._bus: Bus = ctx.bus
        self._arena = arena
        self._store = store
        self._intake = intake
        self._tickets = tickets
        self._showcase = showcase
        game = arena.game
        self._window = Window(config.simulator.steps, game.batch, game.obs_size, game.act_size)
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
            if self._ctx.paused:
                await asyncio.sleep(WAIT_SECONDS)
                continue
            if not await self._wait_for_room():
                continue
            await self._store.follow()
            # Twice what ended lately, not more: tickets that wait here know nothing of newer phases and snapshots.
            await self._intake.top_up(2 * ended + 1, timeout_seconds=0.05)
            results = await asyncio.to_thread(self._play_window)
            ended = max(len(results), ended // 2)
            if publishing:
                await publishing
            publishing = asyncio.create_task(self._tickets.publish(results))
            if self._showcase:
                self._showcase.write()
            # The slabs must be in the stream before its room is looked at again, or the next window starts too early.
            await asyncio.gather(*(self._send(slab) for slab in self._cut()))
            self._report(results)
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

    async def _wait_for_room(self) -> bool:
        """True once the learner's buffer takes a whole window; False when there is something else to do."""
        slabs = self._ctx.config.simulator.slabs
        started = time.monotonic()
        while await self._bus.room(ROLLOUTS) < slabs:
            if self._ctx.stopping.is_set() or self._ctx.paused:
                return False
            waited = time.monotonic() - started
            await asyncio.sleep(max(ROOM_POLL_SECONDS, min(ROOM_POLL_SHARE * waited, MAX_ROOM_POLL_SECONDS)))
        self._ctx.metrics.inc("ludus_simulator_backpressure_seconds_total", time.monotonic() - started)
        return True

    def _play_window(self) -> list[MatchResult]:
        tune_thread(self._ctx.config.simulator.threads)
        results: list[MatchResult] = []
        self._window.watch(self._arena.live_seats)
        started = time.monotonic()
        with torch.inference_mode():
            for _ in range(self._ctx.config.simulator.steps):
                results += self._arena.step(self._window)
        self._ctx.metrics.set("ludus_simulator_window_seconds", time.monotonic() - started)
        return results

    def _cut(self) -> list[Rollout]:
        arena, config = self._arena, self._ctx.config
        self._windows += 1
        rows = range(arena.game.batch)
        return list(
            self._window.slabs(
                arena.observations[rows, arena.live_seats],
                config.simulator.slabs,
                run=config.run,
                behaviour=arena.bank.live_ref,
                simulator=self._ctx.name,
                prefix=f"{self._incarnation}.{self._windows}",
            )
        )

    async def _send(self, slab: Rollout) -> None:
        data = slab.SerializeToString()
        while not self._ctx.stopping.is_set():
            try:
                await self._bus.publish(
                    ROLLOUTS, data, token=self._ctx.config.learner.agent, msg_id=f"rollout-{slab.rollout_id}"
                )
                return
            except StreamFull:
                await asyncio.sleep(ROOM_POLL_SECONDS)

    def _report(self, results: Sequence[MatchResult]) -> None:
        arena, metrics = self._arena, self._ctx.metrics
        played = self._ctx.config.simulator.steps * arena.game.batch
        metrics.inc("ludus_simulator_decisions_total", played)
        for result in results:
            metrics.inc("ludus_simulator_matches_total", 1, purpose="train", outcome=OUTCOME_NAMES[result.outcome])
        metrics.set("ludus_simulator_tickets_open", len(self._tickets))
        metrics.set("ludus_simulator_policy_step", arena.bank.live_ref.step)
        self._ctx.beat(step=arena.bank.live_ref.step, decisions=arena.decisions, unrated=arena.unrated_matches)


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
    bank = PolicyBank.for_run(config, game, device=config.simulator.device, seed=_worker_seed(ctx))
    every = config.simulator.replay_every
    showcase = Showcase(game, config, keep="all", every=every) if every else None
    tape = showcase.tape if showcase else None
    arena = Arena(game, bank, worker=ctx.name, never_idle=True, seed=_worker_seed(ctx), tape=tape)
    store = await PolicyStore.open(ctx.bus, bank, config.learner.agent)
    tickets = OpenTickets(ctx.bus)
    puller = await ctx.bus.puller(CONSUMERS["simulator"], TRAIN_POOL)
    intake = Intake(ctx, puller, arena, store, tickets, config.game_parameters)
    keeper = asyncio.create_task(tickets.keep_alive())
    try:
        await Simulator(ctx, arena, store, intake, tickets, showcase).run()
    finally:
        keeper.cancel()


def _worker_seed(ctx: Context) -> int:
    """Exploration differs between workers and between restarts of one."""
    return (ctx.config.seed * 1_000_003 + ctx.worker * 7_919 + time.time_ns() // 1_000_000) % 2**62
