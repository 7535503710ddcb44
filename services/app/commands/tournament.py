"""`ludus tournament`: bots, ONNX files and runs, everybody against everybody."""

from __future__ import annotations

import argparse

from rich.console import Console

from ..extras import need
from ..home import Home


def tournament(options: argparse.Namespace, home: Home, console: Console) -> int:
    need("local")
    from ..contest import hold

    hold(options, home, console)
    return 0
