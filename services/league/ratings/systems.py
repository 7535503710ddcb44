"""Other rating systems over the same matches, in the order of the ledger. Pure.

Each takes every match that moves the live ratings, training included, and knows nothing but who met whom and how it
ended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ...kernel.players import is_bot
from ..elo import MILLI, START_MILLI_ELO, gain_milli
from .bradley_terry import Estimate, fit
from .games import Games


class Played(NamedTuple):
    """One match."""

    first: str
    second: str
    halves: int
    """2 when `first` won, 1 for a draw, 0 when it lost"""
    first_in_seat_0: bool


def elo(matches: Sequence[Played], k: int) -> dict[str, Estimate]:
    """The live rating, but everybody enters with the same number; it knows no error."""
    milli: dict[str, int] = {}
    for match in matches:
        first, second = (milli.get(name, START_MILLI_ELO) for name in match[:2])
        gain = gain_milli(first, second, match.halves, k)
        milli[match.first], milli[match.second] = first + gain, second - gain
    return {name: Estimate(rating / MILLI, 0.0) for name, rating in milli.items()}


def bradley_terry(matches: Sequence[Played], k: int) -> dict[str, Estimate]:
    """That of record, where a learner counts as one player however it has changed. `k` means nothing to it."""
    rows = [_by_seat(match) for match in matches]
    names = dict.fromkeys(name for row in rows for name in row[:2])
    return dict(fit(rows, anchors=[name for name in names if is_bot(name)]).ratings)


def openskill(matches: Sequence[Played], k: int) -> dict[str, Estimate]:
    """Plackett–Luce of Weng and Lin, "A Bayesian Approximation Method for Online Ranking", JMLR 12 (2011) 267–300, by
    the library openskill: μ, which begins at 25, and σ. `k` means nothing to it."""
    from openskill.models import PlackettLuce

    model: Any = PlackettLuce()
    ratings: dict[str, Any] = {}
    for match in matches:
        teams = [[ratings.get(name) or model.rating()] for name in match[:2]]
        rated = model.rate(teams, ranks=[2 - match.halves, match.halves])
        ratings.update({name: team[0] for name, team in zip(match[:2], rated, strict=True)})
    return {name: Estimate(rating.mu, rating.sigma) for name, rating in ratings.items()}


SYSTEMS: Mapping[str, Callable[[Sequence[Played], int], dict[str, Estimate]]] = {
    "elo": elo,
    "bradley-terry": bradley_terry,
    "openskill": openskill,
}


def _by_seat(match: Played) -> Games:
    won, drew, lost = match.halves == 2, match.halves == 1, match.halves == 0
    if match.first_in_seat_0:
        return Games(match.first, match.second, won, drew, lost)
    return Games(match.second, match.first, lost, drew, won)
