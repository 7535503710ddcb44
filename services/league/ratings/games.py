"""Counted matches between fixed players: what every rating is made from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import NamedTuple


class Games(NamedTuple):
    """All matches with `first` in seat 0 and `second` in seat 1; wins and losses are those of `first`."""

    first: str
    second: str
    wins: int = 0
    draws: int = 0
    losses: int = 0

    @property
    def played(self) -> int:
        return self.wins + self.draws + self.losses

    @property
    def score(self) -> float:
        """Wins and half of the draws."""
        return self.wins + self.draws / 2


def players_of(games: Iterable[Games]) -> list[str]:
    """Everybody who played, in the order of first appearance."""
    return list(dict.fromkeys(name for row in games for name in (row.first, row.second)))


def by_seat(games: Iterable[Games]) -> list[Games]:
    """Every player taken apart into `name/0` and `name/1`, so that a rating tells how well each plays each seat."""
    return [row._replace(first=f"{row.first}/0", second=f"{row.second}/1") for row in games]


def pairwise(players: Sequence[str], ranks: Sequence[float]) -> list[Games]:
    """One match of N players as N(N − 1)/2 matches of two: the better rank (lower number) won, equal ranks drew.

    Seats are those of the order given. Raises ValueError unless there is one rank per player.
    """
    if len(players) != len(ranks):
        raise ValueError(f"ranks: expected one for each of {len(players)} players, found {len(ranks)}")
    return [
        Games(players[i], players[j], ranks[i] < ranks[j], ranks[i] == ranks[j], ranks[i] > ranks[j])
        for i, j in combinations(range(len(players)), 2)
    ]
