"""brawler: closes in and turns tightly at low speed, baits a pursuer into overshooting and punishes it."""

import warp as wp

from .angles import HALF_PI, PI
from .layout import Seat
from .tactics import View, act_guarded, aim, can_shoot, closing_speed, toward

CLOSE = 0
BRAWL = 1
BAIT = 2
PUNISH = 3
RETREAT = 4
HOLD_CALLS = 20
PUNISH_CALLS = 60


@wp.func
def after_brawl(v: View):
    if v.distance > 300.0:
        return CLOSE
    if v.chased and v.distance < 180.0 and closing_speed(v) > 30.0:
        return BAIT
    if not v.competition and v.me.y < 80.0 and v.me.speed < 60.0:
        return RETREAT
    return BRAWL


@wp.func
def after_bait(v: View):
    if v.behind or (wp.abs(v.off) < 1.0 and v.distance < 200.0):
        return PUNISH
    if v.distance > 250.0:
        return CLOSE
    if not v.chased:
        return BRAWL
    return BAIT


@wp.func
def too_low(mode: int, v: View):
    """In competition every phase that does not climb has an altitude below which it is left at once."""
    if mode == CLOSE:
        return v.competition and v.me.y < 130.0
    if mode == BRAWL:
        return v.competition and v.me.y < 120.0
    return v.competition and mode == BAIT and v.me.y < 140.0


@wp.func
def next_phase(m: Seat, v: View):
    if too_low(m.mode, v):
        return RETREAT
    if m.mode == CLOSE and v.distance < 200.0:
        return BRAWL
    if m.mode == BRAWL:
        return after_brawl(v)
    if m.mode == BAIT:
        return after_bait(v)
    if m.mode == PUNISH and m.punish_calls == 0:
        return BRAWL
    if m.mode == RETREAT and v.me.y > wp.where(v.competition, 220.0, 180.0) and v.me.speed > 80.0:
        return CLOSE
    return m.mode


@wp.func
def close_in(m: Seat, v: View):
    stick = toward(v, aim(v, 1.0), 3.0)
    if v.me.y < 120.0 and v.me.nose_y < 0.0:
        stick = wp.clamp(stick + 0.3, -1.0, 1.0)
    return act_guarded(m, v, stick, 1.0, can_shoot(v, 0.25, 300.0))


@wp.func
def turn_tightly(m: Seat, v: View):
    stick = toward(v, aim(v, 0.7), 4.0)
    if m.evade_calls > 0:
        stick = float(m.evade_direction)
    throttle = 0.2
    if v.me.speed > 120.0:
        throttle = 0.0
    elif v.me.speed < 70.0:
        throttle = 0.6
    return act_guarded(m, v, stick, throttle, can_shoot(v, 0.30, 250.0))


@wp.func
def brawler(m: Seat, v: View):
    if m.mode_calls == 0:
        phase = next_phase(m, v)
        if phase != m.mode:
            m.mode = phase
            m.mode_calls = HOLD_CALLS
            if phase == PUNISH:
                m.punish_calls = PUNISH_CALLS
    if m.mode == CLOSE:
        return close_in(m, v)
    if m.mode == BRAWL:
        return turn_tightly(m, v)
    if m.mode == BAIT:
        heading = v.bearing + float(m.evade_direction) * HALF_PI
        return act_guarded(m, v, toward(v, heading, 2.0), 0.0, can_shoot(v, 0.35, 200.0))
    if m.mode == PUNISH:
        return act_guarded(m, v, toward(v, aim(v, 0.8), 4.0), 0.5, can_shoot(v, 0.35, 300.0))
    heading = wp.where(v.me.nose_x > 0.0, 0.5, PI - 0.5)
    return act_guarded(m, v, toward(v, heading, 2.0), 1.0, 0.0)
