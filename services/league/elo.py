"""Online Elo in integers of a thousandth of a point (milli-Elo).

A. Elo, The Rating of Chessplayers (1978): expected score 1 / (1 + 10^(-d / 400)), step K · (score − expected).

Ratings must be bit-equal wherever the ledger is replayed. `pow` of the C library differs between machines in its last
bit, so the expected score comes from `decimal`, whose `exp` is correctly rounded by its specification, and is rounded
to an integer number of billionths; the rest is integer arithmetic. One integer is added to one side and subtracted from
the other, so the sum of all ratings never moves. Swapping the two players only flips its sign.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache

START_MILLI_ELO = 1_000_000
MILLI = 1_000
_BILLION = 1_000_000_000
_CONTEXT = Context(prec=28, rounding=ROUND_HALF_EVEN)
#: ln(10) / 400 points, per milli-Elo.
_PER_MILLI = _CONTEXT.divide(_CONTEXT.ln(Decimal(10)), Decimal(400 * MILLI))
#: Beyond this difference the stronger side is expected to win with probability 1 to nine digits.
_LARGEST_MILLI = 4_000_000


def expected_billionths(difference_milli: int) -> int:
    """Expected score of the side that is `difference_milli` ahead (behind when negative), in billionths of a match."""
    ahead = _expected_ahead(min(abs(difference_milli), _LARGEST_MILLI))
    return ahead if difference_milli >= 0 else _BILLION - ahead


@lru_cache(maxsize=65_536)
def _expected_ahead(difference_milli: int) -> int:
    odds = _CONTEXT.exp(_CONTEXT.multiply(_PER_MILLI, Decimal(-difference_milli)))
    share = _CONTEXT.divide(Decimal(_BILLION), _CONTEXT.add(Decimal(1), odds))
    return int(_CONTEXT.to_integral_value(share))


def gain_milli(first_milli: int, second_milli: int, halves: int, k: int) -> int:
    """What `first` gains and `second` loses.

    `halves`: 2 for a win of `first`, 1 for a draw, 0 for a loss; `k`: largest step, in points.
    """
    surprise = halves * (_BILLION // 2) - expected_billionths(first_milli - second_milli)
    return _divide_half_even(k * MILLI * surprise, _BILLION)


def _divide_half_even(numerator: int, denominator: int) -> int:
    """The nearest integer; a tie goes to the even one, so that the sign of `numerator` makes no difference."""
    quotient, remainder = divmod(numerator, denominator)
    return quotient + (2 * remainder > denominator or (2 * remainder == denominator and quotient % 2 == 1))
