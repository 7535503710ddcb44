"""The reward of one step, both seats, as in the original."""

import warp as wp

from ..constants import PURSUER, RUNNING, TIMEOUT
from .layout import Match, Robot, Rules
from .real import FAR, ZERO, Real
from .search import search
from .sight import blocked, visible


@wp.func
def cover_distance(robot: Robot, obstacles: wp.array2d(dtype=wp.vec3d), i: int, count: int):
    """Distance to the nearest obstacle's surface, 0 inside; FAR without obstacles."""
    nearest = FAR + ZERO
    for j in range(count):
        circle = obstacles[i, j]
        dx = robot.x - circle[0]
        dy = robot.y - circle[1]
        nearest = wp.min(nearest, wp.max(wp.sqrt(dx * dx + dy * dy) - circle[2], ZERO))
    return nearest


@wp.func
def touches(robot: Robot, rules: Rules):
    """Reward for touching obstacles and walls, each robot for itself."""
    return rules.weights.collision * Real(robot.collision) + rules.weights.wall * Real(robot.wall)


@wp.func
def pay(
    p: Robot,
    e: Robot,
    m: Match,
    before: Real,
    now: Real,
    cover: Real,
    ending: int,
    obstacles: wp.array2d(dtype=wp.vec3d),
    i: int,
    count: int,
    seen_at: wp.array2d(dtype=int),
    rules: Rules,
):
    """Rewards of pursuer and evader for the step that led to `p`, `e` and `m`.

    before, now: the distance; cover: the evader's distance from cover before the step.
    """
    w = rules.weights
    running = ending == RUNNING
    hidden = False
    if w.sight != ZERO or w.visibility != ZERO or w.occlusion != ZERO:
        hidden = blocked(p.x, p.y, e.x, e.y, obstacles, i, count)
    first = w.approach * (before - now) / rules.diagonal
    if ending == TIMEOUT:
        first += w.timeout
    elif not running:
        first += w.capture
    if running and now <= rules.sensing_range and not hidden:
        first += w.sight
    second = -first
    if running and w.visibility != ZERO and count > 0:
        second = wp.where(hidden, w.visibility, -w.visibility)
    elif hidden and (running or ending == TIMEOUT):
        second += w.occlusion
    if running:
        second += w.survival
        if count > 0 and w.cover != ZERO:
            second += w.cover * (cover - cover_distance(e, obstacles, i, count)) / rules.diagonal
    first += touches(p, rules)
    second += touches(e, rules)
    if w.search != ZERO and not visible(p, e, PURSUER, m.task, obstacles, i, count, rules):
        first += w.search * search(p, m.step, seen_at, obstacles, i, count, rules)
    return wp.vec2d(first, second)
