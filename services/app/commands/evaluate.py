"""`ludus evaluate`: a run's policy against the scripted bots and its own step 0, in any regime."""

from __future__ import annotations

import argparse

from rich.console import Console

from ..extras import need
from ..home import Home


def evaluate(options: argparse.Namespace, home: Home, console: Console) -> int:
    need("local")
    from ..exam import hold

    hold(options, home, console)
    return 0
