"""`ludus report`, `ludus dashboard`."""

from __future__ import annotations

import argparse

from rich.console import Console

from ..extras import need
from ..home import Home


def report(options: argparse.Namespace, home: Home, console: Console) -> int:
    """One page, or Markdown with its charts beside it."""
    need("local")
    from ..report import write

    path = write(home.pick(options.run), options.output, as_markdown=options.markdown)
    console.print(f"{path}", highlight=False, soft_wrap=True, markup=False)
    return 0


def dashboard(options: argparse.Namespace, home: Home, console: Console) -> int:
    """Serves until Ctrl-C."""
    need("local")
    from ..dashboard import Dashboard

    with Dashboard(home, options.port) as server:
        console.print(f"{server.url}   Ctrl-C ends it, and nothing else.", highlight=False, soft_wrap=True)
        server.serve()
    return 0
