"""Seeds and starting positions. Both are pure functions of integers, so they do not depend on slot or batch size.

The arithmetic is done in float64 and rounded once: products and sums are then exact enough that fused
multiply-adds, which differ between processors, cannot change the float32 result.
"""

import warp as wp

from ..constants import (
    SPAWN_ALTITUDE_RANGE,
    SPAWN_OFFSET_RANGE,
    SPAWN_SPEED,
    SPAWN_SPEED_HIGH,
    SPAWN_SPEED_MARGIN,
    SPAWN_X,
    SPAWN_Y,
)
from .bullets import free_slots
from .layout import Physics, PhysicsArrays, State, load_physics

PI = 3.141592653589793
OFFSET_LOW, OFFSET_HIGH = SPAWN_OFFSET_RANGE
ALTITUDE_LOW, ALTITUDE_HIGH = SPAWN_ALTITUDE_RANGE
GAMMA = wp.constant(wp.uint64(0x9E3779B97F4A7C15))
MIX_1 = wp.constant(wp.uint64(0xBF58476D1CE4E5B9))
MIX_2 = wp.constant(wp.uint64(0x94D049BB133111EB))
UNIT_24_BITS = wp.constant(wp.float64(2.0**-24))


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
def place(s: State, i: int, seat: int, x: float, y: float, yaw: float, speed: float, hp: int):
    s.x[i, seat] = x
    s.y[i, seat] = y
    s.yaw[i, seat] = yaw
    s.speed[i, seat] = speed
    s.hp[i, seat] = hp
    s.cooldown[i, seat] = 0
    s.alive[i, seat] = True
    s.stall_ticks[i, seat] = 0


@wp.func
def place_at_random(s: State, i: int, seed: wp.uint64, p: Physics):
    """Draws in this order: x offset, altitudes, yaws, speeds, each for seat 0, then seat 1."""
    slow = p.min_speed + SPAWN_SPEED_MARGIN
    fast = wp.max(slow, SPAWN_SPEED_HIGH)
    offset = draw(seed, 1, OFFSET_LOW, OFFSET_HIGH)
    y0 = draw(seed, 2, ALTITUDE_LOW, ALTITUDE_HIGH)
    y1 = draw(seed, 3, ALTITUDE_LOW, ALTITUDE_HIGH)
    yaw0 = draw(seed, 4, -PI, PI)
    yaw1 = draw(seed, 5, -PI, PI)
    speed0 = draw(seed, 6, slow, fast)
    speed1 = draw(seed, 7, slow, fast)
    place(s, i, 0, -offset, y0, yaw0, speed0, p.max_hp)
    place(s, i, 1, offset, y1, yaw1, speed1, p.max_hp)


@wp.func
def forget(s: State, i: int, seat: int):
    """Give the bot of `seat` a fresh memory and a neutral stick."""
    s.bot_memory[i, seat, 0] = 1
    for column in range(1, s.bot_memory.shape[2]):
        s.bot_memory[i, seat, column] = 0
    s.bot_action[i, seat] = wp.vec3(0.0, 0.0, 0.0)


@wp.func
def begin(s: State, physics: PhysicsArrays, i: int, seed: wp.uint64, random_spawn: int):
    """Start the episode of `seed` in slot i."""
    p = load_physics(physics, i)
    s.seed[i] = seed
    s.tick[i] = 0
    s.decisions[i] = 0
    if random_spawn > 0:
        place_at_random(s, i, seed, p)
    else:
        place(s, i, 0, -SPAWN_X, SPAWN_Y, 0.0, SPAWN_SPEED, p.max_hp)
        place(s, i, 1, SPAWN_X, SPAWN_Y, PI, SPAWN_SPEED, p.max_hp)
    free_slots(s, i, 0, s.bullet_ticks.shape[1])
    forget(s, i, 0)
    forget(s, i, 1)
