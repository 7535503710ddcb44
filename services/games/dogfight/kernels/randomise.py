"""Domain randomisation: the physics of an episode, drawn from its seed. Both players share it."""

import warp as wp

from ..constants import PHYSICS
from .layout import Physics, Rules
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
def drawn(rules: Rules, number: int):
    return (rules.randomised >> number) & 1 != 0


@wp.func
def real(seed: wp.uint64, number: int, value: float, low: float, high: float, rules: Rules):
    """The drawn value of physics number `number` (from 0), or the given one where it is not randomised."""
    if drawn(rules, number):
        return draw_closed(seed, FIRST_DRAW + number, low, high)
    return value


@wp.func
def whole(seed: wp.uint64, number: int, value: int, low: int, high: int, rules: Rules):
    if drawn(rules, number):
        return draw_whole(seed, FIRST_DRAW + number, low, high)
    return value


@wp.func
def repaired(p: Physics, rules: Rules):
    """Drawn numbers that contradict each other put right: the upper one moves up; if that is fixed, the lower down."""
    if p.min_speed + SPEED_GAP > p.max_speed:
        if drawn(rules, MAX_SPEED):
            p.max_speed = p.min_speed + SPEED_GAP
        elif drawn(rules, MIN_SPEED):
            p.min_speed = wp.max(p.max_speed - SPEED_GAP, 0.0)
    if p.min_turn_rate >= p.max_turn_rate:
        if drawn(rules, MAX_TURN_RATE):
            p.max_turn_rate = p.min_turn_rate + TURN_RATE_GAP
        elif drawn(rules, MIN_TURN_RATE):
            p.min_turn_rate = wp.max(p.max_turn_rate - TURN_RATE_GAP, 0.0)
    return p


@wp.func
def randomised(p: Physics, seed: wp.uint64, r: Rules):
    """The physics of the episode of `seed` in a match whose physics were `p`."""
    if r.randomised == 0:
        return p
    p.gravity = real(seed, 0, p.gravity, r.low.gravity, r.high.gravity, r)
    p.drag_coeff = real(seed, 1, p.drag_coeff, r.low.drag_coeff, r.high.drag_coeff, r)
    p.turn_bleed_coeff = real(seed, 2, p.turn_bleed_coeff, r.low.turn_bleed_coeff, r.high.turn_bleed_coeff, r)
    p.max_speed = real(seed, 3, p.max_speed, r.low.max_speed, r.high.max_speed, r)
    p.min_speed = real(seed, 4, p.min_speed, r.low.min_speed, r.high.min_speed, r)
    p.max_thrust = real(seed, 5, p.max_thrust, r.low.max_thrust, r.high.max_thrust, r)
    p.bullet_speed = real(seed, 6, p.bullet_speed, r.low.bullet_speed, r.high.bullet_speed, r)
    p.gun_cooldown_ticks = whole(seed, 7, p.gun_cooldown_ticks, r.low.gun_cooldown_ticks, r.high.gun_cooldown_ticks, r)
    p.bullet_lifetime_ticks = whole(
        seed, 8, p.bullet_lifetime_ticks, r.low.bullet_lifetime_ticks, r.high.bullet_lifetime_ticks, r
    )
    p.max_hp = whole(seed, 9, p.max_hp, r.low.max_hp, r.high.max_hp, r)
    p.max_turn_rate = real(seed, 10, p.max_turn_rate, r.low.max_turn_rate, r.high.max_turn_rate, r)
    p.min_turn_rate = real(seed, 11, p.min_turn_rate, r.low.min_turn_rate, r.high.min_turn_rate, r)
    p.rear_aspect_cone = real(seed, 12, p.rear_aspect_cone, r.low.rear_aspect_cone, r.high.rear_aspect_cone, r)
    return repaired(p, r)
