"""Who stays in a full pool."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ludus.kernel.players import version_of
from ludus.league.pool import Keep, Rule, admit

KEEPS: tuple[Keep, ...] = ("spread", "geometric", "stride")


def grown(steps: list[int], rule: Rule) -> list[str]:
    pool: list[str] = []
    for step in steps:
        pool = admit(pool, f"main@1.{step}", rule)
    return pool


def steps_of(pool: list[str]) -> list[int]:
    return [version_of(member)[2] for member in pool]


@given(
    gaps=st.lists(st.integers(1, 40), max_size=60), keep=st.sampled_from(KEEPS), size=st.integers(1, 20),
    recent=st.integers(0, 30), elite=st.integers(0, 30), good=st.integers(1, 97),
)  # fmt: skip
def test_size_order_genesis_and_newest_hold_under_every_rule(
    gaps: list[int], keep: Keep, size: int, recent: int, elite: int, good: int
) -> None:
    steps = [0]
    for gap in gaps:
        steps.append(steps[-1] + gap)
    rule = Rule(size, keep, recent, elite, lambda member: version_of(member)[2] * good % 97)
    pool = steps_of(grown(steps, rule))
    assert len(pool) <= size
    assert pool == sorted(set(pool))
    assert pool[0] == 0
    assert size == 1 or pool[-1] == steps[-1]
    assert set(pool) <= set(steps)


@pytest.mark.parametrize("keep", KEEPS)
def test_the_best_so_far_stay_however_old(keep: Keep) -> None:
    """The champion of every moment is among the elite of that moment."""
    best = {"main@1.30": 900.0, "main@1.70": 800.0}
    rule = Rule(8, keep, 3, 2, lambda member: best.get(member, 0.0))
    assert {30, 70} <= set(steps_of(grown(list(range(0, 2010, 10)), rule)))


@pytest.mark.parametrize("keep", KEEPS)
def test_a_champion_joins_at_its_age_and_stays_whoever_else_is_safe(keep: Keep) -> None:
    rule = Rule(6, keep, recent=50, elite=50, pinned=("main@1.35",))
    pool = admit(grown(list(range(0, 60, 10)), rule), "main@1.35", rule)
    for step in range(60, 900, 10):
        pool = admit(pool, f"main@1.{step}", rule)
        assert steps_of(pool) == sorted(steps_of(pool))
        assert {0, 35, step} <= set(steps_of(pool))


def test_a_geometric_pool_is_dense_among_the_recent_and_sparse_before() -> None:
    pool = steps_of(grown(list(range(0, 2001, 10)), Rule(16, "geometric", 6)))
    assert pool[-6:] == [1950, 1960, 1970, 1980, 1990, 2000]
    ages = [2000 - step for step in pool[1:-6]]
    assert all(1 < older / newer < 4 for older, newer in pairwise(ages)), ages
    assert ages[0] > 800, "old landmarks stay"


def test_stride_thins_the_older_half_and_leaves_the_newer_one_whole() -> None:
    pool = steps_of(grown(list(range(0, 170, 10)), Rule(16, "stride")))
    assert pool == [0, 20, 40, 60, *range(80, 170, 10)]


def test_a_spread_pool_covers_the_whole_history_evenly() -> None:
    pool = steps_of(grown(list(range(0, 1010, 10)), Rule(11)))
    gaps = [later - earlier for earlier, later in pairwise(pool)]
    assert max(gaps) <= 4 * min(gaps)


@pytest.mark.parametrize("keep", KEEPS)
def test_where_everybody_is_safe_somebody_goes_all_the_same(keep: Keep) -> None:
    assert len(grown(list(range(0, 200, 10)), Rule(5, keep, 50, 50))) == 5


@pytest.mark.parametrize("keep", KEEPS)
def test_the_pinned_champion_stays_and_takes_its_place_in_time(keep: Keep) -> None:
    """It is crowned when newer versions are in the pool already."""
    pool = admit(grown([0, 10, 30, 40, 50], Rule(6, keep)), "main@1.20", rule := Rule(6, keep, pinned=("main@1.20",)))
    assert steps_of(pool) == [0, 10, 20, 30, 40, 50]
    for step in range(60, 3000, 10):
        pool = admit(pool, f"main@1.{step}", rule)
        assert "main@1.20" in pool
        assert len(pool) <= 6
