"""ace: dodges bullets, breaks when chased, else pursues with a preference for altitude."""

import warp as wp

from .angles import wrap_angle
from .layout import Seat
from .tactics import View, act_guarded, aim, break_heading, can_shoot, cruise_throttle, dodge, toward


@wp.func
def ace_evade(m: Seat, v: View):
    """Dodge, but not into the ground or the ceiling; the memory keeps the direction that was due."""
    stick = float(m.evade_direction)
    if v.me.y < 90.0 and stick < 0.0 and v.me.nose_y < 0.0:
        stick = 1.0
    if v.me.y > 540.0 and stick > 0.0 and v.me.nose_y > 0.0:
        stick = -1.0
    if v.competition:
        stick = dodge(m, v, 120.0, True)
    return act_guarded(m, v, stick, 0.7, can_shoot(v, 0.30, 380.0))


@wp.func
def altitude_bias(v: View):
    bias = 0.0
    if v.me.y < 250.0:
        if v.me.nose_y < 0.2:
            bias += 0.35 * wp.min((250.0 - v.me.y) / 100.0, 1.0)
    elif v.me.y > 480.0 and v.me.nose_y > -0.2:
        bias -= 0.3 * wp.min((v.me.y - 480.0) / 80.0, 1.0)
    if v.me.speed < 90.0 and v.me.y > 300.0 and v.me.nose_y > -0.1:
        bias -= 0.08
    return bias


@wp.func
def ace(m: Seat, v: View):
    if m.evade_calls > 0:
        return ace_evade(m, v)
    if v.chased and v.distance < 250.0:
        throttle = wp.where(v.me.speed > 100.0, 0.3, 0.5)
        stick = toward(v, break_heading(v) + 0.15, 3.5)
        return act_guarded(m, v, stick, throttle, can_shoot(v, 0.35, 350.0))
    e = wrap_angle(aim(v, 1.0) - v.me.yaw) + altitude_bias(v)
    stick = wp.clamp(3.0 * e, -1.0, 1.0)
    return act_guarded(m, v, stick, cruise_throttle(v, stick), can_shoot(v, 0.20, 380.0))
