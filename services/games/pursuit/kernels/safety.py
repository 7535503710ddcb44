"""The pursuer's safety filter: the nearest action that keeps every discrete control barrier.

Barriers h of a point POINT_AHEAD of the robot's centre (Zhang, Yang 2025): distance to the walls, squared distances to
obstacles and to the evader's point. The filter solves min 150·(v − v₀)² + (ω − ω₀)² with, for every barrier,
∇h·(Δq of this step) ≥ −γ·h (Agrawal, Sreenath 2017) inside the robot's limits: a projection onto a polygon in two
dimensions, row by row (Seidel 1991: the optimum either stays or lies on the row that it violates).
"""

import warp as wp

from ..constants import INTERVENTION, MAX_OBSTACLES, OPPONENT_DISTANCE, POINT_AHEAD, SPEED_COST, TURN_COST
from .layout import Robot, Rules
from .real import TWO, ZERO, Real

AHEAD = wp.constant(Real(POINT_AHEAD))
KEEP = wp.constant(Real(OPPONENT_DISTANCE))
SCALE_V = wp.constant(Real(SPEED_COST**0.5))
SCALE_OMEGA = wp.constant(Real(TURN_COST**0.5))
SLACK = wp.constant(Real(1.0e-9))
CHANGED = wp.constant(Real(INTERVENTION))
ROWS = 9 + MAX_OBSTACLES
Row = wp.types.vector(length=ROWS, dtype=Real)


@wp.struct
class Polygon:
    """Rows a·x + b·y + c ≥ 0 of unit (a, b) for x = √150·v, y = ω; `empty` where a row can never hold."""

    a: Row
    b: Row
    c: Row
    count: int
    empty: int


@wp.func
def add_row(p: Polygon, a: Real, b: Real, c: Real):
    """With the row a·v + b·ω + c ≥ 0."""
    x = a / SCALE_V
    y = b / SCALE_OMEGA
    size = wp.sqrt(x * x + y * y)
    if size < Real(1.0e-12):
        if c < ZERO:
            p.empty = 1
        return p
    p.a[p.count] = x / size
    p.b[p.count] = y / size
    p.c[p.count] = c / size
    p.count = p.count + 1
    return p


@wp.func
def add_barrier(p: Polygon, h: Real, gx: Real, gy: Real, me: Robot, r: Rules):
    """With the barrier h whose gradient at the point ahead is (gx, gy)."""
    c = wp.cos(me.theta)
    s = wp.sin(me.theta)
    return add_row(p, r.dt * (gx * c + gy * s), r.dt * AHEAD * (gy * c - gx * s), r.barrier_decay * h)


@wp.func
def add_circle(p: Polygon, qx: Real, qy: Real, x: Real, y: Real, radius: Real, me: Robot, r: Rules):
    dx = qx - x
    dy = qy - y
    return add_barrier(p, dx * dx + dy * dy - radius * radius, TWO * dx, TWO * dy, me, r)


@wp.func
def barriers(me: Robot, other: Robot, obstacles: wp.array2d(dtype=wp.vec3d), i: int, count: int, r: Rules):
    """All rows: the limits of the robot, the walls, the obstacles, the opponent."""
    one = Real(1.0)
    p = Polygon()
    p = add_row(p, one, ZERO, ZERO)
    p = add_row(p, -one, ZERO, r.speed[0])
    p = add_row(p, ZERO, one, r.turn_rate[0])
    p = add_row(p, ZERO, -one, r.turn_rate[0])
    qx = me.x + AHEAD * wp.cos(me.theta)
    qy = me.y + AHEAD * wp.sin(me.theta)
    wide = r.half_width - r.robot_radius
    high = r.half_height - r.robot_radius
    p = add_barrier(p, wide - qx, -one, ZERO, me, r)
    p = add_barrier(p, wide + qx, one, ZERO, me, r)
    p = add_barrier(p, high - qy, ZERO, -one, me, r)
    p = add_barrier(p, high + qy, ZERO, one, me, r)
    for j in range(count):
        circle = obstacles[i, j]
        p = add_circle(p, qx, qy, circle[0], circle[1], circle[2] + r.robot_radius, me, r)
    ox = other.x + AHEAD * wp.cos(other.theta)
    oy = other.y + AHEAD * wp.sin(other.theta)
    return add_circle(p, qx, qy, ox, oy, KEEP, me, r)


@wp.func
def project(p: Polygon, x: Real, y: Real):
    """(x, y, found) of the polygon's point nearest to the given one."""
    best_x = x + ZERO
    best_y = y + ZERO
    for k in range(p.count):
        if p.a[k] * best_x + p.b[k] * best_y + p.c[k] < -SLACK:
            # On the line of row k, at parameter t from the foot of the given point, within the rows before.
            off = p.a[k] * x + p.b[k] * y + p.c[k]
            foot_x = x - off * p.a[k]
            foot_y = y - off * p.b[k]
            low = Real(-1.0e300)
            high = Real(1.0e300)
            for j in range(k):
                slope = p.b[j] * p.a[k] - p.a[j] * p.b[k]
                value = p.a[j] * foot_x + p.b[j] * foot_y + p.c[j]
                if wp.abs(slope) < Real(1.0e-12):
                    if value < -SLACK:
                        return wp.vec3d(x, y, ZERO)
                elif slope > ZERO:
                    low = wp.max(low, -value / slope)
                else:
                    high = wp.min(high, -value / slope)
            if low > high + SLACK:
                return wp.vec3d(x, y, ZERO)
            t = wp.clamp(ZERO, low, wp.max(low, high))
            best_x = foot_x - t * p.b[k]
            best_y = foot_y + t * p.a[k]
    return wp.vec3d(best_x, best_y, Real(1.0))


@wp.func
def filtered(
    action: wp.vec2d, me: Robot, other: Robot, obstacles: wp.array2d(dtype=wp.vec3d), i: int, count: int, r: Rules
):
    """The safe action nearest to `action`; where there is none, stand still and turn as wanted."""
    p = barriers(me, other, obstacles, i, count, r)
    found = project(p, action[0] * SCALE_V, action[1] * SCALE_OMEGA)
    if p.empty != 0 or found[2] == ZERO:
        return wp.vec2d(ZERO, action[1])
    return wp.vec2d(found[0] / SCALE_V, found[1] / SCALE_OMEGA)


@wp.func
def intervened(asked: wp.vec2d, safe: wp.vec2d):
    return wp.where(wp.abs(asked[0] - safe[0]) > CHANGED or wp.abs(asked[1] - safe[1]) > CHANGED, 1, 0)
