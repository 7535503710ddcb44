"""Online Elo: golden numbers, exact symmetry, and agreement with the textbook formula."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ludus.league.elo import expected_billionths, gain_milli

ratings = st.integers(-3_000_000, 5_000_000)


@pytest.mark.parametrize(
    ("difference", "expected"),
    [(0, 500_000_000), (1_000, 501_439_112), (100_000, 640_065_000), (200_000, 759_746_927), (400_000, 909_090_909),
     (-400_000, 90_909_091), (800_000, 990_099_010), (4_000_000, 1_000_000_000), (-4_000_000, 0)],
)  # fmt: skip
def test_expected_score_golden(difference: int, expected: int) -> None:
    assert expected_billionths(difference) == expected


@pytest.mark.parametrize(
    ("first", "second", "halves", "gain"),
    [(1_000_000, 1_000_000, 2, 8_000), (1_000_000, 1_000_000, 1, 0), (1_000_000, 1_000_000, 0, -8_000),
     (1_400_000, 1_000_000, 2, 1_455), (1_400_000, 1_000_000, 1, -6_545), (1_400_000, 1_000_000, 0, -14_545),
     (1_000_000, 1_100_000, 2, 10_241), (1_234_567, 987_654, 0, -12_889), (9_000_000, 0, 2, 0)],
)  # fmt: skip
def test_gain_golden(first: int, second: int, halves: int, gain: int) -> None:
    assert gain_milli(first, second, halves, k=16) == gain


@given(ratings, ratings, st.integers(0, 2), st.integers(1, 64))
def test_swapping_the_players_flips_the_sign(first: int, second: int, halves: int, k: int) -> None:
    assert gain_milli(first, second, halves, k) == -gain_milli(second, first, 2 - halves, k)


@given(ratings, ratings, st.integers(0, 2), st.integers(1, 64))
def test_agrees_with_the_textbook_to_one_thousandth(first: int, second: int, halves: int, k: int) -> None:
    difference = max(min(second - first, 4_000_000), -4_000_000)
    textbook = k * 1000 * (halves / 2 - 1 / (1 + 10 ** (difference / 400_000)))
    assert abs(gain_milli(first, second, halves, k) - textbook) <= 0.501


@given(ratings, ratings, st.integers(1, 64))
def test_a_win_never_costs_and_never_pays_more_than_k(first: int, second: int, k: int) -> None:
    assert 0 <= gain_milli(first, second, 2, k) <= k * 1000
