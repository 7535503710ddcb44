"""What a player of `competition` sees: frames of 56 floats, the newest and those of the three decisions before.

A frame contains the 46 floats of `training`, in their order, and ten more between them.
"""

import warp as wp

from ..constants import DT, FRAME_FLOATS, FRAMES, MAX_ENERGY, MAX_TURN
from .angles import PI, wrap_angle
from .layout import Fighter, Physics, shortest
from .sight import FIRST_BULLET, TIME_LEFT, Sight

Frame = wp.types.vector(length=FRAME_FLOATS, dtype=wp.float32)
TICKS_PER_SECOND = 1.0 / DT
LAST_FRAME = FRAMES - 1
BULLET_SHIFT = 6  # a frame's bullets begin so many places after those of a sight
LINE_OF_SIGHT = 51


@wp.func
def energy(f: Fighter, p: Physics):
    """m²/s²"""
    return f.speed * f.speed + 2.0 * p.gravity * f.y


@wp.func
def closure(me: Fighter, other: Fighter, distance: float, p: Physics):
    """Speed at which the gap shrank in the last tick, in max_speed, from −1 to 1; `distance` is the one now."""
    dx = shortest(other.previous_x - me.previous_x, p)
    dy = other.previous_y - me.previous_y
    before = wp.sqrt(dx * dx + dy * dy)
    return wp.clamp((before - distance) * TICKS_PER_SECOND / p.max_speed, -1.0, 1.0)


@wp.func
def frame_of(row: Sight, me: Fighter, other: Fighter, p: Physics):
    """The frame of one player, whose 46 floats are `row`."""
    out = Frame()
    for k in range(6):
        out[k] = row[k]
    for k in range(6, FIRST_BULLET):
        out[k + 2] = row[k]
    for k in range(FIRST_BULLET, TIME_LEFT):
        out[k + BULLET_SHIFT] = row[k]
    dx = shortest(other.x - me.x, p)
    dy = other.y - me.y
    bearing = wp.atan2(dy, dx)
    other_off = wrap_angle(wrap_angle(bearing + PI) - other.yaw) / PI
    turned = wrap_angle(other.yaw - other.previous_yaw)
    out[6] = me.x / 500.0
    out[7] = energy(me, p) / MAX_ENERGY
    out[15] = closure(me, other, wp.sqrt(dx * dx + dy * dy), p)
    out[16] = wp.clamp(turned * TICKS_PER_SECOND / MAX_TURN, -1.0, 1.0)
    out[17] = energy(other, p) / MAX_ENERGY
    out[18] = other_off
    out[LINE_OF_SIGHT] = wrap_angle(bearing - me.yaw) / PI
    out[LINE_OF_SIGHT + 1] = other_off
    out[LINE_OF_SIGHT + 2] = (me.speed * me.nose_x - other.speed * other.nose_x) / p.max_speed
    out[LINE_OF_SIGHT + 3] = (me.speed * me.nose_y - other.speed * other.nose_y) / p.max_speed
    out[LINE_OF_SIGHT + 4] = row[TIME_LEFT]
    return out


@wp.func
def remember(
    history: wp.array3d(dtype=Frame),
    i: int,
    decision: int,
    row0: Sight,
    row1: Sight,
    f0: Fighter,
    f1: Fighter,
    p: Physics,
):
    """Keep both players' frames of a decision, in place of those four decisions ago."""
    history[i, 0, decision & LAST_FRAME] = frame_of(row0, f0, f1, p)
    history[i, 1, decision & LAST_FRAME] = frame_of(row1, f1, f0, p)
