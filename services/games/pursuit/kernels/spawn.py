"""The start of an episode: everything about it is a pure function of the episode's seed."""

import warp as wp

from ..constants import CHASE, EVADER, FLEE_TASK, GOAL_TASK, OBSTACLE_TRIES, PURSUER, START_TRIES, START_X
from .layout import Match, Robot, Rules, distance
from .navigation import goal
from .real import PI, ZERO, Real
from .search import forget_cells
from .seeds import START, TASK, draw, unit

FALLBACK = wp.constant(Real(START_X))
HALF = wp.constant(Real(0.5))


@wp.func
def obstacle_number(seed: wp.uint64, r: Rules):
    """How many obstacles the episode asks for: one of min … max, all equally likely."""
    choices = r.max_obstacles - r.min_obstacles + 1
    return r.min_obstacles + int(unit(seed, START, 0) * Real(choices))


@wp.func
def place_obstacle(seed: wp.uint64, number: int, obstacles: wp.array2d(dtype=wp.vec3d), i: int, count: int, r: Rules):
    """Try to place one more obstacle; returns the number of draws used, and 1 if it stands (vec2i)."""
    for _k in range(OBSTACLE_TRIES):
        radius = draw(seed, START, number, r.min_obstacle_radius, r.max_obstacle_radius)
        wide = r.half_width - radius - r.obstacle_margin
        high = r.half_height - radius - r.obstacle_margin
        number += 1
        if wide > ZERO and high > ZERO:
            x = draw(seed, START, number, -wide, wide)
            y = draw(seed, START, number + 1, -high, high)
            number += 2
            free = int(1)
            for j in range(count):
                other = obstacles[i, j]
                dx = x - other[0]
                dy = y - other[1]
                if wp.sqrt(dx * dx + dy * dy) < radius + other[2] + r.obstacle_margin:
                    free = 0
            if free == 1:
                obstacles[i, count] = wp.vec3d(x, y, radius)
                return wp.vec2i(number, 1)
    return wp.vec2i(number, 0)


@wp.func
def place_obstacles(seed: wp.uint64, obstacles: wp.array2d(dtype=wp.vec3d), i: int, r: Rules):
    """Place the episode's obstacles, giving up on the rest when one finds no room (vec2i: draws used, obstacles)."""
    for j in range(obstacles.shape[1]):
        obstacles[i, j] = wp.vec3d(ZERO, ZERO, ZERO)
    asked = obstacle_number(seed, r)
    count = int(0)
    number = int(1)
    for _j in range(asked):
        placed = place_obstacle(seed, number, obstacles, i, count, r)
        number = placed[0]
        if placed[1] == 0:
            break
        count += 1
    return wp.vec2i(number, count)


@wp.func
def standing(seed: wp.uint64, number: int, r: Rules):
    """A robot at rest, anywhere in the arena, from three draws."""
    wide = r.half_width - r.robot_radius
    high = r.half_height - r.robot_radius
    robot = Robot()
    robot.x = draw(seed, START, number, -wide, wide)
    robot.y = draw(seed, START, number + 1, -high, high)
    robot.theta = draw(seed, START, number + 2, -PI, PI)
    return robot


@wp.func
def fallback(seat: int, r: Rules):
    """Left or right of the centre, face to face, inside the walls of every arena."""
    x = wp.min(FALLBACK, r.half_width - r.robot_radius)
    robot = Robot()
    robot.x = wp.where(seat == PURSUER, -x, x)
    robot.theta = wp.where(seat == PURSUER, ZERO, -PI)
    return robot


@wp.func
def inside(robot: Robot, obstacles: wp.array2d(dtype=wp.vec3d), i: int, count: int, r: Rules):
    for j in range(count):
        dx = robot.x - obstacles[i, j][0]
        dy = robot.y - obstacles[i, j][1]
        if wp.sqrt(dx * dx + dy * dy) <= obstacles[i, j][2] + r.robot_radius:
            return True
    return False


@wp.func
def place_robots(
    robots: wp.array2d(dtype=Robot),
    seed: wp.uint64,
    number: int,
    obstacles: wp.array2d(dtype=wp.vec3d),
    i: int,
    count: int,
    r: Rules,
):
    """Both robots outside the obstacles, as far apart as the rules ask."""
    for _k in range(START_TRIES):
        p = standing(seed, number, r)
        number += 3
        if not inside(p, obstacles, i, count, r):
            e = standing(seed, number, r)
            number += 3
            if not inside(e, obstacles, i, count, r):
                apart = distance(p, e)
                if apart >= r.min_separation and apart <= r.max_separation:
                    robots[i, PURSUER] = p
                    robots[i, EVADER] = e
                    return
    robots[i, PURSUER] = fallback(PURSUER, r)
    robots[i, EVADER] = fallback(EVADER, r)


@wp.func
def begin(
    matches: wp.array(dtype=Match),
    robots: wp.array2d(dtype=Robot),
    obstacles: wp.array2d(dtype=wp.vec3d),
    seen_at: wp.array2d(dtype=int),
    i: int,
    seed: wp.uint64,
    r: Rules,
):
    """Start the episode of `seed` in slot i."""
    m = Match()
    m.seed = seed
    m.episode = matches[i].episode + 1
    m.task = CHASE
    if r.navigation:
        m.task = wp.where(unit(seed, TASK, 0) < HALF, GOAL_TASK, FLEE_TASK)
    placed = place_obstacles(seed, obstacles, i, r)
    place_robots(robots, seed, placed[0], obstacles, i, placed[1], r)
    if m.task == GOAL_TASK:
        robots[i, PURSUER] = goal(seed, 0, obstacles, i, placed[1], r)
    m.min_distance = distance(robots[i, PURSUER], robots[i, EVADER])
    matches[i] = m
    forget_cells(seen_at, i, r)
