"""The cold-start task: the evader reaches goals, or flees from a slow pursuer.

In a goal episode the pursuer's body is the goal: it stands where the goal is, moves by itself to the next one, and
can catch nobody. So a goal looks to the evader as an opponent does.
"""

import warp as wp

from ..constants import (
    CAUGHT_REWARD,
    DISTANCE_REWARD,
    GOAL_CLEARANCE,
    GOAL_MARGIN,
    GOAL_REWARD,
    GOAL_TASK,
    GOAL_TRIES,
    WALL_MARGIN,
    WALL_REWARD,
)
from .layout import Robot, Rules
from .real import ZERO, Real
from .seeds import TASK, draw

MARGIN = wp.constant(Real(GOAL_MARGIN))
CLEARANCE = wp.constant(Real(GOAL_CLEARANCE))
REACHED = wp.constant(Real(GOAL_REWARD))
CAUGHT = wp.constant(Real(CAUGHT_REWARD))
SHARE = wp.constant(Real(DISTANCE_REWARD))
NEAR_WALL = wp.constant(Real(WALL_MARGIN))
WALL = wp.constant(Real(WALL_REWARD))


@wp.func
def goal(seed: wp.uint64, number: int, obstacles: wp.array2d(dtype=wp.vec3d), i: int, count: int, r: Rules):
    """The `number`-th goal (from 0) as a robot that stands there; the centre if no free place is found."""
    place = Robot()
    wide = wp.max(r.half_width - MARGIN, ZERO)
    high = wp.max(r.half_height - MARGIN, ZERO)
    for k in range(GOAL_TRIES):
        at = 1 + 2 * (number * GOAL_TRIES + k)
        x = draw(seed, TASK, at, -wide, wide)
        y = draw(seed, TASK, at + 1, -high, high)
        free = int(1)
        for j in range(count):
            dx = x - obstacles[i, j][0]
            dy = y - obstacles[i, j][1]
            if wp.sqrt(dx * dx + dy * dy) < obstacles[i, j][2] + CLEARANCE:
                free = 0
        if free == 1:
            place.x = x
            place.y = y
            break
    return place


@wp.func
def navigation_reward(e: Robot, task: int, distance: Real, reached: bool, r: Rules):
    """The evader's reward of one step; reached: the goal, or in a fleeing episode the evader by the pursuer."""
    if task != GOAL_TASK:
        return SHARE * distance / r.diagonal + wp.where(reached, CAUGHT, ZERO)
    reward = -SHARE * distance / r.diagonal + wp.where(reached, REACHED, ZERO)
    if wp.abs(e.x) > r.half_width - NEAR_WALL or wp.abs(e.y) > r.half_height - NEAR_WALL:
        reward += WALL
    return reward
