"""One step of one robot: unicycle, walls, obstacles."""

import warp as wp

from .layout import Robot, Rules
from .real import ONE, TWO, ZERO, Real, wrap

SWEEPS = 3
CENTRE = wp.constant(Real(1.0e-10))


@wp.func
def clipped(robot: Robot, rules: Rules):
    """The robot inside the walls."""
    wide = rules.half_width - rules.robot_radius
    high = rules.half_height - rules.robot_radius
    robot.x = wp.clamp(robot.x, -wide, wide)
    robot.y = wp.clamp(robot.y, -high, high)
    return robot


@wp.func
def pushed_out(robot: Robot, obstacles: wp.array2d(dtype=wp.vec3d), i: int, count: int, rules: Rules):
    """The robot outside the obstacles: up to three sweeps, each obstacle sees what the earlier ones did."""
    x = robot.x + ZERO
    y = robot.y + ZERO
    hit = int(0)
    for _sweep in range(SWEEPS):
        moved = int(0)
        for j in range(count):
            circle = obstacles[i, j]
            reach = circle[2] + rules.robot_radius
            dx = x - circle[0]
            dy = y - circle[1]
            d = wp.sqrt(dx * dx + dy * dy)
            if d < reach:
                hit = 1
                moved = 1
                if d < CENTRE:
                    x = circle[0] + wp.cos(robot.theta) * reach
                    y = circle[1] + wp.sin(robot.theta) * reach
                else:
                    x = circle[0] + dx / d * reach
                    y = circle[1] + dy / d * reach
        if moved == 0:
            break
    robot.x = x
    robot.y = y
    robot.collision = hit
    return robot


@wp.func
def driven(robot: Robot, action: wp.vec2d, obstacles: wp.array2d(dtype=wp.vec3d), i: int, count: int, rules: Rules):
    """The robot one step later under an action that is in range."""
    x = robot.x + action[0] * wp.cos(robot.theta) * rules.dt
    y = robot.y + action[0] * wp.sin(robot.theta) * rules.dt
    robot.x = x
    robot.y = y
    robot.theta = wrap(robot.theta + action[1] * rules.dt)
    robot.v = action[0]
    robot.omega = action[1]
    robot = clipped(robot, rules)
    robot.wall = wp.where(robot.x != x or robot.y != y, 1, 0)
    robot.collision = 0
    if count == 0:
        return robot
    return clipped(pushed_out(robot, obstacles, i, count, rules), rules)


@wp.func
def wanted(a: wp.vec2d, seat: int, rules: Rules):
    """An external action as speed and turn rate; still to be clipped."""
    v = a[0]
    omega = a[1]
    if rules.normalised:
        v = rules.speed[seat] * (a[0] + ONE) / TWO
        omega = rules.turn_rate[seat] * a[1]
    if rules.fixed_speed[seat] != 0:
        v = rules.speed[seat]
    return wp.vec2d(v, omega)


@wp.func
def allowed(a: wp.vec2d, seat: int, rules: Rules):
    """The action inside the robot's limits; there is no reverse gear."""
    top = rules.turn_rate[seat]
    return wp.vec2d(wp.clamp(a[0], ZERO, rules.speed[seat]), wp.clamp(a[1], -top, top))
