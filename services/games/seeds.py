"""Seeds of episodes in kernels: pure functions of integers, so they do not depend on slot or batch size."""

import warp as wp

GAMMA = wp.constant(wp.uint64(0x9E3779B97F4A7C15))
MIX_1 = wp.constant(wp.uint64(0xBF58476D1CE4E5B9))
MIX_2 = wp.constant(wp.uint64(0x94D049BB133111EB))


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
