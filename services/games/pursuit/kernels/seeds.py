"""Draws: pure functions of integers, so they do not depend on slot or batch size.

Draw `number` of `stream` of an episode's seed; the streams keep what is drawn at the start, by bots, for goals and for
the lidar's noise apart.
"""

import warp as wp

from ...seeds import GAMMA, MIX_1, mix
from .real import TWO_PI, Real

START, TASK, BOTS, NOISE = range(4)
UNIT_53_BITS = wp.constant(Real(2.0**-53))


@wp.func
def unit(seed: wp.uint64, stream: int, number: int):
    """Uniform in [0, 1), in steps of 2⁻⁵³."""
    key = mix(mix(seed) + wp.uint64(stream) * MIX_1)
    return Real(mix(key + wp.uint64(number) * GAMMA) >> wp.uint64(11)) * UNIT_53_BITS


@wp.func
def draw(seed: wp.uint64, stream: int, number: int, low: Real, high: Real):
    """Uniform in [low, high)."""
    return low + unit(seed, stream, number) * (high - low)


@wp.func
def normal_pair(seed: wp.uint64, stream: int, number: int):
    """Two independent standard normal numbers (Box, Muller 1958) from draws `number` and `number` + 1."""
    radius = wp.sqrt(Real(-2.0) * wp.log(Real(1.0) - unit(seed, stream, number)))
    angle = TWO_PI * unit(seed, stream, number + 1)
    return wp.vec2d(radius * wp.cos(angle), radius * wp.sin(angle))
