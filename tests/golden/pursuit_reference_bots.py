"""The scripted players of pursuit–evasion in scalar Python, from the text of the rules. `random` has no reference."""

from __future__ import annotations

from math import atan2, cos, hypot, pi, sin, sqrt

from .pursuit_reference import PURSUER, Robot, World, clamp, wrap

Action = tuple[float, float]


def towards(me: Robot, x: float, y: float, speed: float) -> Action:
    return speed, 3.0 * wrap(atan2(y - me.y, x - me.x) - me.theta)


def away(me: Robot, x: float, y: float, speed: float) -> Action:
    return towards(me, 2 * me.x - x, 2 * me.y - y, speed)


def greedy(me: Robot, x: float, y: float, seat: int, speed: float) -> Action:
    if seat != PURSUER:
        return away(me, x, y, speed)
    error = wrap(atan2(y - me.y, x - me.x) - me.theta)
    return speed * max(0.0, cos(error)), 3.0 * error


def proportional_navigation(me: Robot, other: Robot, speed: float) -> Action:
    dx, dy = other.x - me.x, other.y - me.y
    error = wrap(atan2(dy, dx) - me.theta)
    if abs(error) > pi / 2:
        return speed, 3.0 * error
    vx = other.v * cos(other.theta) - speed * cos(me.theta)
    vy = other.v * sin(other.theta) - speed * sin(me.theta)
    return speed, 3.0 * (dx * vy - dy * vx) / max(dx * dx + dy * dy, 1e-9)


def lion(me: Robot, other: Robot, speed: float) -> Action:
    """In the frame of the evader's radius: u outward, n to its left."""
    r = hypot(other.x, other.y)
    if r < 1e-9:
        return towards(me, other.x, other.y, speed)
    ux, uy = other.x / r, other.y / r
    nx, ny = -uy, ux
    out, aside = me.x * ux + me.y * uy, me.x * nx + me.y * ny
    turning = other.v * (cos(other.theta) * nx + sin(other.theta) * ny) / r
    across = clamp(out * turning - 2.0 * aside, -speed, speed)
    along = sqrt(max(speed**2 - across**2, 0.0)) * (-1.0 if out > r else 1.0)
    return towards(me, me.x + along * ux + across * nx, me.y + along * uy + across * ny, speed)


def circler(me: Robot, world: World, speed: float) -> Action:
    radius, d = 0.8 * min(world.half), hypot(me.x, me.y)
    if d < 1e-9:
        return speed, 0.0
    left = me.x * sin(me.theta) - me.y * cos(me.theta) >= 0
    nx, ny = (-me.y / d, me.x / d) if left else (me.y / d, -me.x / d)
    pull = clamp(radius - d, -2.0, 2.0)
    return towards(me, me.x + nx + pull * me.x / d, me.y + ny + pull * me.y / d, speed)


def to_corner(me: Robot, world: World, speed: float) -> Action:
    wide, high = world.half
    x, y = (-1 if me.x < 0 else 1) * (wide - 0.5), (-1 if me.y < 0 else 1) * (high - 0.5)
    return towards(me, x, y, speed)


def call(bot: str, world: World, seat: int) -> Action:
    """The action of a bot in `seat`, not yet clipped."""
    me, other, speed = world.robots[seat], world.robots[1 - seat], world.limits(seat)[0]
    if bot == "greedy" and not world.visible(seat):
        return greedy(me, 0.0, 0.0, seat, speed)
    rules = {
        "still": lambda: (0.0, 0.0),
        "greedy": lambda: greedy(me, other.x, other.y, seat, speed),
        "greedy_full": lambda: greedy(me, other.x, other.y, seat, speed),
        "pure_pursuit": lambda: towards(me, other.x, other.y, speed),
        "navigator": lambda: towards(me, other.x, other.y, speed / 2),
        "proportional_navigation": lambda: proportional_navigation(me, other, speed),
        "lion": lambda: lion(me, other, speed),
        "flee": lambda: away(me, other.x, other.y, speed),
        "flee_to_corner": lambda: to_corner(me, world, speed),
        "circler": lambda: circler(me, world, speed),
    }
    return rules[bot]()
