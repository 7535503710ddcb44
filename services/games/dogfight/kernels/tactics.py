"""What the scripted bots share: reading the situation, aiming, shooting, not stalling.

Everything derives from the observation a player gets (docs/games/dogfight.md, "Bots").
"""

import warp as wp

from .angles import HALF_PI, PI, wrap_angle
from .frame import closure
from .layout import Fighter, Physics, Seat, shortest

BEHIND_ANGLE = 2.0
CROSSING_SHIFT = 60.0
GUN_READY = 0.01
REAR_SHOT_ANGLE = 0.5
GUARD_SPEED = 45.0
GUARD_BAND = 15.0


@wp.struct
class View:
    """The situation of one bot. Angles in (−π, π], `off`: of the opponent off my nose, `other_off`: of me off his."""

    me: Fighter
    other: Fighter
    rx: float
    ry: float
    distance: float
    bearing: float
    off: float
    other_off: float
    chased: bool
    behind: bool
    gun_ready: bool
    rear_shot: bool
    bullet_speed: float
    max_speed: float
    tick_closure: float
    competition: bool


@wp.func
def look(me: Fighter, other: Fighter, p: Physics):
    v = View()
    v.me = me
    v.other = other
    v.rx = shortest(other.x - me.x, p)
    v.ry = other.y - me.y
    v.distance = wp.sqrt(v.rx * v.rx + v.ry * v.ry)
    v.bearing = wp.atan2(v.ry, v.rx)
    v.off = wrap_angle(v.bearing - me.yaw)
    v.other_off = wrap_angle(wrap_angle(v.bearing + PI) - other.yaw)
    v.chased = wp.abs(v.off) > BEHIND_ANGLE
    v.behind = wp.abs(v.other_off) > BEHIND_ANGLE
    v.gun_ready = float(me.cooldown) / float(p.gun_cooldown_ticks) < GUN_READY
    same_way = me.nose_x * other.nose_x + me.nose_y * other.nose_y
    v.rear_shot = wp.abs(v.off) <= REAR_SHOT_ANGLE and same_way > p.cone_cosine
    v.bullet_speed = p.bullet_speed
    v.max_speed = p.max_speed
    v.competition = p.competition > 0
    if v.competition:
        v.tick_closure = closure(me, other, v.distance, p)
    return v


@wp.func
def closing_speed(v: View):
    """Speed at which the gap shrinks, m/s; 0 when almost touching. In competition that of the last tick."""
    if v.competition:
        return v.tick_closure * v.max_speed
    if v.distance <= 1.0:
        return 0.0
    wx = v.me.speed * v.me.nose_x - v.other.speed * v.other.nose_x
    wy = v.me.speed * v.me.nose_y - v.other.speed * v.other.nose_y
    return (wx * v.rx + wy * v.ry) / v.distance


@wp.func
def can_shoot(v: View, angle: float, reach: float):
    """1 to shoot, 0 not to: in the cone, in reach, gun ready, and not into the armoured tail."""
    if wp.abs(v.off) < angle and v.distance < reach and v.gun_ready and not v.rear_shot:
        return 1.0
    return 0.0


@wp.func
def aim(v: View, lead: float):
    """Heading to the point where a bullet would meet the opponent; from behind, to the side he may break to."""
    ahead = v.other.speed * lead * v.distance / v.bullet_speed
    px = v.rx + v.other.nose_x * ahead
    py = v.ry + v.other.nose_y * ahead
    if v.behind:
        shift = wp.where(v.ry * v.other.nose_x - v.rx * v.other.nose_y > 0.0, CROSSING_SHIFT, -CROSSING_SHIFT)
        px = px - shift * v.other.nose_y
        py = py + shift * v.other.nose_x
    return wp.atan2(py, px)


@wp.func
def toward(v: View, heading: float, gain: float):
    return wp.clamp(gain * wrap_angle(heading - v.me.yaw), -1.0, 1.0)


@wp.func
def break_heading(v: View):
    """A quarter turn beyond the pursuer, to the side he is on."""
    return v.bearing + wp.where(v.off > 0.0, HALF_PI, -HALF_PI)


@wp.func
def cruise_throttle(v: View, stick: float):
    if v.me.speed < 80.0:
        return 1.0
    if wp.abs(stick) > 0.7:
        return 0.5
    return wp.where(v.distance > 250.0, 1.0, 0.7)


@wp.func
def act(m: Seat, stick: float, throttle: float, shoot: float):
    """The bot's memory with this action put in force."""
    m.yaw = stick
    m.throttle = throttle
    m.shoot = shoot
    return m


@wp.func
def act_guarded(m: Seat, v: View, stick: float, throttle: float, shoot: float):
    """`act`, with less stick and more throttle the closer a stall is."""
    u = wp.clamp((GUARD_SPEED - v.me.speed) / GUARD_BAND, 0.0, 1.0)
    limit = 1.0 - 0.7 * u
    return act(m, wp.clamp(stick, -limit, limit), wp.max(throttle, 0.8 * u), shoot)


@wp.func
def near_ground(v: View):
    """Whether to pull up now: the ground of competition kills, and is minded from higher up."""
    y = v.me.y
    climb = v.me.nose_y
    if v.competition:
        return (y < 50.0 and climb < 0.5) or (y < 100.0 and climb < 0.0) or (y < 150.0 and climb < -0.3)
    return y < 70.0 and climb < -0.3


@wp.func
def dodge(m: Seat, v: View, low: float, ceiling: bool):
    """The side to dodge to in competition: the one due, but not into the ground below `low` nor into the ceiling.

    The memory keeps the side that was due.
    """
    side = float(m.evade_direction)
    climbs = side * v.me.nose_x
    if v.me.y < low and climbs < 0.0 and v.me.nose_y < 0.1:
        return -side
    if ceiling and v.me.y > 540.0 and climbs > 0.0 and v.me.nose_y > 0.0:
        return -side
    return side


@wp.func
def altitude_override(v: View):
    """Stick (+1 or −1) that saves from the ground or the ceiling; 0 when there is no danger."""
    up = wp.where(v.me.nose_x > 0.0, 1.0, -1.0)
    if near_ground(v):
        return up
    if v.me.y > 570.0 and v.me.nose_y > 0.3:
        return -up
    return 0.0


@wp.func
def count_down(m: Seat):
    """All timers lose one call."""
    m.evade_calls = wp.max(m.evade_calls - 1, 0)
    m.mode_calls = wp.max(m.mode_calls - 1, 0)
    m.punish_calls = wp.max(m.punish_calls - 1, 0)
    m.yoyo_calls = wp.max(m.yoyo_calls - 1, 0)
    return m


@wp.func
def notice_bullet(m: Seat, nearest: float, reach: float, calls: int):
    """Start to dodge, to the other side than last time, when an enemy bullet comes within `reach`."""
    if m.evade_calls == 0 and nearest < reach:
        m.evade_calls = calls
        m.evade_direction = -m.evade_direction
    return m
