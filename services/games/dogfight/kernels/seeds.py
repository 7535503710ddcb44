"""Seeds and draws: pure functions of integers, so they do not depend on slot or batch size.

The arithmetic is done in float64 and rounded once: products and sums are then exact enough that fused
multiply-adds, which differ between processors, cannot change the float32 result.
"""

import warp as wp

GAMMA = wp.constant(wp.uint64(0x9E3779B97F4A7C15))
MIX_1 = wp.constant(wp.uint64(0xBF58476D1CE4E5B9))
MIX_2 = wp.constant(wp.uint64(0x94D049BB133111EB))
UNIT_24_BITS = wp.constant(wp.float64(2.0**-24))
LAST_24_BITS = wp.constant(wp.float64(2.0**24 - 1.0))


@wp.func
def mix(z: wp.uint64):
    """The finaliser of SplitMix64 (Steele, Lea, Flood 2014)."""
    a = (z ^ (z >> wp.uint64(30))) * MIX_1
    b = (a ^ (a >> wp.uint64(27))) * MIX_2
    return b ^ (b >> wp.uint64(31))


@wp.func
def episode_seed(base: wp.uint64, slot: int, episode: int):
    """Seed of the `episode`-th episode (from 1) of a slot when nobody names one."""
    key = mix(mix(base + GAMMA) + wp.uint64(slot) * GAMMA + MIX_1)
    return mix(key + wp.uint64(episode) * GAMMA)


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
