"""State of the ledger to protobuf and back. Equal states have equal bytes."""

from __future__ import annotations

from ..api.v1.standings_pb2 import MatchRange, PairRow, PlayerRow, SoloRow, Standings
from .ledger import Pair, PairKey, Rating, Returns, SoloKey, State
from .rangeset import RangeSet

#: Of the rules by which results are applied. Raised when the same ledger begins to give other standings.
FOLD_VERSION = 4


def to_proto(state: State) -> Standings:
    """Rows in ascending order of their keys."""
    return Standings(
        position=state.position,
        applied=[MatchRange(first=first, last=last) for first, last in state.applied.ranges()],
        players=[PlayerRow(player=player, **rating._asdict()) for player, rating in sorted(state.players.items())],
        pairs=[PairRow(**key._asdict(), **pair._asdict()) for key, pair in sorted(state.pairs.items())],
        refused=state.refused,
        results=state.results,
        solos=[SoloRow(**key._asdict(), **returns._asdict()) for key, returns in sorted(state.solos.items())],
        epochs=state.epochs,
        prior_milli_elo=state.priors,
        fold_version=FOLD_VERSION,
    )


def from_proto(standings: Standings) -> State:
    """Raises ValueError when the ranges of applied matches overlap or are out of order."""
    return State(
        position=standings.position,
        applied=RangeSet((span.first, span.last) for span in standings.applied),
        players={row.player: _rating(row) for row in standings.players},
        pairs={PairKey(row.purpose, row.first, row.second, row.regime): _pair(row) for row in standings.pairs},
        refused=dict(standings.refused),
        results=standings.results,
        solos={SoloKey(row.purpose, row.player, row.regime): _returns(row) for row in standings.solos},
        epochs=dict(standings.epochs),
        priors=dict(standings.prior_milli_elo),
    )


def to_bytes(state: State) -> bytes:
    """Deterministic: maps are written in the order of their keys."""
    return to_proto(state).SerializeToString(deterministic=True)


def from_bytes(data: bytes) -> State:
    return from_proto(Standings.FromString(data))


def _rating(row: PlayerRow) -> Rating:
    return Rating(row.milli_elo, row.initial_milli_elo, row.wins, row.draws, row.losses)


def _returns(row: SoloRow) -> Returns:
    return Returns(row.episodes, row.return_mean, row.return_m2, row.recent_return, row.decisions,
                   row.judged, row.successes, row.recent_success)  # fmt: skip


def _pair(row: PairRow) -> Pair:
    return Pair(row.wins, row.draws, row.losses, row.recent_score,
                row.wins_in_seat_0, row.matches_in_seat_0, row.draws_in_seat_0)  # fmt: skip
