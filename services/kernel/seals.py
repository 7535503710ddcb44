"""Seals of matches: proof, inside a result, that the league ordered exactly this match.

A seal is a message authentication code (HMAC-SHA-256, RFC 2104) of everything the league decides about a match, with a
key that the league makes and that lies in the run's key-value store, where the evaluator looks at it too. The fold
needs nothing but the key to tell a result of an order from one without, so that a replay refuses the same ones. A run
that began without a key, and one in lockstep, where nothing is drawn by chance, is not sealed: its key is empty.
"""

from __future__ import annotations

import hmac
import json
import secrets
from contextlib import suppress

from ..api.v1.match_pb2 import MatchResult, Player, Ticket
from .bus import Bucket, Bus, Conflict
from .topology import RESULTS, RUN_BUCKET

SEAL_KEY = "seal"
KEY_BYTES, SEAL_BYTES = 32, 16


def sealed(ticket: Ticket, key: bytes) -> Ticket:
    """The ticket with a seal for each of its matches; as it is where the key is empty."""
    if not key:
        return ticket
    made = Ticket()
    made.CopyFrom(ticket)
    per_seed = 1 if ticket.fixed_seats else len(ticket.players)
    made.seals[:] = [
        _seal(key, ticket, ticket.first_match + i, ticket.seeds[i // per_seed], i % per_seed)
        for i in range(ticket.matches)
    ]
    return made


def is_genuine(result: MatchResult, key: bytes) -> bool:
    """Whether its seal is that of the match it tells of."""
    return hmac.compare_digest(result.seal, _seal(key, result, result.match, result.seed, result.first_seat))


def _seal(key: bytes, order: Ticket | MatchResult, match: int, seed: int, first_seat: int) -> bytes:
    decided = [
        order.run, order.ticket_id, int(order.purpose), match, seed, first_seat, order.regime, order.randomisation,
        [_ordered(player) for player in order.players],
    ]  # fmt: skip
    return hmac.digest(key, json.dumps(decided).encode(), "sha256")[:SEAL_BYTES]


def _ordered(player: Player) -> list[object]:
    """What a ticket fixes about a player: of a live one the agent alone, because its version moves on."""
    policy = player.policy
    if player.live:
        return ["live", policy.agent]
    return ["bot", player.bot] if player.bot else ["version", policy.agent, policy.epoch, policy.step, policy.sha256]


async def seal_key(bus: Bus, *, deterministic: bool) -> bytes:
    """The run's key, made when the run begins. `deterministic`: a run in lockstep."""
    bucket = await bus.bucket(RUN_BUCKET)
    if (key := await stored_key(bucket)) is not None:
        return key
    began = await bus.last(RESULTS) is not None
    with suppress(Conflict):  # another league was faster
        await bucket.create(SEAL_KEY, b"" if deterministic or began else secrets.token_bytes(KEY_BYTES))
    return await stored_key(bucket) or b""


async def stored_key(bucket: Bucket) -> bytes | None:
    """None before the run has begun."""
    entry = await bucket.get(SEAL_KEY)
    return None if entry is None else entry.value
