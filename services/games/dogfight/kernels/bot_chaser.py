"""chaser: points at the lead point, with a high or low yo-yo when it overshoots or falls behind."""

import warp as wp

from .angles import wrap_angle
from .layout import Seat
from .tactics import View, act, act_guarded, aim, can_shoot, closing_speed

YOYO_HIGH_CALLS = 40
YOYO_LOW_CALLS = 30


@wp.func
def yoyo(m: Seat, v: View):
    """Start a yo-yo when none runs."""
    if m.yoyo_calls == 0:
        closing = closing_speed(v)
        if v.distance < 120.0 and closing > 50.0 and v.me.y < 500.0:
            m.yoyo_calls = YOYO_HIGH_CALLS
            m.yoyo_phase = 1
        elif v.distance > 300.0 and closing < -20.0 and v.me.y > 150.0:
            m.yoyo_calls = YOYO_LOW_CALLS
            m.yoyo_phase = -1
    return m


@wp.func
def chaser(m: Seat, v: View):
    if m.evade_calls > 0:
        return act(m, float(m.evade_direction), 0.8, can_shoot(v, 0.30, 320.0))
    m = yoyo(m, v)
    e = wrap_angle(aim(v, 1.0) - v.me.yaw)
    if m.yoyo_calls > 0:
        e = e + 0.4 * float(m.yoyo_phase)
    if v.me.y < 120.0 and v.me.nose_y < 0.1:
        e = e + 0.25
    elif v.me.y > 520.0 and v.me.nose_y > -0.1:
        e = e - 0.25
    stick = wp.clamp(2.5 * e, -1.0, 1.0)
    throttle = wp.where(v.me.speed > 120.0 and wp.abs(stick) > 0.7, 0.7, 1.0)
    return act_guarded(m, v, stick, throttle, can_shoot(v, 0.22, 320.0))
