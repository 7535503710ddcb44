"""`ludus validate`: what the submission contract wants, and what a file has."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from ..errors import FAILED, CommandError
from ..extras import need
from ..home import Home


def validate(options: argparse.Namespace, home: Home, console: Console) -> int:
    """One line per question; 1 if anything is wrong."""
    need("export")
    from ...play.contract import examine, rules_question

    path = Path(options.file).expanduser()
    try:
        rules, rows = options.rules, []
        if rules is None:
            rules, question = rules_question(path)
            rows.append(question)
        rows += examine(path, rules)
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}. Expected an ONNX file.") from error
    for row in rows:
        line = f"{'ok' if row.ok else 'NO':<4}{row.what:<12}{row.found}  (contract: {row.wanted})"
        console.print(line, highlight=False, soft_wrap=True, markup=False)
    broken = [row.what for row in rows if not row.ok]
    verdict = f"no valid submission: {', '.join(broken)}" if broken else "a valid submission"
    console.print(f"{path.name}: {verdict} ({rules})", highlight=False, soft_wrap=True, markup=False)
    return FAILED if broken else 0
