"""The 'sensor' layout: own pose, the detected opponent, lidar, and the frames of the last ten decisions.

The lidar's box is the arena as it is, centred on (0, 0).
"""

import warp as wp

from ..constants import FRAME_FLOATS, FRAMES, LIDAR_RANGE, RAYS, SENSOR_FLOATS
from .layout import Match, Robot, Rules
from .real import PI, ZERO, Real
from .seeds import NOISE, normal_pair
from .sight import bearing, sensed

REACH = wp.constant(Real(LIDAR_RANGE))
TOUCH = wp.constant(Real(1.0e-6))
PARALLEL = wp.constant(Real(1.0e-10))
RAY_STEP = wp.constant(Real(2.0 / RAYS))


@wp.func
def wall_hit(position: Real, direction: Real, half: Real):
    """Way along a ray to the wall that it meets in one coordinate."""
    if direction > PARALLEL:
        return (half - position) / direction
    if direction < -PARALLEL:
        return (-half - position) / direction
    return REACH


@wp.func
def circle_hit(x: Real, y: Real, dx: Real, dy: Real, circle: wp.vec3d):
    """Way along a ray of unit direction to a circle; the far side from inside."""
    fx = x - circle[0]
    fy = y - circle[1]
    along = fx * dx + fy * dy
    inside = along * along - (fx * fx + fy * fy - circle[2] * circle[2])
    if inside < ZERO:
        return REACH
    root = wp.sqrt(inside)
    if -along - root > TOUCH:
        return -along - root
    if -along + root > TOUCH:
        return -along + root
    return REACH


@wp.func
def ray(me: Robot, angle: Real, obstacles: wp.array2d(dtype=wp.vec3d), i: int, count: int, r: Rules):
    """Free way in the direction `angle` of the world, at most the lidar's range."""
    dx = wp.cos(angle)
    dy = wp.sin(angle)
    free = wp.min(wall_hit(me.x, dx, r.half_width), wall_hit(me.y, dy, r.half_height))
    for j in range(count):
        free = wp.min(free, circle_hit(me.x, me.y, dx, dy, obstacles[i, j]))
    return wp.clamp(free, ZERO, REACH)


@wp.func
def noisy(way: Real, noise: Real):
    return float(wp.clamp(way + noise, ZERO, REACH))


@wp.func
def remember(
    history: wp.array4d(dtype=float),
    i: int,
    seat: int,
    me: Robot,
    other: Robot,
    m: Match,
    obstacles: wp.array2d(dtype=wp.vec3d),
    count: int,
    r: Rules,
):
    """Write the frame of this decision: the seven numbers of the state, then the lidar."""
    k = m.decisions % FRAMES
    history[i, seat, k, 0] = float(me.x)
    history[i, seat, k, 1] = float(me.y)
    history[i, seat, k, 2] = float(me.theta)
    history[i, seat, k, 3] = float(me.v)
    history[i, seat, k, 4] = float(me.omega)
    history[i, seat, k, 5] = -1.0
    history[i, seat, k, 6] = 0.0
    if sensed(me, other, m.task):
        dx = other.x - me.x
        dy = other.y - me.y
        history[i, seat, k, 5] = float(wp.sqrt(dx * dx + dy * dy))
        history[i, seat, k, 6] = float(bearing(me, other))
    for n in range(RAYS // 2):
        angle = me.theta - PI + PI * RAY_STEP * Real(2 * n)
        noise = wp.vec2d(ZERO, ZERO)
        if r.lidar_noise > ZERO:
            pair = normal_pair(m.seed, NOISE, ((m.step * 2 + seat) * RAYS) + 2 * n)
            noise = r.lidar_noise * pair
        at = SENSOR_FLOATS + 2 * n
        history[i, seat, k, at] = noisy(ray(me, angle, obstacles, i, count, r), noise[0])
        history[i, seat, k, at + 1] = noisy(ray(me, angle + PI * RAY_STEP, obstacles, i, count, r), noise[1])


@wp.func
def show_history(out: wp.array3d(dtype=float), history: wp.array4d(dtype=float), i: int, seat: int, decision: int):
    """The newest frame, then the last ten, oldest first (the newest stands at both ends)."""
    for n in range(FRAME_FLOATS):
        out[i, seat, n] = history[i, seat, decision % FRAMES, n]
    for k in range(FRAMES):
        slot = (decision + 1 + k) % FRAMES
        for n in range(FRAME_FLOATS):
            out[i, seat, FRAME_FLOATS * (k + 1) + n] = history[i, seat, slot, n]


@wp.func
def forget_frames(history: wp.array4d(dtype=float), i: int):
    for k in range(FRAMES):
        for n in range(FRAME_FLOATS):
            history[i, 0, k, n] = 0.0
            history[i, 1, k, n] = 0.0
