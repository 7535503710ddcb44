"""Which pair plays next: the one about which least is known. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from ...kernel.wilson import wilson_interval

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Score:
    """Wins, draws and losses of the first of a pair."""

    wins: int = 0
    draws: int = 0
    losses: int = 0

    @property
    def n(self) -> int:
        return self.wins + self.draws + self.losses

    @property
    def mean(self) -> float:
        """Win 1, draw ½, loss 0; ½ without matches."""
        return (self.wins + self.draws / 2) / self.n if self.n else 0.5

    @property
    def interval(self) -> tuple[float, float]:
        """95 %, Wilson's for a coin of the same mean: a score with draws varies less."""
        return wilson_interval(self.wins + self.draws / 2, self.n)

    @property
    def unknown(self) -> float:
        """Width of that interval."""
        low, high = self.interval
        return high - low

    @property
    def turned(self) -> Score:
        return Score(self.losses, self.draws, self.wins)

    def __add__(self, other: Score) -> Score:
        return Score(self.wins + other.wins, self.draws + other.draws, self.losses + other.losses)


def pairs(players: int) -> list[Pair]:
    return list(combinations(range(players), 2))


def least_known(order: Sequence[Pair], known: Mapping[Pair, Score]) -> Pair:
    """The pair with the widest interval; the first one of several."""
    return max(order, key=lambda pair: (known.get(pair, Score()).unknown, -order.index(pair)))
