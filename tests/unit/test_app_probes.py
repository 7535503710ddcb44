"""When exploiters of a schedule begin, and against which version."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ludus.app.errors import CommandError, UsageError
from ludus.app.probes import moments, shares


def test_shares_are_per_cents() -> None:
    assert shares("0, 25,50,100") == [0.0, 0.25, 0.5, 1.0]


@pytest.mark.parametrize("text", ["", "half", "50,25", "25,25", "-1,50", "50,101", "nan", "25;50"])
def test_shares_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"--at: expected ascending per cents"):
        shares(text)


def test_a_run_that_goes_on_is_waited_for() -> None:
    """Checkpoints of 0, 10, 20, … appear one look after the other, and only the newest three stay."""
    looks: Iterator[int] = iter(range(1, 100))

    def steps() -> list[int]:
        newest = next(looks)
        return [10 * k for k in range(max(0, newest - 3), newest)]

    found = list(moments([0.0, 0.35, 0.7], 100, steps, lambda: False, look_seconds=0))
    assert found == [(0.0, 0), (0.35, 40), (0.7, 70)]


def test_of_a_run_that_is_over_the_nearest_checkpoint_is_taken_once() -> None:
    kept = [0, 80, 90, 100]
    found = list(moments([0.0, 0.1, 0.5, 0.9, 1.0], 100, lambda: kept, lambda: True))
    assert found == [(0.0, 0), (0.5, 80), (0.9, 90), (1.0, 100)]
    with pytest.raises(CommandError, match="no checkpoint"):
        list(moments([0.5], 100, lambda: [], lambda: True))


@given(st.sets(st.integers(0, 1000), min_size=1), st.lists(st.floats(0, 1), max_size=9))
def test_steps_are_there_ascend_and_are_given_once(kept: set[int], wanted: list[float]) -> None:
    found = [step for _, step in moments(sorted(wanted), 1000, lambda: sorted(kept), lambda: True)]
    assert set(found) <= kept
    assert found == sorted(set(found))
