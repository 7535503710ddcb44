"""Standings as a pure fold of the ledger: the same results in the same order give the same bits.

Every record advances the position by one, whether its result is rated or refused; only `position + 1` is accepted. A
match number that was applied is never applied again, so redelivered and replayed matches are harmless.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ..api.v1.match_pb2 import MatchResult
from ..kernel.players import NOBODY, agent_of, is_version, orient
from .elo import MILLI, START_MILLI_ELO, gain_milli
from .judge import DUPLICATE, FUTURE_EPOCH, STALE_EPOCH, Bout, Refused, Solo, decode, judge
from .rangeset import RangeSet

#: Weight of the newest match in `recent_score` once a pair has met often; until then it is the plain average.
RECENT_WEIGHT = 1 / 64
#: An epoch is one start of a learner or one rollback: so many without a single match that ended do not happen, and a
#: false one must not put all that follow in the past.
MOST_EPOCHS_AHEAD = 1000


class OutOfOrder(Exception):
    """A record other than the next one was offered. The reader must continue at `position + 1`."""


class Rating(NamedTuple):
    """One player. Counts are of all rated matches."""

    milli_elo: int
    initial_milli_elo: int
    wins: int = 0
    draws: int = 0
    losses: int = 0

    def booked(self, halves: int, gain: int) -> Rating:
        return Rating(self.milli_elo + gain, self.initial_milli_elo,
                      self.wins + (halves == 2), self.draws + (halves == 1), self.losses + (halves == 0))  # fmt: skip


class Pair(NamedTuple):
    """`first` against `second` for one purpose. Wins and losses are those of `first`."""

    wins: int = 0
    draws: int = 0
    losses: int = 0
    recent_score: float = 0.0
    wins_in_seat_0: int = 0
    matches_in_seat_0: int = 0
    draws_in_seat_0: int = 0

    @property
    def matches(self) -> int:
        return self.wins + self.draws + self.losses

    def booked(self, bout: Bout) -> Pair:
        won, drew, seat_0 = bout.halves == 2, bout.halves == 1, bout.first_in_seat_0
        weight = max(1 / (self.matches + 1), RECENT_WEIGHT)
        return Pair(self.wins + won, self.draws + drew, self.losses + (bout.halves == 0),
                    self.recent_score + weight * (bout.halves / 2 - self.recent_score),
                    self.wins_in_seat_0 + (won and seat_0), self.matches_in_seat_0 + seat_0,
                    self.draws_in_seat_0 + (drew and seat_0))  # fmt: skip


class Returns(NamedTuple):
    """Episodes of a player alone, for one purpose: undiscounted returns, summed up as Welford (1962) does.

    Welford, "Note on a method for calculating corrected sums of squares and products", Technometrics 4, 419–420.
    """

    episodes: int = 0
    return_mean: float = 0.0
    return_m2: float = 0.0
    """sum of squared distances from the mean"""
    recent_return: float = 0.0
    """exponential average, like `Pair.recent_score`"""
    decisions: int = 0
    judged: int = 0
    """episodes that tell whether they were a success"""
    successes: int = 0
    recent_success: float = 0.0

    def booked(self, solo: Solo) -> Returns:
        n, distance = self.episodes + 1, solo.score - self.return_mean
        mean = self.return_mean + distance / n
        recent = self.recent_return + max(1 / n, RECENT_WEIGHT) * (solo.score - self.recent_return)
        m2 = self.return_m2 + distance * (solo.score - mean)
        judged = self.judged + (solo.success is not None)
        rolling = self.recent_success
        if solo.success is not None:
            rolling += max(1 / judged, RECENT_WEIGHT) * (solo.success - rolling)
        successes = self.successes + bool(solo.success)
        return Returns(n, mean, m2, recent, self.decisions + solo.decisions, judged, successes, rolling)


class SoloKey(NamedTuple):
    purpose: str
    player: str
    regime: str = ""


class PairKey(NamedTuple):
    purpose: str
    first: str
    second: str
    regime: str = ""
    """conditions of an evaluation; "" are the default ones"""


@dataclass(frozen=True, slots=True)
class State:
    """What the ledger says up to `position`. Never changed in place."""

    position: int = 0
    applied: RangeSet = field(default_factory=RangeSet)
    players: Mapping[str, Rating] = field(default_factory=dict)
    pairs: Mapping[PairKey, Pair] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)
    results: int = 0
    solos: Mapping[SoloKey, Returns] = field(default_factory=dict)
    epochs: Mapping[str, int] = field(default_factory=dict)
    """newest epoch by agent that a rated match of its live seat has ended in"""
    priors: Mapping[str, int] = field(default_factory=dict)
    """milli-Elo by player or agent, for those that do not enter with START_MILLI_ELO"""

    def played(self, purpose: str, player: str, opponent: str, regime: str = "") -> int:
        """Matches of a player against one opponent or NOBODY."""
        if opponent == NOBODY:
            return self.solos.get(SoloKey(purpose, player, regime), Returns()).episodes
        return self.pair(purpose, *orient(player, opponent), regime).matches

    def pair(self, purpose: str, first: str, second: str, regime: str = "") -> Pair:
        return self.pairs.get(PairKey(purpose, first, second, regime), Pair())

    def rating(self, player: str) -> int:
        """The player's live rating, in milli-Elo: where it would enter if it has not played yet."""
        return _rating(self, player).milli_elo


def fresh_state(prior_elo: Mapping[str, float]) -> State:
    """Before the first result. `prior_elo`: in points, by player or agent."""
    return State(priors={player: round(elo * MILLI) for player, elo in prior_elo.items()})


def fold(state: State, sequence: int, result: MatchResult | None, *, k: int, key: bytes = b"") -> State:
    """The state after record `sequence`. `result` is None for a record that is no message; `k`: Elo step in points;
    `key`: of the run's seals.

    Raises OutOfOrder unless sequence == state.position + 1.
    """
    if sequence != state.position + 1:
        raise OutOfOrder(f"the ledger stands at {state.position}; record {sequence} is not the next one")
    try:
        bout = judge(result, key)
        assert result is not None  # judge refuses None
        if result.match in state.applied:
            raise Refused(DUPLICATE, f"match {result.match}")
        epochs = _epochs(state, result)
    except Refused as refusal:
        count = state.refused.get(refusal.reason, 0) + 1
        return replace(state, position=sequence, refused={**state.refused, refusal.reason: count})
    state = replace(state, epochs=epochs)
    if isinstance(bout, Solo):
        return _book_solo(state, sequence, result.match, bout)
    return _book(state, sequence, result.match, bout, k)


def fold_bytes(state: State, sequence: int, data: bytes, *, k: int, key: bytes = b"") -> State:
    """`fold` of a record as it lies in the stream."""
    return fold(state, sequence, decode(data), k=k, key=key)


def _epochs(state: State, result: MatchResult) -> Mapping[str, int]:
    """The newest epochs with those of this result's live seats. Raises Refused when one is older than seen before: a
    simulator that missed a rollback, or the restart of a learner, still plays what is gone."""
    ends = {
        end.agent: end.epoch for player, end in zip(result.players, result.policies_at_end, strict=True) if player.live
    }
    for agent, epoch in ends.items():
        if epoch < state.epochs.get(agent, 0):
            raise Refused(STALE_EPOCH, f"{agent} is in epoch {state.epochs[agent]}, the match ended in {epoch}")
        if epoch > state.epochs.get(agent, 0) + MOST_EPOCHS_AHEAD:
            raise Refused(FUTURE_EPOCH, f"{agent} cannot be in epoch {epoch} yet")
    return state.epochs if ends.items() <= state.epochs.items() else {**state.epochs, **ends}


def _book_solo(state: State, sequence: int, match: int, solo: Solo) -> State:
    """Counted, but no rating moves: there was nobody to win against."""
    key = SoloKey(solo.purpose, solo.player, solo.regime)
    return replace(
        state,
        position=sequence,
        applied=state.applied.add(match),
        solos={**state.solos, key: state.solos.get(key, Returns()).booked(solo)},
        results=state.results + 1,
    )


def _book(state: State, sequence: int, match: int, bout: Bout, k: int) -> State:
    """Ratings compare play under the run's own conditions: a match in another regime only enters its pair."""
    key = PairKey(bout.purpose, bout.first, bout.second, bout.regime)
    return replace(
        state,
        position=sequence,
        applied=state.applied.add(match),
        players=state.players if bout.regime else _rated(state, bout, k),
        pairs={**state.pairs, key: state.pairs.get(key, Pair()).booked(bout)},
        results=state.results + 1,
    )


def _rated(state: State, bout: Bout, k: int) -> Mapping[str, Rating]:
    first, second = _rating(state, bout.first), _rating(state, bout.second)
    gain = gain_milli(first.milli_elo, second.milli_elo, bout.halves, k)
    return {
        **state.players,
        bout.first: first.booked(bout.halves, gain),
        bout.second: second.booked(2 - bout.halves, -gain),
    }


def _rating(state: State, player: str) -> Rating:
    """The player's rating; a version seen for the first time enters where its agent stands now, anybody
    else with the prior of its name."""
    known = state.players.get(player)
    if known is not None:
        return known
    live = state.players.get(agent_of(player)) if is_version(player) else None
    prior = state.priors.get(player, state.priors.get(agent_of(player) if is_version(player) else "", START_MILLI_ELO))
    start = live.milli_elo if live else prior
    return Rating(start, start)
