"""`ludus postmortem`."""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.text import Text

from ..home import Home
from ..postmortem import archive, text_of


def postmortem(options: argparse.Namespace, home: Home, console: Console) -> int:
    """The text on the terminal, everything in an archive."""
    run = home.pick(options.run)
    text = text_of(home, run)
    console.print(Text(text), soft_wrap=True)
    console.print(f"archive  {archive(home, run, text, options.output)}", highlight=False, soft_wrap=True, markup=False)
    return 0
