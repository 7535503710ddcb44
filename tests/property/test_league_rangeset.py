"""The range set behaves like a set of integers, whatever the order of insertion."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ludus.league.rangeset import RangeSet

numbers = st.lists(st.integers(0, 60))


@given(numbers)
def test_behaves_like_a_set(values: list[int]) -> None:
    ranges, model = RangeSet(), set()
    for value in values:
        ranges = ranges.add(value)
        model.add(value)
    assert [number for number in range(-1, 62) if number in ranges] == sorted(model)
    assert len(ranges) == len(model)


@given(numbers)
def test_ranges_are_disjoint_with_gaps_and_survive_a_round_trip(values: list[int]) -> None:
    ranges = RangeSet()
    for value in values:
        ranges = ranges.add(value)
    pairs = ranges.ranges()
    assert all(later[0] > earlier[1] + 1 for earlier, later in pairwise(pairs))
    assert RangeSet(pairs) == ranges


@given(numbers, st.integers(0, 60))
def test_adding_leaves_the_old_set_alone(values: list[int], extra: int) -> None:
    before = RangeSet()
    for value in values:
        before = before.add(value)
    ranges = before.ranges()
    assert extra in before.add(extra)
    assert before.ranges() == ranges


@pytest.mark.parametrize("ranges", [[(3, 2)], [(1, 2), (3, 4)], [(5, 6), (1, 2)], [(1, 5), (4, 8)]])
def test_refuses_ranges_that_overlap_touch_or_run_backwards(ranges: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="ascending and disjoint"):
        RangeSet(ranges)


def test_a_million_consecutive_numbers_are_one_range() -> None:
    ranges = RangeSet([(1, 999_999)]).add(1_000_000)
    assert ranges.ranges() == ((1, 1_000_000),)
