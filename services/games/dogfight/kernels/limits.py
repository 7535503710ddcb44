"""Limits of floats by plain comparison.

Warp's own min, max and clamp of floats look for NaN on both sides, which on a CPU takes four instructions where a
comparison takes one. These treat a NaN in `x` alike: it becomes the limit.
"""

import warp as wp

LARGEST = 3.4028234663852886e38


@wp.func
def at_least(x: float, low: float):
    return wp.where(x > low, x, low)


@wp.func
def at_most(x: float, high: float):
    return wp.where(x < high, x, high)


@wp.func
def clamp(x: float, low: float, high: float):
    return at_most(at_least(x, low), high)


@wp.func
def finite(x: float):
    """`x`, or 0 where it is none; wp.isfinite would be a call, around which nothing stays in a vector register."""
    return wp.where(wp.abs(x) <= LARGEST, x, 0.0)
