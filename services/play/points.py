"""Points of a tournament: 3 for an elimination, 2 for a win by time, 1 for a draw, 0 for a loss. Pure.

Source of the scale: the round robin of benedictbrady/dogfight-challenge at 10a6b40.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..api.v1.match_pb2 import OUTCOME_DRAW, OUTCOME_FIRST_WINS, OUTCOME_SECOND_WINS, MatchResult
from ..kernel.wilson import wilson_interval

KNOCKOUT = "elimination"
MOST = 3


@dataclass(frozen=True, slots=True)
class Tally:
    """What one participant has reached in some matches."""

    wins: int = 0
    draws: int = 0
    losses: int = 0
    points: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.wins + other.wins,
            self.draws + other.draws,
            self.losses + other.losses,
            self.points + other.points,
        )

    @property
    def n(self) -> int:
        return self.wins + self.draws + self.losses

    @property
    def mean(self) -> float:
        """Points per match; 0 without matches."""
        return self.points / self.n if self.n else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """95 % for the mean: Wilson's for points / 3, on the safe side because points vary less than a coin."""
        low, high = wilson_interval(self.points / MOST, self.n)
        return MOST * low, MOST * high


def tally(results: Iterable[MatchResult], player: int) -> Tally:
    """Sum of what `player` (0 or 1, in the ticket's order) has reached."""
    return sum((_one(result, player) for result in results), Tally())


def points_of(result: MatchResult, player: int) -> int:
    """Raises ValueError for a result without an outcome."""
    if result.outcome == OUTCOME_DRAW:
        return 1
    if result.outcome not in (OUTCOME_FIRST_WINS, OUTCOME_SECOND_WINS):
        raise ValueError(f"match {result.match}: expected a finished match, found outcome {result.outcome}")
    winner = 0 if result.outcome == OUTCOME_FIRST_WINS else 1
    if winner != player:
        return 0
    return MOST if result.ending == KNOCKOUT else 2


def _one(result: MatchResult, player: int) -> Tally:
    points = points_of(result, player)
    return Tally(wins=int(points >= 2), draws=int(points == 1), losses=int(points == 0), points=points)
