"""`ludus up`, `ludus down`."""

from __future__ import annotations

import argparse

from rich.console import Console

from ..checks import check_space
from ..home import Home
from ..stack import check_bus, check_move, down, ensure_up, is_up


def up(options: argparse.Namespace, home: Home, console: Console) -> int:
    check_space(home.root)
    check_bus(home, options.nats_url or "", options.nats_port or 0)
    check_move(home, options.nats_url or "")
    already = is_up(home)
    stack = ensure_up(home, nats_url=options.nats_url or "", nats_port=options.nats_port or 0, bus=True)
    console.print(
        f"The stack {'was' if already else 'is'} up: supervisor {stack['pid']}, NATS at {stack['nats_url']}, "
        f"everything in {home.root}",
        soft_wrap=True, highlight=False,
    )  # fmt: skip
    wanted = [run.name for run in home.runs() if run.wanted]
    if wanted:
        console.print(f"Runs that go on: {', '.join(wanted)}", soft_wrap=True, highlight=False)
    else:
        console.print("Start a run: ludus train dogfight", highlight=False)
    return 0


def stop_stack(options: argparse.Namespace, home: Home, console: Console) -> int:
    wanted = [run.name for run in home.runs() if run.wanted]
    console.print("The stack is down." if down(home) else "The stack was down already.")
    if wanted:
        console.print(
            f"In progress: {', '.join(wanted)}. They go on with the next `ludus up`; `ludus stop RUN` ends one.",
            soft_wrap=True, highlight=False,
        )  # fmt: skip
    return 0
