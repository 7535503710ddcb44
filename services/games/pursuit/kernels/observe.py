"""What a robot sees: the original numbers and the egocentric ones. The sensor layout is in sensors.py."""

import warp as wp

from ..constants import (
    MAX_OBSERVED_OBSTACLES,
    NEAR,
    NEAR_RANGE,
    OBSTACLE_NEAR,
    ORIGINAL_FLOATS,
    PURSUER,
)
from .layout import Match, Robot, Rules
from .real import ONE, PI, ZERO, Real, wrap
from .sight import bearing, visible

Nearest = wp.types.vector(length=MAX_OBSERVED_OBSTACLES, dtype=int)
NEARNESS = wp.constant(Real(NEAR))
NEARBY = wp.constant(Real(NEAR_RANGE))
SURFACE = wp.constant(Real(OBSTACLE_NEAR))


@wp.func
def put(out: wp.array3d(dtype=float), i: int, seat: int, k: int, value: Real):
    out[i, seat, k] = float(value)


@wp.func
def put_direction(out: wp.array3d(dtype=float), i: int, seat: int, k: int, angle: Real):
    """Cosine and sine of an angle."""
    out[i, seat, k] = float(wp.cos(angle))
    out[i, seat, k + 1] = float(wp.sin(angle))


@wp.func
def put_nothing(out: wp.array3d(dtype=float), i: int, seat: int, first: int, last: int):
    for k in range(first, last):
        out[i, seat, k] = 0.0


@wp.func
def put_original(out: wp.array3d(dtype=float), i: int, seat: int, me: Robot, other: Robot, seen: bool, r: Rules):
    """The first 14 numbers, and the flag where the layout has one."""
    put(out, i, seat, 0, me.x / r.half_width)
    put(out, i, seat, 1, me.y / r.half_height)
    put(out, i, seat, 2, me.theta / PI)
    put(out, i, seat, 3, me.v / r.speed[PURSUER])
    put(out, i, seat, 4, me.omega / r.turn_rate[PURSUER])
    put(out, i, seat, 12, ONE - wp.abs(me.x) / r.half_width)
    put(out, i, seat, 13, ONE - wp.abs(me.y) / r.half_height)
    if r.flag:
        out[i, seat, 14] = wp.where(seen, 1.0, 0.0)
    if not seen:
        put_nothing(out, i, seat, 5, 12)
        return
    put(out, i, seat, 5, other.x / r.half_width)
    put(out, i, seat, 6, other.y / r.half_height)
    put(out, i, seat, 7, other.theta / PI)
    put(out, i, seat, 8, other.v / r.speed[PURSUER])
    put(out, i, seat, 9, other.omega / r.turn_rate[PURSUER])
    dx = other.x - me.x
    dy = other.y - me.y
    put(out, i, seat, 10, wp.sqrt(dx * dx + dy * dy) / r.diagonal)
    put(out, i, seat, 11, bearing(me, other) / PI)


@wp.func
def put_egocentric(
    out: wp.array3d(dtype=float), i: int, seat: int, k: int, me: Robot, other: Robot, seen: bool, step: int, r: Rules
):
    """The 11 egocentric numbers, from index k on."""
    put_direction(out, i, seat, k, me.theta)
    put(out, i, seat, k + 10, Real(step) / Real(r.max_steps))
    if not seen:
        put_nothing(out, i, seat, k + 2, k + 10)
        return
    dx = other.x - me.x
    dy = other.y - me.y
    d = wp.sqrt(dx * dx + dy * dy)
    put_direction(out, i, seat, k + 2, other.theta)
    put_direction(out, i, seat, k + 4, bearing(me, other))
    put_direction(out, i, seat, k + 6, bearing(other, me))
    put(out, i, seat, k + 8, wp.exp(-d / NEARNESS))
    put(out, i, seat, k + 9, wp.min(d / NEARBY, ONE))


@wp.func
def nearest_obstacles(me: Robot, obstacles: wp.array2d(dtype=wp.vec3d), i: int, count: int, shown: int):
    """Indices of the `shown` obstacles whose centres are nearest, nearest first; −1 where there are fewer."""
    order = Nearest()
    last = Real(-1.0)
    last_index = int(-1)
    for k in range(shown):
        best = int(-1)
        best_d = Real(1.0e300)
        for j in range(count):
            dx = obstacles[i, j][0] - me.x
            dy = obstacles[i, j][1] - me.y
            d = dx * dx + dy * dy
            later = d > last or (d == last and j > last_index)
            if later and d < best_d:
                best = j
                best_d = d
        order[k] = best
        if best >= 0:
            last = best_d
            last_index = best
        else:
            last = Real(1.0e300)
    return order


@wp.func
def put_obstacles(
    out: wp.array3d(dtype=float),
    i: int,
    seat: int,
    at: int,
    more: int,
    me: Robot,
    obstacles: wp.array2d(dtype=wp.vec3d),
    count: int,
    r: Rules,
):
    """Two numbers per shown obstacle from index `at` on, and three egocentric ones from `more` on."""
    order = nearest_obstacles(me, obstacles, i, count, r.shown)
    for k in range(r.shown):
        j = order[k]
        gap = r.diagonal + ZERO
        angle = Real(0.0)
        if j >= 0:
            dx = obstacles[i, j][0] - me.x
            dy = obstacles[i, j][1] - me.y
            gap = wp.max(wp.sqrt(dx * dx + dy * dy) - obstacles[i, j][2], ZERO)
            angle = wrap(wp.atan2(dy, dx) - me.theta)
        put(out, i, seat, at + 2 * k, wp.min(gap / r.diagonal, ONE))
        put(out, i, seat, at + 2 * k + 1, angle / PI)
        if r.egocentric:
            if j >= 0:
                put_direction(out, i, seat, more + 3 * k, angle)
                put(out, i, seat, more + 3 * k + 2, wp.exp(-gap / SURFACE))
            else:
                put_nothing(out, i, seat, more + 3 * k, more + 3 * k + 3)


@wp.func
def observe(
    out: wp.array3d(dtype=float),
    i: int,
    seat: int,
    me: Robot,
    other: Robot,
    m: Match,
    obstacles: wp.array2d(dtype=wp.vec3d),
    count: int,
    r: Rules,
):
    """The observation of one seat, in every layout but 'sensor'."""
    seen = visible(me, other, seat, m.task, obstacles, i, count, r)
    put_original(out, i, seat, me, other, seen, r)
    first = ORIGINAL_FLOATS + wp.where(r.flag, 1, 0)
    more = first + 2 * r.shown
    if r.egocentric:
        put_egocentric(out, i, seat, more, me, other, seen, m.step, r)
    if r.shown > 0:
        put_obstacles(out, i, seat, first, more + 11, me, obstacles, count, r)
