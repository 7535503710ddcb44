"""`ludus analyse`: kept matches played again, and what kind of fights they were."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ..games.dogfight import constants
from ..games.dogfight.battle import Battle, Pilot, battle_of, dynamism
from ..kernel.players import BOT_PREFIX
from ..kernel.wilson import wilson_interval
from ..play.replay import SUFFIX, Replay, ReplayError
from ..play.rerun import re_simulate
from .draw import plain_table
from .errors import CommandError
from .home import Home, Json, write_json
from .replays import find, load
from .viewer.film import GAME

NOTE = """Means over n matches; dynamism goes from 0 to 100. Circling: 1 always turned to one side. Fights: crossings of
200 m distance. Accuracy: hits per shot. Energy: g·height + speed²/2 in J/kg; ahead: share of time with more of it."""


@dataclass(frozen=True, slots=True)
class Fought:
    """One match: who, seat by seat, and how."""

    names: tuple[str, str]
    outcome: int
    battle: Battle


def analyse(options: argparse.Namespace, home: Home, console: Console) -> None:
    """Print two tables and, if asked, write the numbers. Raises CommandError."""
    paths = matches_of(home, options.match)
    fights: list[Fought] = []
    with console.status("") as status:
        for path in paths:
            fights.append(_fought(path))
            status.update(f"{len(fights)} of {len(paths)} matches")
    pairings = {tuple(sorted(fight.names)) for fight in fights}
    rows = [_pairing([f for f in fights if tuple(sorted(f.names)) == names]) for names in sorted(pairings)]
    players = [_player(name, fights) for name in sorted({name for fight in fights for name in fight.names})]
    console.print(_table(PAIRING, rows))
    console.print()
    console.print(_table(PLAYER, players))
    console.print(NOTE, style="dim", highlight=False)
    if options.json:
        write_json(Path(options.json).expanduser(), {"matches": len(fights), "pairings": rows, "players": players})


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
    replay = load(path)
    if replay.game != GAME:
        raise CommandError(f"{path}: only matches of {GAME} can be analysed, not of {replay.game!r}")
    try:
        states = re_simulate(replay, **finer(replay))
    except ReplayError as error:
        raise CommandError(f"{path}: {error}") from error
    first, second = (seat.name.removeprefix(BOT_PREFIX) for seat in replay.seats)
    battle = battle_of(states, joined=replay.rules == "competition", elimination=replay.ending == "elimination")
    return Fought((first, second), replay.outcome, battle)


def finer(replay: Replay) -> Json:
    """Arguments of `re_simulate` that show every tick."""
    ticks = int(replay.parameters.get("ticks_per_decision", constants.TICKS_PER_DECISION))
    return {"parameters": {**replay.parameters, "ticks_per_decision": 1}, "repeat": ticks}


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


def _pairing(fights: Sequence[Fought]) -> Json:
    battles = [fight.battle for fight in fights]
    return {
        "players": " - ".join(sorted(fights[0].names)),
        "n": len(battles),
        "dynamism": dynamism(battles),
        "seconds": _mean([b.seconds for b in battles]),
        "elimination_rate": _mean([float(b.elimination) for b in battles]),
        "circling": _mean([b.circling for b in battles]),
        "speed_deviation": _mean([b.speed_deviation for b in battles]),
        "altitude_range": _mean([b.altitude_range for b in battles]),
        "engagements": _mean([float(b.engagements) for b in battles]),
        "hit_rate": _mean([b.hit_rate for b in battles]),
        "first_hit_seconds": _mean([b.first_hit_seconds for b in battles]),
        "combat_speed": _mean([b.combat_speed for b in battles]),
    }


def _player(name: str, fights: Sequence[Fought]) -> Json:
    """Everything one name did, in whatever seat; against itself it is there twice."""
    flown: list[tuple[Pilot, int]] = [
        (fight.battle.pilots[seat], (2 - fight.outcome) * (1 - 2 * seat))
        for fight in fights
        for seat in range(2)
        if fight.names[seat] == name
    ]
    pilots, signs = [pilot for pilot, _ in flown], [sign for _, sign in flown]
    shots, hits = sum(p.shots for p in pilots), sum(p.hits for p in pilots)
    low, high = wilson_interval(min(hits, shots), shots)
    return {
        "player": name,
        "n": len(pilots),
        "wins": signs.count(1),
        "draws": signs.count(0),
        "losses": signs.count(-1),
        "shots": shots / len(pilots),
        "hits": hits / len(pilots),
        "accuracy": hits / shots if shots else None,
        "low": low,
        "high": high,
        "first_hit_seconds": _mean([p.first_hit_seconds for p in pilots]),
        "speed": _mean([p.speed for p in pilots]),
        "energy": _mean([p.energy for p in pilots]),
        "advantage": _mean([p.advantage for p in pilots]),
    }


def _mean(values: Sequence[float | None]) -> float | None:
    """Of those that are known; None if none is."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _table(columns: dict[str, tuple[str, int]], rows: Sequence[Json]) -> Table:
    table = plain_table(*(heading for heading, _ in columns.values()), right=tuple(range(1, len(columns))))
    for row in rows:
        table.add_row(*(_cell(row[key], digits) for key, (_, digits) in columns.items()))
    return table


def _cell(value: str | float | None, digits: int) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else f"{value:.{digits}f}"
