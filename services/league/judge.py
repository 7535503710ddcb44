"""May a result be rated? Decided from the message alone, so that every replay decides the same."""

from __future__ import annotations

import re
from math import isfinite
from typing import NamedTuple

from google.protobuf.message import DecodeError

from ..api.v1 import match_pb2 as match
from ..kernel.players import orient, player_id
from ..kernel.seals import is_genuine

PURPOSES = {match.PURPOSE_TRAIN: "train", match.PURPOSE_EVALUATE: "evaluate", match.PURPOSE_PROBE: "probe"}
#: Halves of a point for player 0 of the message.
_HALVES = {match.OUTCOME_FIRST_WINS: 2, match.OUTCOME_DRAW: 1, match.OUTCOME_SECOND_WINS: 0}
#: Outcomes that are possible, by number of players.
_OUTCOMES = {1: {match.OUTCOME_SCORED}, 2: set(_HALVES)}
#: Seeds from here on are kept for evaluation, so that nothing is measured on a spawn that was trained on.
FIRST_EVALUATION_SEED = 2**63

_REGIME = re.compile(r"[a-z0-9][a-z0-9_-]{0,47}")

DUPLICATE, VOID, INVALID = "duplicate", "void", "invalid"
#: No order of the league behind it; an order, but not for this match; played by a version of a learner long gone, or
#: of one that cannot be.
UNKNOWN_TICKET, FORGED, STALE_EPOCH, FUTURE_EPOCH = "unknown-ticket", "forged", "stale-epoch", "future-epoch"
REASONS = (DUPLICATE, VOID, INVALID, UNKNOWN_TICKET, FORGED, STALE_EPOCH, FUTURE_EPOCH)


class Refused(Exception):
    """The result is not rated. `reason` is what is counted: one of REASONS."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


class Bout(NamedTuple):
    """A match that counts, from the point of view of `first`."""

    purpose: str
    first: str
    second: str
    halves: int
    """2 when `first` won, 1 for a draw, 0 when it lost"""
    first_in_seat_0: bool
    regime: str = ""


class Solo(NamedTuple):
    """An episode of a player alone."""

    purpose: str
    player: str
    score: float
    """undiscounted return"""
    decisions: int
    regime: str = ""
    success: bool | None = None
    """None: the game does not say"""


def decode(data: bytes) -> match.MatchResult | None:
    """The message of one record of the ledger, or None when it is none."""
    try:
        return match.MatchResult.FromString(data)
    except DecodeError:
        return None


def judge(result: match.MatchResult | None, key: bytes = b"") -> Bout | Solo:
    """The bout or the episode to book. Raises Refused when the result is void or cannot be believed.

    `key`: of the run's seals; empty: it is not sealed.
    """
    if result is None:
        raise Refused(INVALID, "not a MatchResult")
    if result.outcome == match.OUTCOME_VOID:
        raise Refused(VOID, result.void_reason or "no reason given")
    _check(result)
    if key:
        _check_seal(result, key)
    players = [_player(player) for player in result.players]
    if len(players) == 1:
        success = result.success if result.HasField("success") else None
        purpose, score = PURPOSES[result.purpose], result.scores[0]
        return Solo(purpose, players[0], score, result.decisions, result.regime, success)
    if players[0] == players[1]:
        raise Refused(INVALID, f"{players[0]} plays against itself: nothing to book")
    first, second = orient(*players)
    swapped = first != players[0]
    halves = _HALVES[result.outcome]
    return Bout(PURPOSES[result.purpose], first, second, 2 - halves if swapped else halves,
                first_in_seat_0=(result.first_seat == 0) != swapped, regime=result.regime)  # fmt: skip


def _check(result: match.MatchResult) -> None:
    evaluation_seed, seats = result.seed >= FIRST_EVALUATION_SEED, len(result.players)
    complaints = {
        "no match number": result.match == 0,
        f"unknown purpose {result.purpose}": result.purpose not in PURPOSES,
        f"{seats} players instead of 1 or 2": seats not in _OUTCOMES,
        f"unknown outcome {result.outcome} of {seats}": result.outcome not in _OUTCOMES.get(seats, ()),
        f"seat {result.first_seat} of {seats}": result.first_seat >= seats,
        f"{len(result.scores)} scores instead of {seats}": len(result.scores) != seats,
        "a score is not finite": not all(map(isfinite, result.scores)),
        "a reason to be void, but not void": bool(result.void_reason),
        "a training match on an evaluation seed": result.purpose == match.PURPOSE_TRAIN and evaluation_seed,
        "an evaluation match on a training seed": result.purpose == match.PURPOSE_EVALUATE and not evaluation_seed,
        f"{len(result.policies_at_end)} policies at the end instead of {seats}": len(result.policies_at_end) != seats,
        "a policy without the hash of its weights": not _hashed(result),
        f"a regime outside evaluation, or with an odd name: {result.regime!r:.60}": not _plain_regime(result),
    }
    for complaint, applies in complaints.items():
        if applies:
            raise Refused(INVALID, complaint)
    if not _same_weights(result):
        raise Refused(VOID, "the weights of a fixed seat changed during the match")


def _hashed(result: match.MatchResult) -> bool:
    """At the start and at the end."""
    start = [player.policy.sha256 for player in result.players if player.HasField("policy")]
    return all(start) and all(end.sha256 for end in result.policies_at_end if end.agent)


def _check_seal(result: match.MatchResult, key: bytes) -> None:
    if not result.seal:
        raise Refused(UNKNOWN_TICKET, f"match {result.match} of ticket {result.ticket_id!r:.60} has no seal")
    if not is_genuine(result, key):
        raise Refused(FORGED, f"the seal of match {result.match} is not that of an order like this")


def _same_weights(result: match.MatchResult) -> bool:
    """A live seat may move to newer weights of the same agent; every other seat ends as it began."""
    for player, end in zip(result.players, result.policies_at_end, strict=True):
        if player.live:
            if end.agent != player.policy.agent:
                return False
        elif end != player.policy:  # both empty for a bot
            return False
    return True


def _player(player: match.Player) -> str:
    try:
        return player_id(player)
    except ValueError as error:
        raise Refused(INVALID, str(error)) from error


def _plain_regime(result: match.MatchResult) -> bool:
    """Only evaluations have one. It becomes part of a key, so that it must be a plain name."""
    if not result.regime:
        return True
    return result.purpose == match.PURPOSE_EVALUATE and _REGIME.fullmatch(result.regime) is not None
