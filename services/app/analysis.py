"""`ludus analyse`: kept matches played again, and what kind of fights they were."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ..evaluator.battles import Fought, fought, numbers
from ..play.replay import SUFFIX, ReplayError
from .draw import plain_table
from .errors import CommandError
from .home import Home, Json, write_json
from .replays import find, load

NOTE = """Means over n matches; dynamism goes from 0 to 100. Circling: 1 always turned to one side. Fights: crossings of
200 m distance. Accuracy: hits per shot. Energy: g·height + speed²/2 in J/kg; ahead: share of time with more of it."""


def analyse(options: argparse.Namespace, home: Home, console: Console) -> None:
    """Print two tables and, if asked, write the numbers. Raises CommandError."""
    paths = matches_of(home, options.match)
    fights: list[Fought] = []
    with console.status("") as status:
        for path in paths:
            fights.append(_fought(path))
            status.update(f"{len(fights)} of {len(paths)} matches")
    found = numbers(fights)
    console.print(_table(PAIRING, found["pairings"]))
    console.print()
    console.print(_table(PLAYER, found["players"]))
    console.print(NOTE, style="dim", highlight=False)
    if options.json:
        write_json(Path(options.json).expanduser(), found)


def matches_of(home: Home, wanted: str | None) -> list[Path]:
    """All replays of a run or of a folder, or the one match called so. Raises CommandError naming what there is."""
    runs = {run.name: run.path / "replays" for run in home.runs()}
    folder = runs.get(wanted or "") or Path(wanted or "").expanduser()
    if not wanted or not folder.is_dir():
        return [find(home, wanted)]
    found = sorted(folder.rglob(f"*{SUFFIX}"))
    if not found:
        raise CommandError(f"no match is kept in {folder} yet")
    return found


def _fought(path: Path) -> Fought:
    try:
        return fought(load(path))
    except ReplayError as error:
        raise CommandError(f"{path}: {error}") from error


#: Key -> heading and digits.
PAIRING = {
    "players": ("pairing", 0), "n": ("n", 0), "dynamism": ("dynamism", 1), "seconds": ("seconds", 1),
    "elimination_rate": ("elimination", 2), "circling": ("circling", 2), "speed_deviation": ("σ speed", 1),
    "altitude_range": ("altitudes", 0), "engagements": ("fights", 1), "hit_rate": ("hit rate", 2),
    "first_hit_seconds": ("first hit s", 1), "combat_speed": ("combat speed", 0),
}  # fmt: skip
PLAYER = {
    "player": ("player", 0), "n": ("n", 0), "wins": ("W", 0), "draws": ("D", 0), "losses": ("L", 0),
    "shots": ("shots", 1), "hits": ("hits", 2), "accuracy": ("accuracy", 3), "low": ("95 % from", 3),
    "high": ("to", 3), "first_hit_seconds": ("first hit s", 1), "speed": ("speed", 0), "energy": ("energy", 0),
    "advantage": ("ahead", 2),
}  # fmt: skip


def _table(columns: dict[str, tuple[str, int]], rows: Sequence[Json]) -> Table:
    table = plain_table(*(heading for heading, _ in columns.values()), right=tuple(range(1, len(columns))))
    for row in rows:
        table.add_row(*(_cell(row[key], digits) for key, (_, digits) in columns.items()))
    return table


def _cell(value: str | float | None, digits: int) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else f"{value:.{digits}f}"
