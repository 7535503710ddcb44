"""How near do ratings come to the truth? Players of known strength play a simulated league; every system rates it.

A league of 40 snapshots, each 25 Elo points stronger than the one before. Each plays 400 matches when it enters, half
of them against the newest other, half against any older one; seats swap. In the plain league nobody draws and seats are
equal; in the other one seat 0 is worth 40 points and even players draw every sixth match, for which online Elo has no
terms. Errors are root mean squares over all players after both ladders are centred, averaged over leagues; the interval
is the lowest and highest league. Targets: at most 29 points for Bradley–Terry, 37 for online Elo (K = 16, plain).

    python benchmarks/rating_truth.py [--quick] [--json FILE]
"""

from __future__ import annotations

import argparse
import math
import os
from pathlib import Path
from statistics import mean
from time import process_time
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from rows import Row, row, show

from ludus.league.elo import START_MILLI_ELO, gain_milli
from ludus.league.ratings.bradley_terry import ELO, Fit, fit
from ludus.league.ratings.games import Games

SNAPSHOTS, STEP_ELO, MATCHES = 40, 25.0, 400
TARGET_BRADLEY_TERRY, TARGET_ELO, TARGET_SECONDS = 29.0, 37.0, 1.0


class Truth(NamedTuple):
    """What matches are like beyond the strength of the players."""

    name: str
    seat_elo: float
    draw_inclination: float

    def chances(self, lead_elo: float) -> np.ndarray:
        """P(win), P(draw), P(loss) of the player in seat 0 who is `lead_elo` ahead."""
        u = (lead_elo + self.seat_elo) / ELO
        odds = np.exp([u / 2, self.draw_inclination, -u / 2])
        return odds / odds.sum()


PLAIN, SEATS_AND_DRAWS = Truth("plain", 0.0, -math.inf), Truth("seats and draws", 40.0, -1.0)


def league(truth: Truth, rng: np.random.Generator, players: int = SNAPSHOTS, matches: int = MATCHES) -> list[Games]:
    """Every match in the order in which it was played, one row each."""
    rows = []
    for newest in range(1, players):
        for number in range(matches):
            other = newest - 1 if number % 4 < 2 else int(rng.integers(newest))
            first, second = (newest, other) if number % 2 else (other, newest)
            won, drew, lost = rng.multinomial(1, truth.chances(STEP_ELO * (first - second)))
            rows.append(Games(str(first), str(second), int(won), int(drew), int(lost)))
    return rows


def error_of(ratings: dict[str, float]) -> float:
    """Root mean square distance to the truth, in Elo points."""
    found = np.array([ratings[str(k)] for k in range(len(ratings))])
    truth = STEP_ELO * np.arange(len(ratings))
    return float(np.sqrt(np.mean((found - found.mean() - truth + truth.mean()) ** 2)))


def online_elo(rows: list[Games], k: int) -> dict[str, float]:
    """The live rating of Ludus, fed match by match; a new snapshot enters with the rating of the newest."""
    ratings = {"0": START_MILLI_ELO}
    for played in rows:
        for name in sorted(played[:2], key=int):
            ratings.setdefault(name, ratings[max(ratings, key=int)])
        gain = gain_milli(ratings[played.first], ratings[played.second], 2 * played.wins + played.draws, k)
        ratings[played.first] += gain
        ratings[played.second] -= gain
    return {name: rating / 1000 for name, rating in ratings.items()}


def elo_of(found: Fit) -> dict[str, float]:
    return {name: estimate.elo for name, estimate in found.ratings.items()}


def counted(rows: list[Games]) -> list[Games]:
    """The same matches, one row per pairing and seat."""
    sums: dict[tuple[str, str], list[int]] = {}
    for played in rows:
        total = sums.setdefault((played.first, played.second), [0, 0, 0])
        for part in range(3):
            total[part] += played[2 + part]
    return [Games(*pair, *total) for pair, total in sums.items()]


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
    targets = {"bradley-terry": TARGET_BRADLEY_TERRY} | ({"elo K=16": TARGET_ELO} if truth is PLAIN else {})
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


def coverage(found: Fit) -> float:
    """Share of players whose true rating, on the same scale, lies within 1.96 standard errors."""
    truth = STEP_ELO * (np.arange(SNAPSHOTS) - (SNAPSHOTS - 1) / 2)
    hits = [abs(found.ratings[str(k)].elo - truth[k]) < 1.96 * found.ratings[str(k)].error for k in range(SNAPSHOTS)]
    return sum(hits) / len(hits)


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
