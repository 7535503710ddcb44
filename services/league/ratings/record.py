"""The ratings of record of a run: everything its ledger says about fixed players, from the stored standings alone.

Training matches are left out: the learner's seat moves on while they are played, so that they belong to nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import hypot

from ...api.v1.standings_pb2 import PairRow, Standings
from ...kernel.players import agent_of, is_bot, is_guest, is_version, version_of
from .bradley_terry import Estimate, Fit, fit
from .games import Games, by_seat, players_of
from .payoff import alpha_rank, cyclic_share, nash, payoff

#: Purposes in which both seats hold still.
FIXED = ("evaluate", "probe")
#: Seats told apart by name leave next to nothing for the seat term of the model.
NO_SEAT_TERM = 1e-3


@dataclass(frozen=True, slots=True)
class Standing:
    """One player, all numbers from the same matches."""

    player: str
    rating: Estimate
    """Elo points above the mean of the scripted bots, and its standard error"""
    first_move_elo: float
    """its rating in seat 0 minus the one in seat 1"""
    matches: int
    nash_share: float
    """in a Nash mixture of the league: players with 0 are not needed"""
    alpha_rank_share: float


@dataclass(frozen=True, slots=True)
class Record:
    standings: tuple[Standing, ...]
    """best first"""
    seat: Estimate
    """worth of seat 0, in Elo points"""
    cyclic_share: float
    """share of the payoffs that no ladder can explain"""
    fit: Fit
    """to start the next fit from"""


def rate(standings: Standings, start: Fit | None = None) -> Record:
    """All fixed players that have met somebody. `start`: an earlier fit, which makes this one quicker."""
    games = games_of(standings.pairs)
    names = players_of(games)
    anchors = [name for name in names if is_bot(name)]
    found = fit(games, anchors=anchors, start=start)
    seats = fit(by_seat(games), seat_sd=NO_SEAT_TERM).ratings
    matrix = payoff(names, games, [found.ratings[name].elo for name in names])
    rows = [
        Standing(name, found.ratings[name], _first_move(seats, name), played(games, name), float(share), float(mass))
        for name, share, mass in zip(names, nash(matrix), alpha_rank(matrix), strict=True)
    ]
    ranked = sorted(rows, key=lambda row: (-row.rating.elo, row.player))
    return Record(tuple(ranked), found.seat, cyclic_share(matrix), found)


def gaps(standings: Iterable[Standing]) -> dict[str, Estimate]:
    """How far the best learned version is ahead of each fixed reference: the scripted bots, and its step 0.

    Unlike a win rate against a pool that moves on, these show progress. Errors are those of independent estimates.
    Empty without a version that is not itself a step 0.
    """
    rows = list(standings)
    trained = [row for row in rows if is_version(row.player) and not is_guest(row.player) and version_of(row.player)[2]]
    if not trained:
        return {}
    best = max(trained, key=lambda row: row.rating.elo)
    agent = agent_of(best.player)
    return {
        row.player: Estimate(best.rating.elo - row.rating.elo, hypot(best.rating.error, row.rating.error))
        for row in rows
        if is_bot(row.player) or _is_genesis(row.player, agent)
    }


def _is_genesis(player: str, agent: str) -> bool:
    return is_version(player) and agent_of(player) == agent and version_of(player)[2] == 0


def games_of(pairs: Iterable[PairRow]) -> list[Games]:
    """Two rows per pair that has met in the default regime: one for each seat of its first player."""
    rated = [pair for pair in pairs if pair.purpose in FIXED and not pair.regime]
    return [games for pair in rated for games in _by_side(pair) if games.played]


def played(games: Iterable[Games], player: str) -> int:
    """Matches of one player."""
    return sum(row.played for row in games if player in row[:2])


def _by_side(pair: PairRow) -> Iterator[Games]:
    wins, draws = pair.wins_in_seat_0, pair.draws_in_seat_0
    losses = pair.matches_in_seat_0 - wins - draws
    yield Games(pair.first, pair.second, wins, draws, losses)
    yield Games(pair.second, pair.first, pair.losses - losses, pair.draws - draws, pair.wins - wins)


def _first_move(seats: Mapping[str, Estimate], name: str) -> float:
    if f"{name}/0" not in seats or f"{name}/1" not in seats:
        return 0.0
    return seats[f"{name}/0"].elo - seats[f"{name}/1"].elo
