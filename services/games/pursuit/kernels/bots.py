"""The scripted players. Each is a rule from the present state (and, for `random`, the seed) to an action.

All steer by the heading error with gain TURN_GAIN. Numbers of bots: 1 + index into constants.BOTS.
"""

import warp as wp

from ..constants import BOTS as NAMES
from ..constants import (
    CIRCLE_SHARE,
    CORNER_MARGIN,
    NAVIGATION_CONSTANT,
    PURSUER,
    TURN_GAIN,
)
from .layout import Match, Robot, Rules
from .real import ONE, PI, TWO, ZERO, Real, wrap
from .seeds import BOTS, draw
from .sight import visible

RANDOM, GREEDY, GREEDY_FULL, PURE_PURSUIT, PROPORTIONAL_NAVIGATION, LION, NAVIGATOR, FLEE, FLEE_TO_CORNER, CIRCLER = (
    1 + NAMES.index(name)
    for name in (
        *("random", "greedy", "greedy_full", "pure_pursuit", "proportional_navigation", "lion", "navigator"),
        *("flee", "flee_to_corner", "circler"),
    )
)
GAIN = wp.constant(Real(TURN_GAIN))
CONSTANT = wp.constant(Real(NAVIGATION_CONSTANT))
CORNER = wp.constant(Real(CORNER_MARGIN))
CIRCLE = wp.constant(Real(CIRCLE_SHARE))
HALF = wp.constant(Real(0.5))
ACROSS_GAIN = wp.constant(Real(2.0))
COLLISION_COURSE = wp.constant(Real(0.5))
TINY = wp.constant(Real(1.0e-9))


@wp.func
def steer(me: Robot, dx: Real, dy: Real, speed: Real):
    """Full `speed`, turning towards a direction of the world."""
    return wp.vec2d(speed, GAIN * wrap(wp.atan2(dy, dx) - me.theta))


@wp.func
def greedy(me: Robot, dx: Real, dy: Real, seat: int, speed: Real):
    """The pursuer slows down while it turns; the evader flees at full speed."""
    if seat != PURSUER:
        return steer(me, -dx, -dy, speed)
    error = wrap(wp.atan2(dy, dx) - me.theta)
    return wp.vec2d(speed * wp.max(ZERO, wp.cos(error)), GAIN * error)


@wp.func
def proportional_navigation(me: Robot, other: Robot, dx: Real, dy: Real, speed: Real):
    """Turn NAVIGATION_CONSTANT times as fast as the line of sight; towards the target while it is not ahead."""
    error = wrap(wp.atan2(dy, dx) - me.theta)
    d2 = wp.max(dx * dx + dy * dy, TINY)
    vx = other.v * wp.cos(other.theta) - speed * wp.cos(me.theta)
    vy = other.v * wp.sin(other.theta) - speed * wp.sin(me.theta)
    if wp.abs(error) > COLLISION_COURSE * PI:
        return wp.vec2d(speed, GAIN * error)
    return wp.vec2d(speed, CONSTANT * (dx * vy - dy * vx) / d2)


@wp.func
def lion(me: Robot, other: Robot, speed: Real):
    """Stay on the line from the centre to the evader, and spend what speed is left along it (Rado's lion)."""
    r = wp.sqrt(other.x * other.x + other.y * other.y)
    if r < TINY:
        return steer(me, other.x - me.x, other.y - me.y, speed)
    ux = other.x / r
    uy = other.y / r
    along = me.x * ux + me.y * uy
    aside = me.y * ux - me.x * uy
    swing = other.v * (wp.sin(other.theta) * ux - wp.cos(other.theta) * uy) / r
    across = wp.clamp(along * swing - ACROSS_GAIN * aside, -speed, speed)
    outward = wp.sqrt(wp.max(speed * speed - across * across, ZERO)) * wp.where(along > r, -ONE, ONE)
    return steer(me, outward * ux - across * uy, outward * uy + across * ux, speed)


@wp.func
def circler(me: Robot, speed: Real, r: Rules):
    """Circle round the centre, in the sense in which it heads now."""
    radius = CIRCLE * wp.min(r.half_width, r.half_height)
    d = wp.sqrt(me.x * me.x + me.y * me.y)
    if d < TINY:
        return wp.vec2d(speed, ZERO)
    ux = me.x / d
    uy = me.y / d
    sense = wp.where(ux * wp.sin(me.theta) - uy * wp.cos(me.theta) < ZERO, -ONE, ONE)
    pull = wp.clamp(radius - d, -TWO, TWO)
    return steer(me, pull * ux - sense * uy, pull * uy + sense * ux, speed)


@wp.func
def to_corner(me: Robot, speed: Real, r: Rules):
    x = wp.where(me.x < ZERO, -ONE, ONE) * (r.half_width - CORNER)
    y = wp.where(me.y < ZERO, -ONE, ONE) * (r.half_height - CORNER)
    return steer(me, x - me.x, y - me.y, speed)


@wp.func
def random_action(m: Match, seat: int, r: Rules):
    """Uniform over the actions that are possible."""
    number = (m.step * 2 + seat) * 2
    top = r.turn_rate[seat]
    v = draw(m.seed, BOTS, number, ZERO, r.speed[seat])
    return wp.vec2d(v, draw(m.seed, BOTS, number + 1, -top, top))


@wp.func
def bot_action(
    bot: int,
    seat: int,
    me: Robot,
    other: Robot,
    m: Match,
    obstacles: wp.array2d(dtype=wp.vec3d),
    i: int,
    count: int,
    r: Rules,
):
    """The action of a seated bot, still to be clipped; standing still for those without a rule."""
    speed = r.speed[seat]
    dx = other.x - me.x
    dy = other.y - me.y
    if bot == RANDOM:
        return random_action(m, seat, r)
    if bot == GREEDY:
        if not visible(me, other, seat, m.task, obstacles, i, count, r):
            # A hidden opponent reads as (0, 0) in the observation that this bot was written for.
            return greedy(me, -me.x, -me.y, seat, speed)
        return greedy(me, dx, dy, seat, speed)
    if bot == GREEDY_FULL:
        return greedy(me, dx, dy, seat, speed)
    if bot == PURE_PURSUIT:
        return steer(me, dx, dy, speed)
    if bot == PROPORTIONAL_NAVIGATION:
        return proportional_navigation(me, other, dx, dy, speed)
    if bot == LION:
        return lion(me, other, speed)
    if bot == NAVIGATOR:
        return steer(me, dx, dy, HALF * speed)
    if bot == FLEE:
        return steer(me, -dx, -dy, speed)
    if bot == FLEE_TO_CORNER:
        return to_corner(me, speed, r)
    if bot == CIRCLER:
        return circler(me, speed, r)
    return wp.vec2d(ZERO, ZERO)
