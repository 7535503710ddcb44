"""What is still to be played to measure a candidate on the panel. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..games.conditions import DEFAULT_REGIME
from ..kernel.panel import EVALUATE
from .ledger import State

#: A pairing is ordered again where results stay away or are void, until this many times its target has been ordered.
PATIENCE = 10


@dataclass(frozen=True, slots=True)
class Order:
    """`matches` of one pairing, on evaluation seeds `first_pair`, `first_pair` + 1, … (one seed per two matches)."""

    candidate: str
    opponent: str
    first_pair: int
    matches: int
    regime: str = DEFAULT_REGIME


def remaining(
    candidate: str, opponents: Sequence[str], ordered: int, target: int, regime: str = DEFAULT_REGIME
) -> list[Order]:
    """Orders that bring every pairing of a candidate from `ordered` to `target` matches."""
    matches = even(target - ordered)
    return [Order(candidate, opponent, ordered // 2, matches, regime) for opponent in opponents if matches > 0]


def missing(
    state: State,
    candidate: str,
    opponents: Sequence[str],
    ordered: int,
    target: int,
    regime: str = DEFAULT_REGIME,
) -> list[Order]:
    """Orders for what the ledger lacks although everything ordered has been played: tickets that were reserved and then
    lost with the league's process, and void matches. Seeds continue after those already used."""
    if ordered >= PATIENCE * target:
        return []
    lacking = remaining_in(state, candidate, opponents, target, regime)
    return [Order(candidate, order.opponent, ordered // 2, order.matches, regime) for order in lacking]


def remaining_in(
    state: State, candidate: str, opponents: Sequence[str], target: int, regime: str = DEFAULT_REGIME
) -> list[Order]:
    """What the ledger lacks of `target` matches per opponent."""
    booked = "" if regime == DEFAULT_REGIME else regime
    played = {opponent: state.pair(EVALUATE, candidate, opponent, booked).matches for opponent in opponents}
    return [
        Order(candidate, opponent, matches // 2, even(target - matches), regime)
        for opponent, matches in played.items()
        if matches < target
    ]


def even(matches: int) -> int:
    """The next even number: seats are paired."""
    return matches + matches % 2
