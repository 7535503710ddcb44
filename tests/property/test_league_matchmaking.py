"""Opponent samplers: sums, floors, and the pools that break others (all beaten, one member, nobody)."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ludus.league.matchmaking import UNIFORM_FLOOR, Record, choose, mixed, pfsp, weights, win_rate

records = st.lists(st.builds(Record, score=st.floats(0, 1), matches=st.floats(0, 1e9)), min_size=1, max_size=60)
samplers = st.sampled_from(["uniform", "latest", "pfsp", "mixed"])


@given(samplers, records)
def test_probabilities_sum_to_one_and_are_never_negative(sampler: str, pool: list[Record]) -> None:
    probabilities = weights(sampler, pool)
    assert len(probabilities) == len(pool)
    assert sum(probabilities) == pytest.approx(1)
    assert all(0 <= probability <= 1 + 1e-12 for probability in probabilities)


@given(records)
def test_pfsp_keeps_its_floor_and_prefers_the_harder(pool: list[Record]) -> None:
    probabilities = pfsp(pool)
    assert min(probabilities) >= UNIFORM_FLOOR / len(pool) - 1e-12
    ranked = sorted(zip(map(win_rate, pool), probabilities, strict=True))
    assert all(harder[1] >= easier[1] - 1e-12 for harder, easier in pairwise(ranked))


@given(records)
def test_mixed_gives_half_to_the_newest_and_a_fifth_to_all(pool: list[Record]) -> None:
    probabilities = mixed(pool)
    assert probabilities[-1] >= 0.5
    assert min(probabilities) >= (0.2 + 0.3 * UNIFORM_FLOOR) / len(pool) - 1e-12


@pytest.mark.parametrize("sampler", ["uniform", "latest", "pfsp", "mixed"])
def test_degenerate_pools(sampler: str) -> None:
    assert weights(sampler, []) == []
    assert weights(sampler, [Record()]) == pytest.approx([1.0])
    beaten = weights(sampler, [Record(1.0, 1e300)] * 5)
    assert sum(beaten) == pytest.approx(1)
    if sampler in ("uniform", "pfsp"):
        assert beaten == pytest.approx([0.2] * 5)


def test_pfsp_numbers_by_hand() -> None:
    # Posterior means 12/14, 7/14, and 2/14 (above the left edge of 0.1): weights 4/196, 49/196, 144/196.
    probabilities = pfsp([Record(1.0, 10), Record(0.5, 10), Record(0.0, 10)])
    assert probabilities == pytest.approx([0.1 / 3 + 0.9 * share / 197 for share in (4, 49, 144)])


def test_left_rectification_caps_the_unbeatable() -> None:
    unbeatable, nearly = pfsp([Record(0.0, 1e9), Record(0.1, 1e9)])
    assert unbeatable == pytest.approx(nearly)


def test_unknown_sampler_is_named() -> None:
    with pytest.raises(ValueError, match=r"unknown sampler 'best'.*'mixed'"):
        weights("best", [Record()])


@given(records, samplers, st.floats(0, 1, exclude_max=True))
def test_choose_only_draws_what_has_probability(pool: list[Record], sampler: str, number: float) -> None:
    probabilities = weights(sampler, pool)
    assert probabilities[choose(probabilities, number)] > 0


def test_choose_follows_the_probabilities() -> None:
    drawn = Counter(choose([0.2, 0.0, 0.8], number / 1000) for number in range(1000))
    assert drawn == {0: 200, 2: 800}
    assert choose([0.5, 0.5 - 1e-9], 1 - 1e-12) == 1


def test_choose_from_nobody_is_an_error() -> None:
    with pytest.raises(ValueError, match="empty pool"):
        choose([], 0.5)
