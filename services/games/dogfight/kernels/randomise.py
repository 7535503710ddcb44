"""Domain randomisation: the physics of an episode, drawn from its seed. Both players share it."""

import warp as wp

from ..constants import PHYSICS
from .layout import Draws, Physics
from .seeds import draw_closed, draw_whole

# Draws 1 … 7 of a seed are the start's; those of the physics follow, in the order of constants.PHYSICS.
FIRST_DRAW = 8
MAX_SPEED = list(PHYSICS).index("max_speed")
MIN_SPEED = list(PHYSICS).index("min_speed")
MAX_TURN_RATE = list(PHYSICS).index("max_turn_rate")
MIN_TURN_RATE = list(PHYSICS).index("min_turn_rate")
SPEED_GAP = 50.0
TURN_RATE_GAP = 0.1


@wp.func
def has(mask: int, number: int):
    return (mask >> number) & 1 != 0


@wp.func
def real(seed: wp.uint64, number: int, value: float, low: float, high: float, d: Draws):
    """The drawn value of physics number `number` (from 0), or the given one where none is drawn."""
    if has(d.drawn, number):
        return draw_closed(seed, FIRST_DRAW + number, low, high)
    return value


@wp.func
def whole(seed: wp.uint64, number: int, value: int, low: int, high: int, d: Draws):
    if has(d.drawn, number):
        return draw_whole(seed, FIRST_DRAW + number, low, high)
    return value


@wp.func
def repaired(p: Physics, free: int):
    """Drawn numbers that contradict each other put right: the upper one moves up; if that is fixed, the lower down."""
    if p.min_speed + SPEED_GAP > p.max_speed:
        if has(free, MAX_SPEED):
            p.max_speed = p.min_speed + SPEED_GAP
        elif has(free, MIN_SPEED):
            p.min_speed = wp.max(p.max_speed - SPEED_GAP, 0.0)
    if p.min_turn_rate >= p.max_turn_rate:
        if has(free, MAX_TURN_RATE):
            p.max_turn_rate = p.min_turn_rate + TURN_RATE_GAP
        elif has(free, MIN_TURN_RATE):
            p.min_turn_rate = wp.max(p.max_turn_rate - TURN_RATE_GAP, 0.0)
    return p


@wp.func
def randomised(p: Physics, seed: wp.uint64, d: Draws):
    """The physics of the episode of `seed` in a match whose physics were `p`."""
    if d.drawn == 0:
        return p
    p.gravity = real(seed, 0, p.gravity, d.low.gravity, d.high.gravity, d)
    p.drag_coeff = real(seed, 1, p.drag_coeff, d.low.drag_coeff, d.high.drag_coeff, d)
    p.turn_bleed_coeff = real(seed, 2, p.turn_bleed_coeff, d.low.turn_bleed_coeff, d.high.turn_bleed_coeff, d)
    p.max_speed = real(seed, 3, p.max_speed, d.low.max_speed, d.high.max_speed, d)
    p.min_speed = real(seed, 4, p.min_speed, d.low.min_speed, d.high.min_speed, d)
    p.max_thrust = real(seed, 5, p.max_thrust, d.low.max_thrust, d.high.max_thrust, d)
    p.bullet_speed = real(seed, 6, p.bullet_speed, d.low.bullet_speed, d.high.bullet_speed, d)
    p.gun_cooldown_ticks = whole(seed, 7, p.gun_cooldown_ticks, d.low.gun_cooldown_ticks, d.high.gun_cooldown_ticks, d)
    p.bullet_lifetime_ticks = whole(
        seed, 8, p.bullet_lifetime_ticks, d.low.bullet_lifetime_ticks, d.high.bullet_lifetime_ticks, d
    )
    p.max_hp = whole(seed, 9, p.max_hp, d.low.max_hp, d.high.max_hp, d)
    p.max_turn_rate = real(seed, 10, p.max_turn_rate, d.low.max_turn_rate, d.high.max_turn_rate, d)
    p.min_turn_rate = real(seed, 11, p.min_turn_rate, d.low.min_turn_rate, d.high.min_turn_rate, d)
    p.rear_aspect_cone = real(seed, 12, p.rear_aspect_cone, d.low.rear_aspect_cone, d.high.rear_aspect_cone, d)
    return repaired(p, d.free)
