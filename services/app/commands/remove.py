"""`ludus remove RUN`: a run that is over, with everything that is kept of it."""

from __future__ import annotations

import argparse
import asyncio
import re
import shutil
import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from ...kernel import leavings
from ...kernel.bus import BusError
from ...kernel.section import NAME_PATTERN
from ..errors import CommandError, UsageError, unknown
from ..home import Home, RunFolder
from ..run_bus import RunBus, known
from ..stack import ensure_up
from .runs import living


def remove(options: argparse.Namespace, home: Home, console: Console) -> int:
    if not re.fullmatch(NAME_PATTERN, options.run):
        raise UsageError(f"{options.run!r} is not the name of a run: expected a-z, 0-9 and '-'")
    run = home.run(options.run)
    if run.path.exists() and (run.wanted or living(run)):
        raise CommandError(f"{run.name} is running: end it first with ludus stop {run.name}")
    settings = run.config().get("bus", {})
    if not settings.get("url"):
        ensure_up(home, bus=True)
    if not run.path.exists() and not asyncio.run(known(home, run, settings)):
        raise unknown("run", run.name, [one.name for one in home.runs()], "The bus knows none of that name either.")
    if not options.yes and not _agreed(run):
        console.print("Nothing was removed.")
        return 1
    streams = asyncio.run(_remove(home, run, settings))
    try:
        shutil.rmtree(run.path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise CommandError(f"{run.path} cannot be removed: {error.strerror}") from error
    console.print(f"Removed {run.name}: its folder and {len(streams)} streams of the bus.", highlight=False)
    return 0


def _agreed(run: RunFolder) -> bool:
    if not sys.stdin.isatty():
        raise UsageError(f"remove {run.name}: its weights, ledger and replays would be gone; say so with --yes")
    return input(f"Remove {run.path} and the ledger of {run.name} for good? [y/N] ").strip().lower() in ("y", "yes")


async def _remove(home: Home, run: RunFolder, settings: Mapping[str, Any]) -> list[str]:
    async with RunBus(home, run, settings=settings) as bus:
        try:
            return await leavings.remove(bus)
        except BusError as error:
            raise CommandError(f"the bus does not give up what it has of {run.name}: {error}") from error
