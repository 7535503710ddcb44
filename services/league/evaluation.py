"""What is still to be played to measure a candidate on the panel. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..games.conditions import DEFAULT_REGIME
from ..kernel.panel import EVALUATE
from ..kernel.players import NOBODY
from .ledger import State

#: A pairing is ordered again where results stay away or are void, until this many times its target has been ordered.
PATIENCE = 10


@dataclass(frozen=True, slots=True)
class Order:
    """`matches` of one pairing, or of a candidate alone (`opponent` is NOBODY)."""

    candidate: str
    opponent: str
    before: int
    """so many were ordered earlier: their seeds are used up"""
    matches: int
    regime: str = DEFAULT_REGIME
    probe: bool = False
    """of the promotion gate: on starts that no other candidate has had, and apart from the panel"""
    second: bool = False
    """the candidate stands second in the ticket: its role has the second seat"""

    @property
    def players(self) -> tuple[str, str]:
        """In the order of the ticket."""
        pair = (self.candidate, self.opponent)
        return (pair[1], pair[0]) if self.second else pair


def remaining(
    candidate: str, opponents: Sequence[str], ordered: int, target: int, regime: str = DEFAULT_REGIME
) -> list[Order]:
    """Orders that bring every pairing of a candidate from `ordered` to `target` matches."""
    return [
        Order(candidate, opponent, ordered, _whole(opponent, target - ordered), regime)
        for opponent in opponents
        if target > ordered
    ]


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
    return [Order(candidate, one.opponent, ordered, one.matches, regime) for one in lacking]


def remaining_in(
    state: State, candidate: str, opponents: Sequence[str], target: int, regime: str = DEFAULT_REGIME
) -> list[Order]:
    """What the ledger lacks of `target` matches per opponent."""
    booked = "" if regime == DEFAULT_REGIME else regime
    played = {opponent: state.played(EVALUATE, candidate, opponent, booked) for opponent in opponents}
    return [
        Order(candidate, opponent, matches, _whole(opponent, target - matches), regime)
        for opponent, matches in played.items()
        if matches < target
    ]


def _whole(opponent: str, matches: int) -> int:
    """The next number of matches that can be ordered: even where seats are paired."""
    return matches if opponent == NOBODY else matches + matches % 2
