"""Draws: pure functions of integers, so they do not depend on slot or batch size.

The arithmetic is done in float64 and rounded once: products and sums are then exact enough that fused
multiply-adds, which differ between processors, cannot change the float32 result.
"""

import warp as wp

from ...seeds import GAMMA, mix

UNIT_24_BITS = wp.constant(wp.float64(2.0**-24))
LAST_24_BITS = wp.constant(wp.float64(2.0**24 - 1.0))


@wp.func
def draw(seed: wp.uint64, number: int, low: float, high: float):
    """The `number`-th (from 1) uniform draw of a seed, in [low, high)."""
    bits = mix(mix(seed) + wp.uint64(number) * GAMMA) >> wp.uint64(40)
    unit = wp.float64(bits) * UNIT_24_BITS
    return float(wp.float64(low) + unit * (wp.float64(high) - wp.float64(low)))


@wp.func
def draw_closed(seed: wp.uint64, number: int, low: float, high: float):
    """The `number`-th uniform draw of a seed, in [low, high]."""
    bits = mix(mix(seed) + wp.uint64(number) * GAMMA) >> wp.uint64(40)
    unit = wp.float64(bits) / LAST_24_BITS
    return float(wp.float64(low) + unit * (wp.float64(high) - wp.float64(low)))


@wp.func
def draw_whole(seed: wp.uint64, number: int, low: int, high: int):
    """The `number`-th draw of a seed as one of the integers low … high, all equally likely."""
    bits = mix(mix(seed) + wp.uint64(number) * GAMMA) >> wp.uint64(40)
    return low + int((bits * wp.uint64(high - low + 1)) >> wp.uint64(24))
