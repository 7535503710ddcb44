"""Durations with hands that tests can turn."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ludus.kernel.clock import Deadline, Periodic


class Hands:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_deadline_passes_once_its_seconds_are_over() -> None:
    hands = Hands()
    deadline = Deadline(5.0, hands)
    assert (deadline.passed, deadline.remaining_seconds) == (False, 5.0)
    hands.now += 4.5
    assert (deadline.passed, deadline.remaining_seconds) == (False, 0.5)
    hands.now += 1.0
    assert (deadline.passed, deadline.remaining_seconds) == (True, 0.0)


def test_periodic_is_due_at_once_and_skips_missed_turns() -> None:
    hands = Hands()
    periodic = Periodic(2.0, hands)
    assert [periodic.due(), periodic.due()] == [True, False]
    hands.now += 7.0
    assert [periodic.due(), periodic.due()] == [True, False]
    hands.now += 1.9
    assert not periodic.due()
    hands.now += 0.1
    assert periodic.due()


@given(st.lists(st.floats(0, 3), max_size=50))
def test_periodic_never_comes_more_often_than_it_should(steps: list[float]) -> None:
    hands = Hands()
    periodic = Periodic(1.0, hands)
    times = []
    for step in steps:
        hands.now += step
        if periodic.due():
            times.append(hands.now)
    assert all(later - earlier >= 1.0 - 1e-9 for earlier, later in pairwise(times))
