"""An arena between two decisions as one message: named arrays, matches in play and in the queue, random numbers.

Only what the arena cannot work out again is in it: which policy sits where follows from the matches.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..api.v1.lockstep_pb2 import ArenaState, MatchState, NamedTensor
from ..api.v1.match_pb2 import Ticket
from ..api.v1.policy_pb2 import PolicyRef
from ..kernel.tensors import from_tensor, to_tensor
from .matches import Match

Arrays = Mapping[str, npt.NDArray[Any]]
#: A match and who its players were when it began (none for one that still waits).
Seated = tuple[Match, Sequence[PolicyRef]]
MAX_BYTES = 1 << 30


def named(arrays: Arrays) -> list[NamedTensor]:
    """Copies of the arrays, in alphabetical order, so that equal states are equal messages."""
    return [NamedTensor(name=name, tensor=to_tensor(np.asarray(arrays[name]))) for name in sorted(arrays)]


def arrays_of(tensors: Iterable[NamedTensor]) -> dict[str, npt.NDArray[Any]]:
    """Inverse of `named`: read-only views. Raises ValueError."""
    return {one.name: _array(one) for one in tensors}


def _array(one: NamedTensor) -> npt.NDArray[Any]:
    try:
        dtype = np.dtype(one.tensor.dtype)
    except TypeError as error:
        raise ValueError(f"array {one.name!r}: unknown dtype {one.tensor.dtype!r}") from error
    if dtype.kind not in "biuf":
        raise ValueError(f"array {one.name!r}: expected numbers, found {dtype}")
    return from_tensor(one.tensor, dtype=dtype, shape=[None] * len(one.tensor.shape), max_bytes=MAX_BYTES)


def put_matches(state: ArenaState, slots: Iterable[Seated | None], queue: Iterable[Match]) -> None:
    """Write the matches into `state`, each ticket once."""
    places: dict[str, int] = {}

    def written(match: Match, refs: Sequence[PolicyRef]) -> MatchState:
        place = places.setdefault(match.ticket.ticket_id, len(places))
        if place == len(state.tickets):
            state.tickets.append(match.ticket)
        return MatchState(
            ticket=place, number=match.number, seed=match.seed, first_seat=match.first_seat, rated=match.rated,
            players=refs,
        )  # fmt: skip

    state.slots.extend(written(*slot) if slot else MatchState() for slot in slots)
    state.queue.extend(written(match, ()) for match in queue)


def matches_in(state: ArenaState) -> tuple[list[Seated | None], list[Match]]:
    """The slots (None: empty) and the queue. Raises ValueError for a match without a ticket."""
    tickets = list(state.tickets)
    slots: list[Seated | None] = [(_match(one, tickets), list(one.players)) if one.players else None
                                  for one in state.slots]  # fmt: skip
    return slots, [_match(one, tickets) for one in state.queue]


def _match(one: MatchState, tickets: Sequence[Ticket]) -> Match:
    if one.ticket >= len(tickets):
        raise ValueError(f"match {one.number} belongs to ticket {one.ticket} of {len(tickets)}")
    return Match(tickets[one.ticket], one.number, one.seed, one.first_seat, one.rated)


def generator_json(generator: np.random.Generator) -> str:
    return json.dumps(generator.bit_generator.state, sort_keys=True)


def set_generator(generator: np.random.Generator, text: str) -> None:
    """Raises ValueError when the text is not the state of such a generator."""
    try:
        generator.bit_generator.state = json.loads(text)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"not the state of a {type(generator.bit_generator).__name__} generator: {error}") from error
