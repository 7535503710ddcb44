"""`ludus analyse`: what kind of fights the kept matches were."""

from __future__ import annotations

import argparse

from rich.console import Console

from ..extras import need
from ..home import Home


def analyse(options: argparse.Namespace, home: Home, console: Console) -> int:
    need("local")
    from ..analysis import analyse

    analyse(options, home, console)
    return 0
