"""The evaluator: plays evaluation tickets on their own seeds, and writes the report when the run has finished."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import torch

from ..api.v1.match_pb2 import MatchResult
from ..api.v1.run_pb2 import RUN_STATE_FINISHED
from ..games import make
from ..kernel.service import Context
from ..kernel.topology import CONSUMERS, EVALUATE_POOL
from ..play.arena import Arena
from ..play.bank import PolicyBank
from ..play.intake import Intake
from ..play.showcase import Showcase
from ..play.store import PolicyStore
from ..play.tickets import OpenTickets
from ..play.tuning import tune_process, tune_thread
from .chronicle import Chronicle
from .gate.service import Gate
from .pace import Pace
from .report import attempt, write_report, write_summary

#: Decisions played between two looks at the bus.
CHUNK_STEPS = 32
#: Until it is looked again whether measuring may go on.
PAUSE_SECONDS = 0.1
#: Measuring must not delay the learner: the scheduler prefers everybody else.
NICENESS = 10


class Evaluator:
    """Match slots that are only filled while somebody wants to know something."""

    def __init__(self, ctx: Context, arena: Arena, intake: Intake, tickets: OpenTickets, showcase: Showcase) -> None:
        self._ctx = ctx
        self._arena = arena
        self._intake = intake
        self._tickets = tickets
        self._showcase = showcase
        self._pace = Pace(ctx)
        self._reported = 0

    async def run(self) -> None:
        """Play evaluation matches until told to stop."""
        self._ctx.ready()
        while not self._ctx.stopping.is_set():
            self._ctx.round()
            busy = bool(self._arena.playing)
            await self._intake.top_up(self._arena.game.batch, timeout_seconds=0.01 if busy else 0.5)
            self._arena.fill()
            if not self._arena.playing:
                continue
            steps = await self._pace.steps(self._arena.playing, CHUNK_STEPS)
            if not steps:
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            before = self._arena.decisions
            results = await asyncio.to_thread(self._play_chunk, steps)
            self._pace.spent(self._arena.decisions - before)
            await self._tickets.publish(results)
            self._showcase.write()
            self._report(results)

    def _play_chunk(self, steps: int) -> list[MatchResult]:
        tune_thread(self._ctx.config.evaluator.threads)
        results: list[MatchResult] = []
        with torch.inference_mode():
            for _ in range(steps):
                results += self._arena.step()
                if not self._arena.playing:
                    break
        return results

    def _report(self, results: Sequence[MatchResult]) -> None:
        metrics, arena = self._ctx.metrics, self._arena
        metrics.inc("ludus_evaluator_matches_total", len(results))
        metrics.inc("ludus_evaluator_decisions_total", arena.decisions - self._reported)
        metrics.set("ludus_evaluator_matches_playing", arena.playing)
        self._reported = arena.decisions
        self._ctx.beat(decisions=arena.decisions, matches_playing=arena.playing, share_used=self._pace.used)


async def serve(ctx: Context) -> None:
    """Build the evaluator from the run's configuration and measure until the run ends."""
    config = ctx.config
    os.nice(NICENESS)
    tune_process(config.evaluator.threads)
    game = make(
        config.game,
        rules=config.rules,
        batch=config.evaluator.matches,
        seed=config.seed,
        device=config.evaluator.device,
        autoreset="disabled",
        **config.game_parameters,
    )
    bank = PolicyBank.for_run(config, game, device=config.evaluator.device, seed=config.seed)
    showcase = Showcase(game, config, keep=config.evaluator.replays)
    arena = Arena(
        game, bank, worker=ctx.name, never_idle=False, seed=config.seed, tape=showcase.tape,
        success_return=config.evaluator.success_return,
    )  # fmt: skip
    store = await PolicyStore.open(ctx.bus, bank, config.agent_names)
    tickets = OpenTickets(ctx.bus)
    puller = await ctx.bus.puller(CONSUMERS["evaluator"], EVALUATE_POOL)
    chronicle = await Chronicle.open(ctx)
    beside = [asyncio.create_task(work) for work in (tickets.keep_alive(), chronicle.run(), Gate(ctx).run())]
    try:
        intake = Intake(ctx, puller, arena, store, tickets)
        await Evaluator(ctx, arena, intake, tickets, showcase).run()
    finally:
        for task in beside:
            task.cancel()
    record = await ctx.run_record()
    finished = record is not None and record.state == RUN_STATE_FINISHED
    if finished and await attempt(ctx, "the summary", write_summary(ctx)):
        await attempt(ctx, "the chronicle", chronicle.conclude())
        await attempt(ctx, "the report", asyncio.to_thread(write_report, Path(config.directory)))
    else:
        await attempt(ctx, "the chronicle", chronicle.keep_up())
