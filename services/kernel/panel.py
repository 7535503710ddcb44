"""Evaluation results of one candidate against the fixed panel, read from standings.

The panel is every scripted bot of the game, every guest and the untrained policy of step 0. In a game of one seat there
is nobody to beat: a candidate is measured by its return.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt

from ..api.v1.standings_pb2 import PairRow, SoloRow, Standings
from .players import agent_of, bot_id, is_version, version_of
from .student import mean_interval
from .wilson import wilson_interval

EVALUATE = "evaluate"
#: Names of what is measured with the other kind of play: `sampled`, `sniper-sampled`.
SAMPLED, DETERMINISTIC = "sampled", "deterministic"
#: An opponent counts as mastered from this share of wins on.
MASTERED = 0.8


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
    draws_in_seat_0: int = 0

    @property
    def by_seat(self) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
        """Wins, draws and losses in seat 0 and in seat 1."""
        losses = self.matches_in_seat_0 - self.wins_in_seat_0 - self.draws_in_seat_0
        first = (self.wins_in_seat_0, self.draws_in_seat_0, losses)
        return first, (self.wins - first[0], self.draws - first[1], self.losses - first[2])

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


@dataclass(frozen=True, slots=True)
class ReturnRow:
    """Undiscounted returns of `candidate` playing alone, in evaluation episodes only."""

    candidate: str
    episodes: int
    mean: float
    low: float
    high: float
    """95 % interval of the mean, Student's t"""
    std: float
    decisions: float
    """mean length of an episode"""
    judged: int = 0
    """episodes that tell whether they were a success"""
    successes: int = 0
    success_low: float = 0.0
    success_high: float = 0.0
    """95 % Wilson interval of the success rate"""


def return_rows(standings: Standings, regime: str = "") -> list[ReturnRow]:
    """One row per candidate that was measured alone, in the order of training. "": the default regime."""
    asked = [solo for solo in standings.solos if (solo.purpose, solo.regime) == (EVALUATE, regime)]
    solos = [solo for solo in asked if solo.episodes]
    return [_return_row(solo) for solo in sorted(solos, key=lambda solo: version_of(solo.player)[1:][::-1])]


def _return_row(solo: SoloRow) -> ReturnRow:
    low, high = mean_interval(solo.episodes, solo.return_mean, solo.return_m2)
    std = sqrt(solo.return_m2 / (solo.episodes - 1)) if solo.episodes > 1 else 0.0
    length = solo.decisions / solo.episodes
    success = wilson_interval(solo.successes, solo.judged) if solo.judged else (0.0, 0.0)
    return ReturnRow(
        solo.player, solo.episodes, solo.return_mean, low, high, std, length, solo.judged, solo.successes, *success
    )


def panel_opponents(
    candidate: str, bots: Iterable[str], step_0: str | Iterable[str], guests: Iterable[str] = ()
) -> tuple[str, ...]:
    """Player ids a candidate is measured against: every bot, every guest (given by id), then step 0 (of every agent
    that it can meet) unless the candidate is that itself."""
    versions = (step_0,) if isinstance(step_0, str) else step_0
    return (*(bot_id(bot) for bot in bots), *guests, *(one for one in versions if one and one != candidate))


def panel_rows(standings: Standings, candidate: str, opponents: Sequence[str], regime: str = "") -> list[PanelRow]:
    """One row per opponent, in the given order; a pair that has not played yet has zeros. "": the default regime."""
    measured = [pair for pair in standings.pairs if (pair.purpose, pair.regime) == (EVALUATE, regime)]
    found = {pair.first: turned(pair) for pair in measured if pair.second == candidate}
    found |= {pair.second: pair for pair in measured if pair.first == candidate}
    return [_row(candidate, opponent, found.get(opponent)) for opponent in opponents]


def met(standings: Standings, candidate: str) -> list[str]:
    """Everybody a candidate was measured against in the default regime, in the order of the standings."""
    rows = [pair for pair in standings.pairs if pair.purpose == EVALUATE and not pair.regime]
    rows += [turned(pair) for pair in rows]
    return list(dict.fromkeys(pair.second for pair in rows if pair.first == candidate))


def met_champions(standings: Standings, candidate: str, step_0: str) -> list[str]:
    """Earlier versions of its own agent, champions of the promotion gate, that it was measured against."""
    own = [one for one in met(standings, candidate) if is_version(one) and agent_of(one) == agent_of(candidate)]
    return [one for one in own if one != step_0 and version_of(one)[1:] < version_of(candidate)[1:]]


def turned(pair: PairRow) -> PairRow:
    """The same pair from the other's point of view."""
    matches = pair.wins + pair.draws + pair.losses
    losses_in_seat_0 = pair.matches_in_seat_0 - pair.wins_in_seat_0 - pair.draws_in_seat_0
    return PairRow(
        purpose=pair.purpose, first=pair.second, second=pair.first, regime=pair.regime,
        wins=pair.losses, draws=pair.draws, losses=pair.wins, recent_score=1 - pair.recent_score,
        wins_in_seat_0=pair.losses - losses_in_seat_0, draws_in_seat_0=pair.draws - pair.draws_in_seat_0,
        matches_in_seat_0=matches - pair.matches_in_seat_0,
    )  # fmt: skip


def other_play(deterministic: bool) -> str:
    """What the play is called that the panel does not have; `deterministic`: the panel's."""
    return SAMPLED if deterministic else DETERMINISTIC


def with_other_play(regime: str, deterministic: bool, default: str) -> str:
    """Name of a regime (`default` is left out) with the play that the panel does not have."""
    play = other_play(deterministic)
    return play if regime == default else f"{regime}-{play}"


def conditions_of(name: str, deterministic: bool, default: str) -> tuple[str, bool]:
    """The regime that a name stands for, and whether policies play deterministically in it."""
    play = other_play(deterministic)
    if name == play:
        return default, not deterministic
    regime = name.removesuffix(f"-{play}")
    return regime, deterministic == (regime == name)


def final_candidate(ordered: Iterable[str]) -> str:
    """The last version among the candidates of `RunRecord.evaluation_matches`; "" when there is none."""
    versions = [version_of(candidate) for candidate in ordered]
    if not versions:
        return ""
    agent, epoch, step = max(versions, key=lambda version: (version[2], version[1]))
    return f"{agent}@{epoch}.{step}"


def candidates(standings: Standings) -> list[str]:
    """Versions that have been evaluated, against at least one opponent or alone, in the order of the standings."""
    paired = [pair.first for pair in standings.pairs if pair.purpose == EVALUATE]
    return list(dict.fromkeys([*paired, *(row.candidate for row in return_rows(standings))]))


def regressions(standings: Standings) -> list[PanelRow]:
    """Measurements of the newest version that are a step back, worst first.

    Only where some version has won 80 % against an opponent: it is one if the newest wins less than that, and so little
    that the 95 % intervals of best and newest do not meet.
    """
    found = []
    for agent in dict.fromkeys(agent_of(name) for name in candidates(standings)):
        found += _regressions(standings, [name for name in candidates(standings) if agent_of(name) == agent])
    return sorted(found, key=lambda row: row.win_rate)


def regression_text(row: PanelRow) -> str:
    """For people."""
    low, high = row.interval
    return (
        f"{row.candidate} has lost ground against {row.opponent}: {row.win_rate:.0%} wins "
        f"({low:.0%}–{high:.0%}, n = {row.matches}), where an earlier version had {MASTERED:.0%} or more"
    )


def _regressions(standings: Standings, names: Sequence[str]) -> list[PanelRow]:
    """Of one agent."""
    ordered = sorted(names, key=lambda name: version_of(name)[1:][::-1])
    pairs = [pair for pair in standings.pairs if pair.purpose == EVALUATE and pair.first in ordered]
    found = []
    for opponent in dict.fromkeys(pair.second for pair in pairs):
        rows = [row for name in ordered for row in panel_rows(standings, name, [opponent]) if row.matches]
        if rows and rows[-1].candidate == ordered[-1] and _is_regression(rows):
            found.append(rows[-1])
    return found


def _is_regression(rows: Sequence[PanelRow]) -> bool:
    """`rows` of one opponent, oldest first."""
    newest, best = rows[-1], max(rows, key=lambda row: row.win_rate)
    return newest.win_rate < MASTERED <= best.win_rate and newest.interval[1] < best.interval[0]


def _row(candidate: str, opponent: str, pair: PairRow | None) -> PanelRow:
    if pair is None:
        return PanelRow(candidate, opponent)
    return PanelRow(
        candidate, opponent, pair.wins, pair.draws, pair.losses,
        pair.wins_in_seat_0, pair.matches_in_seat_0, pair.draws_in_seat_0,
    )  # fmt: skip
