"""A simulated league of players whose strength is known, and how far a rating of it is from the truth.

A league of 40 snapshots, each 25 Elo points stronger than the one before. Each plays 400 matches when it enters, half
of them against the newest other, half against any older one; seats swap. In the plain league nobody draws and seats are
equal; in the other one seat 0 is worth 40 points and even players draw every sixth match, for which online Elo has no
terms. Errors are root mean squares over all players after both ladders are centred.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ludus.league.elo import START_MILLI_ELO, gain_milli
from ludus.league.ratings.bradley_terry import ELO, Fit
from ludus.league.ratings.games import Games

SNAPSHOTS, STEP_ELO, MATCHES = 40, 25.0, 400
#: Errors of other implementations on such leagues, in Elo points: Ludus is to be no worse.
TARGET_BRADLEY_TERRY, TARGET_ELO_16, TARGET_ELO_32 = 29.0, 37.0, 52.0


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


def coverage(found: Fit) -> float:
    """Share of players whose true rating, on the same scale, lies within 1.96 standard errors."""
    truth = STEP_ELO * (np.arange(SNAPSHOTS) - (SNAPSHOTS - 1) / 2)
    hits = [abs(found.ratings[str(k)].elo - truth[k]) < 1.96 * found.ratings[str(k)].error for k in range(SNAPSHOTS)]
    return sum(hits) / len(hits)
