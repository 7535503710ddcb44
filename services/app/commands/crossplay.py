"""`ludus crossplay RUN [RUN…]`: everybody against everybody on a budget, as a heatmap."""

from __future__ import annotations

import argparse

from rich.console import Console

from ..extras import need
from ..home import Home


def crossplay(options: argparse.Namespace, home: Home, console: Console) -> int:
    need("local")
    from ..crossplay.hold import hold

    hold(options, home, console)
    return 0
