"""A learner of several processes, as a service: number 0 is the learner, the others assist."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from ..kernel.service import Context, Fatal
from .muster import Muster, own_device
from .ranks import IDLE_SECONDS, RankLost, Ranks, RanksDiffer
from .setup import manifest_of, state_of
from .state import Versions
from .update import Updater

#: A thread that still waits for another rank is not waited for any longer.
END_SECONDS = 5.0


async def serve_together(ctx: Context, threads: ThreadPoolExecutor, learn: Callable[[Ranks], Awaitable[None]]) -> None:
    """As one of several ranks; `learn` is what number 0 does. Its collectives all run in the one thread of `threads`.

    If a rank is lost this process crashes, as the others do: starting them again is the recovery.
    """
    muster = Muster(ctx.config, ctx.worker)
    ctx.config = own_device(ctx.config, ctx.worker)
    ctx.not_ready(f"waiting for {ctx.config.learner.ranks} ranks")
    try:
        ranks = await asyncio.get_running_loop().run_in_executor(threads, muster.gather, sys.argv[1:])
        await (_assist(ctx, threads, ranks) if ctx.worker else _lead(threads, ranks, learn))
    except RanksDiffer as error:
        raise Fatal(str(error)) from error
    finally:
        await asyncio.to_thread(muster.close)


async def _lead(threads: ThreadPoolExecutor, ranks: Ranks, learn: Callable[[Ranks], Awaitable[None]]) -> None:
    """The others are told every few seconds that this one is there, and at last that it is over."""
    working, telling = asyncio.ensure_future(learn(ranks)), asyncio.create_task(_tell(threads, ranks), name="ranks")
    try:
        await asyncio.wait((working, telling), return_when=asyncio.FIRST_COMPLETED)
        await (working if working.done() else telling)
    finally:
        for task in (working, telling):
            task.cancel()
        await asyncio.gather(working, telling, return_exceptions=True)
        with suppress(RankLost, TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                await asyncio.get_running_loop().run_in_executor(threads, ranks.dismiss)


async def _tell(threads: ThreadPoolExecutor, ranks: Ranks) -> None:
    while True:
        await asyncio.get_running_loop().run_in_executor(threads, ranks.idle)
        await asyncio.sleep(IDLE_SECONDS)


async def _assist(ctx: Context, threads: ThreadPoolExecutor, ranks: Ranks) -> None:
    """Until rank 0 has no more work, even after the run's end or a signal: it may be in the middle of an update."""
    state = state_of(ctx.config, manifest_of(ctx.config).architecture)
    updater = Updater(ctx.config, state, Versions(ctx.config.learner.max_lag), ranks)
    ctx.ready()
    while await asyncio.get_running_loop().run_in_executor(threads, updater.assist):
        ctx.round()
    ctx.rest()
