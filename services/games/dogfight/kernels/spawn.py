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
from .angles import PI
from .layout import Bullet, Fighter, Match, Physics, Seat

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
def placed(x: float, y: float, yaw: float, speed: float, hp: int):
    """A fresh aircraft."""
    f = Fighter()
    f.x = x
    f.y = y
    f.yaw = yaw
    f.speed = speed
    f.hp = hp
    f.alive = 1
    return f


@wp.func
def random_fighter(seed: wp.uint64, seat: int, p: Physics):
    """Draws in this order: x offset, two altitudes, two yaws, two speeds, each for seat 0, then seat 1."""
    slow = p.min_speed + SPAWN_SPEED_MARGIN
    offset = draw(seed, 1, OFFSET_LOW, OFFSET_HIGH)
    y = draw(seed, 2 + seat, ALTITUDE_LOW, ALTITUDE_HIGH)
    yaw = draw(seed, 4 + seat, -PI, PI)
    speed = draw(seed, 6 + seat, slow, wp.max(slow, SPAWN_SPEED_HIGH))
    return placed(wp.where(seat == 0, -offset, offset), y, yaw, speed, p.max_hp)


@wp.func
def vacated(seat: Seat):
    """The same player with a fresh memory and a neutral stick."""
    fresh = Seat()
    fresh.bot = seat.bot
    fresh.evade_direction = 1
    return fresh


@wp.func
def begin(
    matches: wp.array(dtype=Match),
    fighters: wp.array2d(dtype=Fighter),
    bullets: wp.array2d(dtype=Bullet),
    seats: wp.array2d(dtype=Seat),
    physics: wp.array(dtype=Physics),
    i: int,
    seed: wp.uint64,
    random_spawn: bool,
):
    """Start the episode of `seed` in slot i."""
    m = Match()
    m.seed = seed
    m.episode = matches[i].episode + 1
    matches[i] = m
    p = physics[i]
    if random_spawn:
        fighters[i, 0] = random_fighter(seed, 0, p)
        fighters[i, 1] = random_fighter(seed, 1, p)
    else:
        fighters[i, 0] = placed(-SPAWN_X, SPAWN_Y, 0.0, SPAWN_SPEED, p.max_hp)
        fighters[i, 1] = placed(SPAWN_X, SPAWN_Y, PI, SPAWN_SPEED, p.max_hp)
    for j in range(bullets.shape[1]):
        bullets[i, j] = Bullet()
    seats[i, 0] = vacated(seats[i, 0])
    seats[i, 1] = vacated(seats[i, 1])
