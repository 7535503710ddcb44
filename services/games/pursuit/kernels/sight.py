"""Who sees whom: cone, range, line of sight."""

import warp as wp

from ..constants import GOAL_TASK, SENSOR_HALF_ANGLE, SENSOR_RANGE
from .layout import Robot, Rules
from .real import ONE, ZERO, Real, wrap

SAME_PLACE = wp.constant(Real(1.0e-12))
HALF_ANGLE = wp.constant(Real(SENSOR_HALF_ANGLE))
RANGE = wp.constant(Real(SENSOR_RANGE))


@wp.func
def blocked(x: Real, y: Real, to_x: Real, to_y: Real, obstacles: wp.array2d(dtype=wp.vec3d), i: int, count: int):
    """Whether an obstacle touches the segment between two points; a point never hides itself."""
    dx = to_x - x
    dy = to_y - y
    squared = dx * dx + dy * dy
    if squared < SAME_PLACE:
        return False
    for j in range(count):
        circle = obstacles[i, j]
        ox = circle[0] - x
        oy = circle[1] - y
        t = wp.clamp((ox * dx + oy * dy) / squared, ZERO, ONE)
        gap_x = ox - t * dx
        gap_y = oy - t * dy
        if gap_x * gap_x + gap_y * gap_y <= circle[2] * circle[2]:
            return True
    return False


@wp.func
def bearing(me: Robot, other: Robot):
    """Direction of the other off the own nose, in [−π, π)."""
    return wrap(wp.atan2(other.y - me.y, other.x - me.x) - me.theta)


@wp.func
def sensed(me: Robot, other: Robot, task: int):
    """Whether the sensor of the 'sensor' layout sees the other; obstacles do not hide from it, a goal hides nowhere."""
    dx = other.x - me.x
    dy = other.y - me.y
    d = wp.sqrt(dx * dx + dy * dy)
    if task == GOAL_TASK:
        return d <= RANGE
    if d >= RANGE:
        return False
    return d < Real(1.0e-10) or wp.abs(bearing(me, other)) <= HALF_ANGLE


@wp.func
def visible(
    me: Robot,
    other: Robot,
    seat: int,
    task: int,
    obstacles: wp.array2d(dtype=wp.vec3d),
    i: int,
    count: int,
    rules: Rules,
):
    """Whether the robot in `seat` sees the other one under the rules of the observation."""
    if rules.sensor:
        return sensed(me, other, task)
    if rules.masked[seat] == 0 or task == GOAL_TASK:
        return True
    dx = other.x - me.x
    dy = other.y - me.y
    d = wp.sqrt(dx * dx + dy * dy)
    if d > rules.sensing_range:
        return False
    if rules.cone and d >= SAME_PLACE and wp.abs(bearing(me, other)) > rules.half_fov:
        return False
    if rules.line_of_sight:
        return not blocked(me.x, me.y, other.x, other.y, obstacles, i, count)
    return True
