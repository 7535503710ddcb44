"""dogfighter: four modes, attack, defend, energy and disengage, each held for a while after a switch."""

import warp as wp

from .angles import PI, wrap_angle
from .layout import Physics, Seat
from .tactics import (
    View,
    act_guarded,
    aim,
    break_heading,
    can_shoot,
    cruise_throttle,
    dodge,
    toward,
)

ATTACK = 0
DEFEND = 1
ENERGY = 2
DISENGAGE = 3
PATIENCE = 360
CLIMB_HEADING = 0.4636476090008061


@wp.func
def hold_calls(mode: int, competition: bool):
    """Calls for which a mode is held after a switch into it."""
    if mode == ATTACK:
        return 30
    if mode == DEFEND:
        return 45
    if mode == ENERGY:
        return wp.where(competition, 30, 60)
    return 90


@wp.func
def energy_advantage(v: View, p: Physics):
    """Own energy over the opponent's."""
    mine = v.me.speed * v.me.speed + 2.0 * p.gravity * v.me.y
    other = v.other.speed * v.other.speed + 2.0 * p.gravity * v.other.y
    if other <= 1.0:
        return 2.0
    return mine / other


@wp.func
def next_mode(m: Seat, v: View, p: Physics):
    advantage = energy_advantage(v, p)
    if m.mode == ATTACK:
        if v.chased and v.distance < 200.0:
            return DEFEND
        if advantage < wp.where(v.competition, 0.5, 0.7) and v.me.y > 100.0:
            return ENERGY
        if m.patience_calls > PATIENCE and v.distance < 250.0 and not v.competition:
            return DISENGAGE
    elif m.mode == DEFEND:
        if not v.chased or v.distance > 300.0:
            return ATTACK
        if advantage < wp.where(v.competition, 0.4, 0.6):
            return ENERGY
    elif m.mode == ENERGY:
        if advantage > wp.where(v.competition, 0.7, 0.9) or (v.competition and v.distance < 200.0):
            return ATTACK
        if v.chased and v.distance < 150.0:
            return DEFEND
    else:
        if v.competition or v.distance > 350.0 or v.behind:
            return ATTACK
        if v.chased and v.distance < 150.0:
            return DEFEND
    return m.mode


@wp.func
def attack_bias(v: View):
    """Correction of the aim near the ceiling, near the ground, and when slow."""
    bias = 0.0
    if v.me.y > 550.0 and v.me.nose_y > 0.0:
        bias -= 0.3 * wp.min((v.me.y - 550.0) / 50.0, 1.0)
    elif v.me.y > 450.0 and v.me.nose_y > 0.3:
        bias -= 0.1
    low = wp.where(v.competition, 130.0, 100.0)
    if v.me.y < low and v.me.nose_y < 0.1:
        bias += 0.4 * wp.min((low - v.me.y) / 60.0, 1.0)
    elif v.me.y < 180.0 and v.me.nose_y < -0.2:
        bias += 0.15
    if v.me.speed < 100.0 and v.me.y > 250.0 and v.me.nose_y > -0.2:
        bias -= 0.08
    return bias


@wp.func
def attack(m: Seat, v: View):
    e = wrap_angle(aim(v, 1.0) - v.me.yaw) + attack_bias(v)
    stick = wp.clamp(3.0 * e, -1.0, 1.0)
    return act_guarded(m, v, stick, cruise_throttle(v, stick), can_shoot(v, 0.22, 350.0))


@wp.func
def gain_energy(m: Seat, v: View):
    """Climb to the right while low, then fly level."""
    heading = float(CLIMB_HEADING)
    if v.me.y >= 400.0:
        heading = wp.where(v.me.nose_x > 0.0, 0.0, PI)
    return act_guarded(m, v, toward(v, heading, 2.0), 1.0, can_shoot(v, 0.25, 300.0))


@wp.func
def dogfighter_evade(m: Seat, v: View):
    """Dodge, but not into the ground; the memory keeps the direction that was due."""
    stick = float(m.evade_direction)
    if v.me.y < 80.0 and stick < 0.0 and v.me.nose_y < 0.0:
        stick = 1.0
    if v.competition:
        stick = dodge(m, v, 80.0, False)
    return act_guarded(m, v, stick, 0.8, can_shoot(v, 0.30, 350.0))


@wp.func
def dogfighter(m: Seat, v: View, p: Physics):
    if m.evade_calls > 0:
        return dogfighter_evade(m, v)
    if m.mode_calls == 0:
        mode = next_mode(m, v, p)
        if mode != m.mode:
            m.mode = mode
            m.mode_calls = hold_calls(mode, v.competition)
    m.patience_calls = wp.where(m.mode == ATTACK, m.patience_calls + 1, 0)
    if m.mode == ATTACK:
        return attack(m, v)
    if m.mode == DEFEND:
        throttle = wp.where(v.me.speed > 100.0, 0.3, 0.6)
        return act_guarded(m, v, toward(v, break_heading(v), 3.5), throttle, can_shoot(v, 0.30, 250.0))
    if m.mode == ENERGY:
        return gain_energy(m, v)
    return act_guarded(m, v, toward(v, wrap_angle(v.bearing + PI), 2.5), 1.0, 0.0)
