"""What the league did not order, or not like this, is refused by its reason and never rated, in every replay too."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ludus.api.v1 import match_pb2 as m
from ludus.api.v1.policy_pb2 import PolicyRef
from ludus.kernel.seals import sealed
from ludus.league.ledger import State, fold
from ludus.league.standings import from_bytes, to_bytes
from ludus.play.matches import Match, matches_of, result_of

KEY = bytes(range(32))
LIVE = PolicyRef(agent="main", epoch=2, step=9, sha256="aa")
OLD = PolicyRef(agent="main", epoch=1, step=4, sha256="bb")


def ticket(fixed: bool = False, opponent: m.Player | None = None, alone: bool = False) -> m.Ticket:
    players = [m.Player(policy=LIVE, live=True), opponent or m.Player(policy=OLD)]
    order = m.Ticket(
        ticket_id="train-7", run="r", pool="train", purpose=m.PURPOSE_TRAIN, players=players[:1] if alone else players,
        first_match=11, matches=4, seeds=[3, 4, 5, 6], fixed_seats=fixed,
    )  # fmt: skip
    return sealed(order, KEY)


def played(match: Match, end: PolicyRef = LIVE) -> m.MatchResult:
    """As the simulator tells of it; the live seat has moved to `end`."""
    start = [player.policy for player in match.ticket.players]
    seats = len(start)
    return result_of(
        match, seat_outcome=2 if seats == 2 else 4, ending="timeout", decisions=5, seat_scores=[0.0] * seats,
        policies_at_start=start, policies_at_end=[end, *start[1:]], worker="w",
    )  # fmt: skip


def told(result: m.MatchResult, state: State | None = None) -> State:
    state = state or State()
    return fold(state, state.position + 1, result, k=16, key=KEY)


@given(fixed=st.booleans(), bot=st.booleans(), alone=st.booleans(), moved=st.integers(0, 50))
def test_every_match_of_a_ticket_counts_wherever_the_live_seat_has_moved(
    fixed: bool, bot: bool, alone: bool, moved: int
) -> None:
    state = State()
    order = ticket(fixed, m.Player(bot="ace") if bot else None, alone)
    for match in matches_of(order):
        state = told(played(match, PolicyRef(agent="main", epoch=3, step=moved, sha256="cc")), state)
    assert (state.results, state.refused, state.epochs) == (4, {}, {"main": 3})
    assert from_bytes(to_bytes(state)) == state


CHANGES: dict[str, Callable[[m.MatchResult], object]] = {
    "match": lambda result: setattr(result, "match", 999),
    "ticket": lambda result: setattr(result, "ticket_id", "train-8"),
    "run": lambda result: setattr(result, "run", "other"),
    "seed": lambda result: setattr(result, "seed", 12345),
    "seat": lambda result: setattr(result, "first_seat", 1 - result.first_seat),
    "randomisation": lambda result: setattr(result, "randomisation", "full"),
    "opponent": lambda result: result.players[1].CopyFrom(m.Player(bot="do_nothing")) or _end(result, PolicyRef()),
    "version": lambda result: setattr(result.players[1].policy, "step", 5) or _end(result, result.players[1].policy),
    "frozen": lambda result: setattr(result.players[0], "live", False),
    "seal": lambda result: setattr(result, "seal", b"x" * 16),
    "short seal": lambda result: setattr(result, "seal", result.seal[:8]),
}


def _end(result: m.MatchResult, policy: PolicyRef) -> None:
    result.policies_at_end[1].CopyFrom(policy)


@pytest.mark.parametrize("change", CHANGES)
def test_a_result_of_another_match_than_the_one_ordered_is_forged(change: str) -> None:
    result = played(matches_of(ticket())[0])
    CHANGES[change](result)
    state = told(result)
    assert (state.results, dict(state.refused)) == (0, {"forged": 1})
    assert state.players == {}


def test_a_seal_of_another_run_is_forged_and_none_is_of_an_unknown_ticket() -> None:
    result = played(matches_of(ticket())[0])
    assert dict(fold(State(), 1, result, k=16, key=b"another").refused) == {"forged": 1}
    result.seal = b""
    assert dict(told(result).refused) == {"unknown-ticket": 1}


def test_a_run_without_a_key_takes_results_without_seals() -> None:
    order = sealed(ticket(), b"")
    del order.seals[:]
    assert fold(State(), 1, played(matches_of(order)[0]), k=16).results == 1


def test_a_match_that_ended_in_an_epoch_long_gone_is_stale() -> None:
    matches = matches_of(ticket())
    state = told(played(matches[0]))
    late = PolicyRef(agent="main", epoch=1, step=99, sha256="dd")
    state = told(played(matches[1], late), state)
    assert (state.results, dict(state.refused)) == (1, {"stale-epoch": 1})
    state = told(played(matches[1], late), told(played(matches[1]), state))
    assert dict(state.refused) == {"stale-epoch": 1, "duplicate": 1}, "played again it counts, and then it is known"


def test_an_epoch_that_cannot_be_yet_puts_nothing_in_the_past() -> None:
    matches, far = matches_of(ticket()), PolicyRef(agent="main", epoch=10**9, step=1, sha256="ee")
    state = told(played(matches[1], far), told(played(matches[0])))
    state = told(played(matches[2]), state)
    assert (state.results, dict(state.refused), state.epochs) == (2, {"future-epoch": 1}, {"main": 2})


@pytest.mark.parametrize("seat", [0, 1])
def test_other_weights_at_the_end_of_a_fixed_seat_make_a_match_void(seat: int) -> None:
    order = ticket()
    order.players[0].live = False
    result = played(matches_of(sealed(order, KEY))[0])
    result.policies_at_end[seat].sha256 = "swapped"
    assert dict(told(result).refused) == {"void": 1}
