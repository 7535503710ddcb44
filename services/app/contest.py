"""A tournament from the command line: who takes part, what is printed, what is written."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from ..games.registry import expect, spec
from ..kernel.files import write_atomically
from ..league.judge import FIRST_EVALUATION_SEED
from ..league.seeds import derive
from ..play.points import Tally
from ..play.replay import SUFFIX, Replay, to_bytes
from ..play.showcase import title
from ..play.tournament import Entrant, Pairing, play_all, standing
from .draw import plain_table
from .entrants import entrants
from .errors import CommandError, UsageError
from .home import Home, Json, write_json
from .words import seconds_text

GAME = "dogfight"
MOST_MATCHES = 100_000
NOTE = """Points: 3 elimination, 2 win by time, 1 draw, 0 loss; `points` is the mean per match with its 95 % interval.
Every pair meets on the same starts, each from both seats; policies play their best action."""
BOTS_HZ = {"training": "120 Hz", "competition": "12 Hz"}


def hold(options: argparse.Namespace, home: Home, console: Console) -> None:
    """Play it, print the standings and, if asked, write them. Raises CommandError."""
    _check(options)
    taking_part = entrants(options.participants, home, GAME, options.rules)
    # Small products: several threads only wait for each other.
    torch.set_num_threads(1)
    started = time.monotonic()
    pairings = _played(taking_part, options, console)
    order = sorted(range(len(taking_part)), key=lambda k: -standing(pairings, k).mean)
    console.print(_standings(taking_part, pairings, order))
    console.print()
    console.print(_against(taking_part, pairings, order))
    console.print()
    matches = sum(len(pairing.results) for pairing in pairings)
    took = seconds_text(time.monotonic() - started)
    console.print(NOTE, style="dim", highlight=False)
    bots = f"bots act at {BOTS_HZ[options.rules]}"
    console.print(
        f"{matches:,} matches of {GAME} {options.rules}, seed {options.seed}, {bots}; {took}",
        style="dim",
        highlight=False,
    )
    if options.json:
        write_json(Path(options.json).expanduser(), _tree(taking_part, pairings, order, options))


def _check(options: argparse.Namespace) -> None:
    if options.matches < 2 or options.matches % 2 or options.matches > MOST_MATCHES:
        raise UsageError(f"--matches: expected an even number from 2 to {MOST_MATCHES:,}, found {options.matches}")
    try:
        expect(f"rule set of {GAME}", options.rules, spec(GAME).rules)
    except ValueError as error:
        raise UsageError(str(error)) from error


def seeds_of(seed: int, pairs: int) -> list[int]:
    """One start per pair of matches, none of which is ever trained on; the same for every pairing."""
    return [derive(seed, "tournament", pair) | FIRST_EVALUATION_SEED for pair in range(pairs)]


def _played(taking_part: Sequence[Entrant], options: argparse.Namespace, console: Console) -> list[Pairing]:
    total = len(taking_part) * (len(taking_part) - 1) // 2
    found: list[Pairing] = []
    seeds, keep = seeds_of(options.seed, options.matches // 2), _keeper(options.keep) if options.keep else None
    with console.status("") as status:
        for pairing in play_all(taking_part, GAME, options.rules, seeds, keep):
            found.append(pairing)
            status.update(f"{len(found)} of {total} pairings")
    return found


def _keeper(folder: Path) -> Callable[[Replay], None]:
    """Writes a match as DIR/<first>-<second>-<number>.replay. Raises CommandError."""

    def keep(replay: Replay) -> None:
        path = folder.expanduser() / f"{title(replay)}-{replay.match}{SUFFIX}"
        try:
            write_atomically(path, to_bytes(replay))
        except OSError as error:
            raise CommandError(f"cannot write {path}: {error.strerror}. Check the folder and free space.") from error

    return keep


def _standings(taking_part: Sequence[Entrant], pairings: Sequence[Pairing], order: Sequence[int]) -> Table:
    table = plain_table(
        "", "participant", "kind", "points", "95 %", "W", "D", "L", "n", right=(0, 3, 4, 5, 6, 7, 8)
    )  # fmt: skip
    for place, index in enumerate(order, 1):
        one, reached = taking_part[index], standing(pairings, index)
        low, high = reached.interval
        numbers = (str(n) for n in (reached.wins, reached.draws, reached.losses, reached.n))
        table.add_row(str(place), one.name, one.kind, f"{reached.mean:.2f}", f"{low:.2f}–{high:.2f}", *numbers)
    return table


def _against(taking_part: Sequence[Entrant], pairings: Sequence[Pairing], order: Sequence[int]) -> Table:
    """Mean points of the row against each column, in the order of the standings."""
    table = plain_table("points against", *(str(place) for place in range(1, len(order) + 1)))
    for place, row in enumerate(order, 1):
        cells = ["-" if row == column else f"{_met(pairings, row, column).mean:.2f}" for column in order]
        table.add_row(f"{place} {taking_part[row].name}", *cells)
    return table


def _met(pairings: Sequence[Pairing], one: int, other: int) -> Tally:
    return next(pairing.of(one) for pairing in pairings if {pairing.first, pairing.second} == {one, other})


def _tree(
    taking_part: Sequence[Entrant], pairings: Sequence[Pairing], order: Sequence[int], options: argparse.Namespace
) -> Json:
    return {
        "game": GAME,
        "rules": options.rules,
        "seed": options.seed,
        "matches_per_pairing": options.matches,
        "standings": [
            {
                "participant": taking_part[index].name,
                "kind": taking_part[index].kind,
                "sha256": taking_part[index].sha256,
                **_numbers(standing(pairings, index)),
            }
            for index in order
        ],
        "pairings": [
            {
                "first": taking_part[pairing.first].name,
                "second": taking_part[pairing.second].name,
                "first_reached": _numbers(pairing.of(pairing.first)),
                "second_reached": _numbers(pairing.of(pairing.second)),
            }
            for pairing in pairings
        ],
    }


def _numbers(reached: Tally) -> Json:
    low, high = reached.interval
    counts = {"wins": reached.wins, "draws": reached.draws, "losses": reached.losses, "n": reached.n}
    return {"points": reached.points, "mean": reached.mean, "low": low, "high": high, **counts}
