"""A pair of matches is fair: same seed, swapped seats, and the outcome is booked to the player who earned it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ludus.api.v1.match_pb2 import (
    OUTCOME_DRAW,
    OUTCOME_FIRST_WINS,
    OUTCOME_SECOND_WINS,
    PURPOSE_TRAIN,
    Player,
    Ticket,
)
from ludus.api.v1.policy_pb2 import PolicyRef
from ludus.play.matches import matches_of, outcome_for_players, result_of


def ticket(matches: int = 4, first: int = 100) -> Ticket:
    live = Player(policy=PolicyRef(agent="main", epoch=1, step=3, sha256="a" * 64), live=True)
    seeds = [7 * i + 1 for i in range((matches + 1) // 2)]
    return Ticket(
        ticket_id="t1", run="r", purpose=PURPOSE_TRAIN, players=[live, Player(bot="ace")],
        first_match=first, matches=matches, seeds=seeds,
    )  # fmt: skip


@given(st.integers(1, 40), st.integers(0, 2**40))
def test_matches_come_in_fair_pairs(count: int, first: int) -> None:
    played = matches_of(ticket(count, first))
    assert [match.number for match in played] == list(range(first, first + count))
    for even, odd in zip(played[::2], played[1::2], strict=False):
        assert even.seed == odd.seed
        assert (even.live_seat_of("main"), odd.live_seat_of("main")) == (0, 1)
        assert even.player_in(1).bot == odd.player_in(0).bot == "ace"


@pytest.mark.parametrize(
    ("seat_outcome", "first_seat", "expected"),
    [
        (1, 0, OUTCOME_FIRST_WINS),
        (1, 1, OUTCOME_SECOND_WINS),
        (3, 0, OUTCOME_SECOND_WINS),
        (3, 1, OUTCOME_FIRST_WINS),
        (2, 0, OUTCOME_DRAW),
        (2, 1, OUTCOME_DRAW),
    ],
)
def test_a_loss_is_a_loss_in_either_seat(seat_outcome: int, first_seat: int, expected: int) -> None:
    assert outcome_for_players(seat_outcome, first_seat) == expected


@pytest.mark.parametrize("running", [0, 5, -1])
def test_an_unfinished_match_has_no_outcome(running: int) -> None:
    with pytest.raises(ValueError, match="outcome 1, 2, 3 or 4"):
        outcome_for_players(running, 0)


@given(st.integers(0, 1), st.floats(-50, 50), st.floats(-50, 50))
def test_scores_follow_the_player_not_the_seat(first_seat: int, low: float, high: float) -> None:
    match = matches_of(ticket(2))[first_seat]
    start, end = PolicyRef(agent="main", step=3, sha256="a"), PolicyRef(agent="main", step=4, sha256="b")
    result = result_of(
        match, seat_outcome=1, ending="timeout", decisions=9, seat_scores=[low, high],
        policies_at_start=[start, PolicyRef()], policies_at_end=[end, PolicyRef()], worker="w",
    )  # fmt: skip
    scores = [pytest.approx(score, rel=1e-6, abs=1e-6) for score in (low, high)]
    assert list(result.scores) == (scores if first_seat == 0 else scores[::-1])
    assert result.players[0].policy.sha256 == "a"
    assert result.policies_at_end[0].sha256 == "b"
    assert result.players[1].bot == "ace"
    assert not result.players[1].HasField("policy")


@pytest.mark.parametrize(
    "change",
    [{"matches": 0}, {"seeds": []}, {"players": []}],
)
def test_a_ticket_that_cannot_be_played_is_refused(change: dict[str, object]) -> None:
    bad = ticket(4)
    for key, value in change.items():
        bad.ClearField(key)
        if value:
            setattr(bad, key, value)
    with pytest.raises(ValueError, match="t1"):
        matches_of(bad)
