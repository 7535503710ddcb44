"""Rows of evidence, the same for every benchmark: printed as a table, written as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict


class Row(TypedDict):
    """A number without a target or an n is not evidence."""

    name: str
    value: float
    unit: str
    target: float | None
    met: bool | None
    n: int
    interval: tuple[float, float] | None


def row(
    name: str,
    value: float,
    unit: str,
    *,
    n: int,
    target: float | None = None,
    interval: tuple[float, float] | None = None,
    at_most: bool = False,
) -> Row:
    """One measurement; `met` compares the value with the target (at least, or `at_most`)."""
    met = None if target is None else bool(value <= target if at_most else value >= target)
    return Row(name=name, value=float(value), unit=unit, target=target, met=met, n=n, interval=interval)


def show(rows: Sequence[Row], json_file: Path | None = None) -> None:
    """Print the table; write the same rows as JSON if a file is given."""
    width = max((len(entry["name"]) for entry in rows), default=4)
    print(f"{'name':<{width}} {'value':>14} {'unit':<14} {'target':>12} {'met':>4} {'n':>6}  interval")
    for entry in rows:
        target = "" if entry["target"] is None else f"{entry['target']:,.4g}"
        met = {None: "", True: "yes", False: "NO"}[entry["met"]]
        interval = "" if entry["interval"] is None else "{:,.4g} – {:,.4g}".format(*entry["interval"])
        value = f"{entry['value']:,.4g}" if abs(entry["value"]) < 1e4 else f"{entry['value']:,.0f}"
        name, unit, n = entry["name"], entry["unit"], entry["n"]
        print(f"{name:<{width}} {value:>14} {unit:<14} {target:>12} {met:>4} {n:>6}  {interval}")
    if json_file:
        json_file.write_text(json.dumps(rows, indent=2) + "\n")
