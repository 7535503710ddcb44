"""`ludus drill`: a collapse on purpose, and what is done about it."""

from __future__ import annotations

import argparse
import json
from difflib import get_close_matches

from rich.console import Console

from ...kernel.nats_binary import ServerError
from ..errors import FAILED, CommandError, UsageError
from ..extras import need
from ..home import Home


def drill(options: argparse.Namespace, home: Home, console: Console) -> int:
    """Carry out the drills that were named; 1 if one of them does not end as it should."""
    need("local")
    from ..drill.catalogue import DRILLS
    from ..drill.rig import drill as carry_out
    from ..drill.table import cells, heading, is_right, rows

    if options.list:
        for name, one in DRILLS.items():
            console.print(f"{name:<16}{one.meaning}: {' or '.join(one.expected)}", highlight=False)
        return 0
    names = list(DRILLS) if options.all else options.name
    if not names:
        raise UsageError("which drill? Name one, or --all; --list names them")
    for name in names:
        if name not in DRILLS:
            near = get_close_matches(name, DRILLS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise UsageError(f"there is no drill {name!r}: expected one of {', '.join(DRILLS)}.{hint}")
    table, evidence, wrong = heading(), [], 0
    for name in names:
        with console.status(f"{name}: {DRILLS[name].meaning}"):
            try:
                got = carry_out(DRILLS[name], options.seed)
            except ServerError as error:
                raise CommandError(str(error)) from error
        table.add_row(*cells(name, DRILLS[name], got))
        evidence += rows(name, DRILLS[name], got)
        wrong += not is_right(DRILLS[name], got)
    console.print(table)
    if options.json:
        options.json.write_text(json.dumps(evidence, indent=2) + "\n")
    return FAILED if wrong else 0
