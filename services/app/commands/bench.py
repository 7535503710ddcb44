"""`ludus bench game`: how fast a game is on this machine, beside its targets."""

from __future__ import annotations

import argparse
import os

from rich.console import Console

from ..checks import check_game
from ..errors import FAILED
from ..extras import need
from ..home import Home


def game(options: argparse.Namespace, home: Home, console: Console) -> int:
    """Print the rows; 1 if a target is missed."""
    # Before NumPy loads: one core, one thread.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    check_game(options.game)
    need("local")
    from ..game_speed import benchmark
    from ..rows import show

    rows = []
    with console.status("") as status:
        for row in benchmark(options.game, options.quick):
            rows.append(row)
            status.update(row["name"])
    show(rows, options.json)
    return FAILED if any(row["met"] is False for row in rows) else 0
