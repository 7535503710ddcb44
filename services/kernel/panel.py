"""Evaluation results of one candidate against the fixed panel, read from standings.

The panel is every scripted bot of the game and the untrained policy of step 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..api.v1.standings_pb2 import PairRow, Standings
from .players import bot_id, version_of
from .wilson import wilson_interval

EVALUATE = "evaluate"


@dataclass(frozen=True, slots=True)
class PanelRow:
    """Wins, draws and losses of `candidate` against `opponent`, in evaluation matches only."""

    candidate: str
    opponent: str
    wins: int = 0
    draws: int = 0
    losses: int = 0
    wins_in_seat_0: int = 0
    matches_in_seat_0: int = 0

    @property
    def matches(self) -> int:
        return self.wins + self.draws + self.losses

    @property
    def win_rate(self) -> float:
        """Share of wins; 0 without matches."""
        return self.wins / self.matches if self.matches else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """95 % Wilson interval of the win rate."""
        return wilson_interval(self.wins, self.matches)


def panel_opponents(candidate: str, bots: Iterable[str], step_0: str) -> tuple[str, ...]:
    """Player ids a candidate is measured against: every bot, then step 0 unless the candidate is step 0 itself."""
    versions = (step_0,) if step_0 and step_0 != candidate else ()
    return (*(bot_id(bot) for bot in bots), *versions)


def panel_rows(
    standings: Standings, candidate: str, opponents: Sequence[str], regime: str = ""
) -> list[PanelRow]:
    """One row per opponent, in the given order; a pair that has not played yet has zeros. "": the default regime."""
    found = {
        pair.second: pair
        for pair in standings.pairs
        if (pair.purpose, pair.first, pair.regime) == (EVALUATE, candidate, regime)
    }
    return [_row(candidate, opponent, found.get(opponent)) for opponent in opponents]


def final_candidate(ordered: Iterable[str]) -> str:
    """The last version among the candidates of `RunRecord.evaluation_matches`; "" when there is none."""
    versions = [version_of(candidate) for candidate in ordered]
    if not versions:
        return ""
    agent, epoch, step = max(versions, key=lambda version: (version[2], version[1]))
    return f"{agent}@{epoch}.{step}"


def candidates(standings: Standings) -> list[str]:
    """Versions that have been evaluated against at least one opponent, in the order of the standings."""
    return list(dict.fromkeys(pair.first for pair in standings.pairs if pair.purpose == EVALUATE))


def _row(candidate: str, opponent: str, pair: PairRow | None) -> PanelRow:
    if pair is None:
        return PanelRow(candidate, opponent)
    return PanelRow(
        candidate, opponent, pair.wins, pair.draws, pair.losses, pair.wins_in_seat_0, pair.matches_in_seat_0
    )
