"""The start of an episode: everything about it is a pure function of the episode's seed."""

import warp as wp

from ..constants import (
    FRAMES,
    SPAWN_ALTITUDE_RANGE,
    SPAWN_OFFSET_RANGE,
    SPAWN_SPEED,
    SPAWN_SPEED_HIGH,
    SPAWN_SPEED_MARGIN,
    SPAWN_X,
    SPAWN_Y,
)
from .angles import PI
from .frame import Frame
from .layout import Bullet, Draws, Fighter, Match, Physics, Rules, Seat
from .randomise import randomised
from .seeds import draw

OFFSET_LOW, OFFSET_HIGH = SPAWN_OFFSET_RANGE
ALTITUDE_LOW, ALTITUDE_HIGH = SPAWN_ALTITUDE_RANGE


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
    f.previous_x = x
    f.previous_y = y
    f.previous_yaw = yaw
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
    history: wp.array3d(dtype=Frame),
    draws: wp.array(dtype=Draws),
    i: int,
    seed: wp.uint64,
    rules: Rules,
):
    """Start the episode of `seed` in slot i."""
    m = Match()
    m.seed = seed
    m.episode = matches[i].episode + 1
    matches[i] = m
    p = randomised(physics[i], seed, draws[i])
    physics[i] = p
    if rules.random_spawn:
        fighters[i, 0] = random_fighter(seed, 0, p)
        fighters[i, 1] = random_fighter(seed, 1, p)
    else:
        fighters[i, 0] = placed(-SPAWN_X, SPAWN_Y, 0.0, SPAWN_SPEED, p.max_hp)
        fighters[i, 1] = placed(SPAWN_X, SPAWN_Y, PI, SPAWN_SPEED, p.max_hp)
    for j in range(bullets.shape[1]):
        bullets[i, j] = Bullet()
    seats[i, 0] = vacated(seats[i, 0])
    seats[i, 1] = vacated(seats[i, 1])
    if rules.competition > 0:
        for k in range(FRAMES):
            history[i, 0, k] = Frame()
            history[i, 1, k] = Frame()
