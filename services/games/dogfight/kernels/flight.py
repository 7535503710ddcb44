"""One tick of one aircraft: turning, energy, stall, walls, gun. docs/games/dogfight.md, "A tick"."""

import warp as wp

from ..constants import (
    ARENA_HALF_WIDTH,
    ARENA_HEIGHT,
    CEILING_DRAIN,
    CEILING_SLOWEST,
    DT,
    GROUND_Y,
    SPEED_LOSS_PER_HP,
    STALL_EXIT_SPEED,
    STALL_SPEED,
    STALL_TICKS,
    STALL_TURN_RATE,
    TURN_LOSS_PER_HP,
    WALL_HIGH,
    WALL_MARGIN,
    WALL_STRENGTH,
    WALL_X,
)
from .angles import HALF_PI, unit_vector, wrap_angle
from .layout import Fighter, Physics, Seat, shortest
from .limits import at_least, at_most, clamp

NOSE_DOWN = -HALF_PI
PER_WALL_MARGIN = 1.0 / WALL_MARGIN


@wp.func
def wall_push(inside: float):
    """Metres per tick at depth `inside` into a soft wall."""
    depth = clamp(inside * PER_WALL_MARGIN, 0.0, 1.0)
    return depth * depth * WALL_STRENGTH * DT


@wp.func
def clamp_speed(speed: float, lost_hp: int, p: Physics):
    """Damage lowers the top speed, never below the lowest."""
    top = p.max_speed * (1.0 - SPEED_LOSS_PER_HP * float(lost_hp))
    return clamp(speed, p.min_speed, at_least(top, p.min_speed))


@wp.func
def point_nose(f: Fighter, yaw: float):
    f.yaw = wrap_angle(yaw)
    nose = unit_vector(f.yaw)
    f.nose_x = nose[0]
    f.nose_y = nose[1]
    return f


@wp.func
def bound(f: Fighter, p: Physics):
    """The edges of `competition`: joined sides, a fatal ground, a ceiling that costs speed, in this order."""
    f.x = shortest(f.x, p)
    if f.y <= GROUND_Y:
        f.alive = 0
    if f.y > WALL_HIGH:
        depth = clamp((f.y - WALL_HIGH) * PER_WALL_MARGIN, 0.0, 1.0)
        f.speed = at_least(f.speed - depth * depth * CEILING_DRAIN * DT, CEILING_SLOWEST)
        f.y = at_most(f.y, ARENA_HEIGHT)
    return f


@wp.func
def move(f: Fighter, p: Physics):
    """Advance along the nose, then meet the edges; in `training` soft walls push: sides, ground, ceiling, in order."""
    f.x = f.x + f.nose_x * f.speed * DT
    f.y = f.y + f.nose_y * f.speed * DT
    if p.competition > 0:
        return bound(f, p)
    if wp.abs(f.x) > WALL_X:
        f.x = f.x - wp.sign(f.x) * wall_push(wp.abs(f.x) - WALL_X)
        f.x = clamp(f.x, -ARENA_HALF_WIDTH, ARENA_HALF_WIDTH)
    if f.y < WALL_MARGIN:
        f.y = at_least(f.y + wall_push(WALL_MARGIN - f.y), 0.0)
    if f.y > WALL_HIGH:
        f.y = at_most(f.y - wall_push(f.y - WALL_HIGH), ARENA_HEIGHT)
    return f


@wp.func
def fall(f: Fighter, p: Physics):
    """A stalled tick: the nose drops, nothing answers."""
    f.stall_ticks = f.stall_ticks - 1
    turn = STALL_TURN_RATE * DT
    f = point_nose(f, f.yaw + clamp(wrap_angle(NOSE_DOWN - f.yaw), -turn, turn))
    f.speed = f.speed - p.gravity * f.nose_y * DT
    f.speed = f.speed - p.drag_coeff * f.speed * DT
    f.speed = clamp_speed(f.speed, p.max_hp - f.hp, p)
    if f.speed > STALL_EXIT_SPEED:
        f.stall_ticks = 0
    f = move(f, p)
    if f.alive == 0:
        return f
    f.cooldown = wp.max(f.cooldown - 1, 0)
    return f


@wp.func
def turn_rate(f: Fighter, p: Physics):
    """rad/s; slower when fast and when damaged. The scale ends at the undamaged top speed."""
    t = clamp((f.speed - p.min_speed) / (p.max_speed - p.min_speed), 0.0, 1.0)
    rate = p.max_turn_rate + t * (p.min_turn_rate - p.max_turn_rate)
    return rate * (1.0 - TURN_LOSS_PER_HP * float(p.max_hp - f.hp))


@wp.func
def fly(f: Fighter, seat: Seat, p: Physics):
    """A tick in control, under the action in force."""
    turn = clamp(seat.yaw, -1.0, 1.0) * turn_rate(f, p) * DT
    f = point_nose(f, f.yaw + turn)
    f.speed = f.speed - p.turn_bleed_coeff * wp.abs(turn) * f.speed
    f.speed = f.speed + (clamp(seat.throttle, 0.0, 1.0) * p.max_thrust - p.drag_coeff * f.speed) * DT
    f.speed = f.speed - p.gravity * f.nose_y * DT
    f.speed = clamp_speed(f.speed, p.max_hp - f.hp, p)
    f = move(f, p)
    if f.alive == 0:
        # The ground ends the step: the gun neither cools nor fires.
        return f
    f.cooldown = wp.max(f.cooldown - 1, 0)
    if seat.shoot > 0.0 and f.cooldown == 0:
        f.fired = 1
        f.cooldown = p.gun_cooldown_ticks
    return f


@wp.func
def fighter_tick(f: Fighter, seat: Seat, p: Physics):
    """One tick of an aircraft; `fired` tells whether a bullet leaves its gun."""
    f.fired = 0
    f.previous_x = f.x
    f.previous_y = f.y
    f.previous_yaw = f.yaw
    if f.stall_ticks > 0:
        return fall(f, p)
    if f.speed < STALL_SPEED:
        # The tick in which the stall begins is lost altogether: no movement, no cooling of the gun.
        f.stall_ticks = STALL_TICKS
        return f
    return fly(f, seat, p)
