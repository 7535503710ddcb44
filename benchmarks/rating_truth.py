"""How near do ratings come to the truth? Players of known strength play a simulated league; every system rates it.

The leagues and the errors are those of known_truth.py. Errors are averaged over leagues; the interval is the lowest
and highest league. Targets: at most 29 points for Bradley–Terry, 37 for online Elo (K = 16, plain).

    python benchmarks/rating_truth.py [--quick] [--json FILE]
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from statistics import mean
from time import process_time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from known_truth import (
    PLAIN,
    SEATS_AND_DRAWS,
    SNAPSHOTS,
    TARGET_BRADLEY_TERRY,
    TARGET_ELO_16,
    Truth,
    counted,
    coverage,
    elo_of,
    error_of,
    league,
    online_elo,
)
from rows import Row, row, show

from ludus.league.ratings.bradley_terry import fit
from ludus.league.ratings.games import Games

TARGET_SECONDS = 1.0


def accuracy(truth: Truth, leagues: int) -> list[Row]:
    """Errors of every system on the same leagues."""
    errors: dict[str, list[float]] = {"bradley-terry": [], "elo K=16": [], "elo K=32": []}
    covered, seats = [], []
    for seed in range(leagues):
        rows = league(truth, np.random.default_rng(seed))
        found = fit(counted(rows))
        errors["bradley-terry"].append(error_of(elo_of(found)))
        errors["elo K=16"].append(error_of(online_elo(rows, 16)))
        errors["elo K=32"].append(error_of(online_elo(rows, 32)))
        covered.append(coverage(found))
        seats.append(found.seat.elo - truth.seat_elo)
    targets = {"bradley-terry": TARGET_BRADLEY_TERRY} | ({"elo K=16": TARGET_ELO_16} if truth is PLAIN else {})
    table = [
        row(f"{truth.name}: error, {name}", mean(values), "Elo points", n=leagues, target=targets.get(name),
            interval=(min(values), max(values)), at_most=True)
        for name, values in errors.items()
    ]  # fmt: skip
    name = f"{truth.name}: truth within its 95 % interval"
    table.append(row(name, mean(covered), "share", n=leagues * SNAPSHOTS, target=0.9))
    extremes = (min(seats), max(seats))
    table.append(row(f"{truth.name}: seat term, bias", mean(seats), "Elo points", n=leagues, interval=extremes))
    return table


def speed(repetitions: int) -> list[Row]:
    """CPU seconds to fit 300 players: cold, and again after one more match, from the last fit."""
    rows = counted(league(SEATS_AND_DRAWS, np.random.default_rng(0), 300, 100))
    cold, warm = [], []
    for _ in range(repetitions):
        begin = process_time()
        found = fit(rows)
        cold.append(process_time() - begin)
        begin = process_time()
        fit([*rows, Games("299", "0", 1, 0, 0)], start=found)
        warm.append(process_time() - begin)
    return [
        row(f"300 players, {name}", mean(values), "CPU s", n=repetitions, target=TARGET_SECONDS,
            interval=(min(values), max(values)), at_most=True)
        for name, values in (("cold", cold), ("warm", warm))
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description="How near ratings come to known strengths.")
    parser.add_argument("--quick", action="store_true", help="fewer leagues: under a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows as JSON")
    arguments = parser.parse_args()
    leagues = 3 if arguments.quick else 20
    rows = [*accuracy(PLAIN, leagues), *accuracy(SEATS_AND_DRAWS, leagues), *speed(leagues)]
    show(rows, arguments.json)


if __name__ == "__main__":
    main()
