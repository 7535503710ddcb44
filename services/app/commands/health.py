"""`ludus rollback`, `promote`, `events` and `rules`."""

from __future__ import annotations

import argparse
import json
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.text import Text

from ...kernel.health import load_rules
from ...kernel.health_prometheus import prometheus_rules
from .. import client
from ..errors import CommandError, UsageError
from ..home import Home, read_rows


def rollback(options: argparse.Namespace, home: Home, console: Console) -> int:
    """Ask the controller of a run for a rollback."""
    run = home.pick(options.run)
    answer = client.roll_back(run, options.agent, options.to, options.reason)
    console.print(f"{run.name}: {answer}", highlight=False, soft_wrap=True)
    return 0


def promote(options: argparse.Namespace, home: Home, console: Console) -> int:
    """Pin a checkpoint."""
    answer = client.promote(home.run(options.run), options.agent, options.checkpoint)
    console.print(answer, highlight=False, soft_wrap=True)
    return 0


def events(options: argparse.Namespace, home: Home, console: Console) -> int:
    """The last events of a run, oldest first."""
    run = home.pick(options.run)
    rows = read_rows(run.path / "events.jsonl")
    chosen = [row for row in rows if not options.kind or row.get("kind") in options.kind][-max(1, options.lines) :]
    if not chosen:
        known = ", ".join(sorted({str(row.get("kind")) for row in rows})) or "none yet"
        raise CommandError(f"no such event of {run.name}; there are: {known}")
    for row in chosen:
        console.print(Text(json.dumps(row)) if options.json else _line(row), soft_wrap=True)
    return 0


def rules(options: argparse.Namespace, home: Home, console: Console) -> int:
    """The rule file for Prometheus."""
    if options.scrape_seconds <= 0:
        raise UsageError(f"--scrape-seconds: expected more than 0, found {options.scrape_seconds:g}")
    text = prometheus_rules(load_rules(), options.scrape_seconds)
    if options.output is None:
        console.print(Text(text), end="", soft_wrap=True)
        return 0
    try:
        options.output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{options.output} cannot be written: {error.strerror}") from error
    console.print(f"{options.output}: load it as a rule file of Prometheus", highlight=False, soft_wrap=True)
    return 0


def _line(row: dict[str, Any]) -> Text:
    return Text.assemble(
        (f"{datetime.fromtimestamp(float(row.get('time', 0))):%Y-%m-%d %H:%M:%S}  ", "dim"),
        f"{row.get('service', ''):<12}",
        (f"{row.get('kind', ''):<20}", "bold"),
        str(row.get("message", "")),
    )
