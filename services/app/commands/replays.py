"""`ludus play` and `ludus replay`: one match, played here, and any kept match as a page to look at."""

from __future__ import annotations

import argparse

from rich.console import Console

from ..extras import need
from ..home import Home


def play(options: argparse.Namespace, home: Home, console: Console) -> int:
    """Play one match and keep it."""
    need("local")
    from ..stage import play

    play(options, home, console)
    return 0


def replay(options: argparse.Namespace, home: Home, console: Console) -> int:
    """Play a kept match again and write the page."""
    need("local")
    from ..stage import show

    show(options, home, console)
    return 0
