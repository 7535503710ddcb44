"""From a ticket to matches, and from a finished match to its result. Pure: no clocks, no I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from ..api.v1.match_pb2 import (
    OUTCOME_DRAW,
    OUTCOME_FIRST_WINS,
    OUTCOME_SCORED,
    OUTCOME_SECOND_WINS,
    MatchResult,
    Outcome,
    Player,
    Ticket,
)
from ..api.v1.policy_pb2 import PolicyRef


@dataclass(slots=True, eq=False)
class Match:
    """One match of a ticket. Player k sits in seat (k + first_seat) mod S; odd matches swap the seats of a pair, unless
    the ticket fixes them."""

    ticket: Ticket
    number: int
    seed: int
    first_seat: int
    rated: bool = True
    """an unrated match only fills a training slot for which no ticket was at hand; it gives no result"""

    def player_in(self, seat: int) -> Player:
        return self.ticket.players[self.player_index(seat)]

    def player_index(self, seat: int) -> int:
        return (seat - self.first_seat) % len(self.ticket.players)

    def seat_of(self, player: int) -> int:
        return (player + self.first_seat) % len(self.ticket.players)

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Those of the ticket; empty where it names none."""
        return parameters_of(self.ticket.parameters_json)

    def live_seat_of(self, agent: str) -> int:
        """Seat in which this agent is live (learns), -1 if there is none."""
        for player, entry in enumerate(self.ticket.players):
            if entry.live and entry.policy.agent == agent:
                return self.seat_of(player)
        return -1


@lru_cache(maxsize=256)
def parameters_of(text: str) -> Mapping[str, Any]:
    """Game parameters as they stand in tickets. Raises ValueError unless they are a JSON object."""
    found = json.loads(text or "{}")
    if not isinstance(found, dict):
        raise ValueError(f"parameters must be a JSON object, not {text[:80]!r}")
    return MappingProxyType(found)


def matches_of(ticket: Ticket) -> list[Match]:
    """The matches a ticket orders: each seed once from every seat, or once where seats are fixed.

    Raises ValueError for one that cannot be played.
    """
    seats = len(ticket.players)
    if seats not in (1, 2) or ticket.matches < 1:
        raise ValueError(f"ticket {ticket.ticket_id!r}: one or two players and at least one match are needed")
    per_seed = 1 if ticket.fixed_seats else seats
    if len(ticket.seeds) * per_seed < ticket.matches:
        needed = "a seed per pair of matches" if per_seed == 2 else "a seed each"
        raise ValueError(f"ticket {ticket.ticket_id!r}: {ticket.matches} matches need {needed}")
    return [
        Match(ticket, ticket.first_match + i, ticket.seeds[i // per_seed], first_seat=i % per_seed)
        for i in range(ticket.matches)
    ]


def outcome_for_players(seat_outcome: int, first_seat: int) -> Outcome:
    """Turn a game's outcome (1: seat 0 won, 2: draw, 3: seat 1 won, 4: score only) into that of the players' order."""
    if seat_outcome == 2:
        return OUTCOME_DRAW
    if seat_outcome == 4:
        return OUTCOME_SCORED
    if seat_outcome not in (1, 3):
        raise ValueError(f"a finished match has outcome 1, 2, 3 or 4, not {seat_outcome}")
    winner_seat = 0 if seat_outcome == 1 else 1
    return OUTCOME_FIRST_WINS if winner_seat == first_seat else OUTCOME_SECOND_WINS


def result_of(
    match: Match,
    *,
    seat_outcome: int,
    ending: str,
    decisions: int,
    seat_scores: Sequence[float],
    policies_at_start: Sequence[PolicyRef],
    policies_at_end: Sequence[PolicyRef],
    worker: str,
    success_return: float | None = None,
) -> MatchResult:
    """The ledger entry of a finished match. Lists are per player; `seat_scores` is per seat.

    `success_return`: what an episode alone must reach to be a success; None: nobody has said.
    """
    ticket = match.ticket
    players = []
    for entry, policy in zip(ticket.players, policies_at_start, strict=True):
        stamped = Player(bot=entry.bot, live=entry.live)
        if not entry.bot:
            stamped.policy.CopyFrom(policy)
        players.append(stamped)
    result = MatchResult(
        match=match.number,
        ticket_id=ticket.ticket_id,
        run=ticket.run,
        purpose=ticket.purpose,
        players=players,
        first_seat=match.first_seat,
        outcome=outcome_for_players(seat_outcome, match.first_seat),
        ending=ending,
        seed=match.seed,
        decisions=decisions,
        policies_at_end=policies_at_end,
        scores=[seat_scores[match.seat_of(player)] for player in range(len(players))],
        worker=worker,
        randomisation=ticket.randomisation,
        regime=ticket.regime,
        seal=ticket.seals[match.number - ticket.first_match] if ticket.seals else b"",
    )
    if success_return is not None and result.outcome == OUTCOME_SCORED:
        result.success = seat_scores[0] >= success_return
    return result
