"""The kernels: one decision of every match, the start of episodes, and fresh observations."""

import warp as wp

from ...dogfight.kernels.seeds import episode_seed
from ..constants import (
    ALL_GOALS,
    CAPTURE,
    EVADER,
    GOAL_RADIUS,
    GOAL_TASK,
    GOALS,
    OUTCOME_DRAW,
    OUTCOME_EVADER,
    OUTCOME_PURSUER,
    OUTCOME_RUNNING,
    PURSUER,
    RUNNING,
    TIMEOUT,
)
from .bots import NAVIGATOR, bot_action
from .layout import Match, Robot, Rules, distance, obstacle_count
from .motion import allowed, driven, wanted
from .navigation import goal, navigation_reward
from .observe import observe
from .real import ZERO, Real, finite
from .reward import cover_distance, pay
from .safety import filtered, intervened
from .sensors import forget_frames, remember, show_history
from .spawn import begin

wp.set_module_options({"enable_backward": False})

AT_GOAL = wp.constant(Real(GOAL_RADIUS))


@wp.func
def external(actions: wp.array3d(dtype=Real), i: int, seat: int):
    """The given action; components that are not finite count as 0."""
    return wp.vec2d(finite(actions[i, seat, 0]), finite(actions[i, seat, 1]))


@wp.func
def chosen(
    given: wp.vec2d,
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
    """What the robot in `seat` is told to do in this step, within its limits. The rules drive navigation's pursuer."""
    action = wanted(given, seat, r)
    if r.navigation and seat == PURSUER:
        bot = wp.where(m.task == GOAL_TASK, -1, NAVIGATOR)
    if bot != 0:
        action = bot_action(bot, seat, me, other, m, obstacles, i, count, r)
    return allowed(action, seat, r)


@wp.func
def judge(m: Match, apart: Real, r: Rules):
    """How the match stands: an index of ENDINGS."""
    if m.task == GOAL_TASK:
        if m.goals >= GOALS:
            return ALL_GOALS
    elif apart <= r.capture_radius:
        return CAPTURE
    if m.step >= r.max_steps:
        return TIMEOUT
    return RUNNING


@wp.func
def outcome_of(m: Match, ending: int):
    """Who won; nobody where goals were left."""
    if ending == CAPTURE:
        return OUTCOME_PURSUER
    if ending == ALL_GOALS:
        return OUTCOME_EVADER
    if ending == TIMEOUT:
        return wp.where(m.task == GOAL_TASK, OUTCOME_DRAW, OUTCOME_EVADER)
    return OUTCOME_RUNNING


@wp.func
def show(
    out: wp.array3d(dtype=float),
    history: wp.array4d(dtype=float),
    i: int,
    m: Match,
    p: Robot,
    e: Robot,
    obstacles: wp.array2d(dtype=wp.vec3d),
    count: int,
    r: Rules,
):
    """Both observations of match i."""
    if r.sensor:
        remember(history, i, 0, p, e, m, obstacles, count, r)
        remember(history, i, 1, e, p, m, obstacles, count, r)
        show_history(out, history, i, 0, m.decisions)
        show_history(out, history, i, 1, m.decisions)
    else:
        observe(out, i, 0, p, e, m, obstacles, count, r)
        observe(out, i, 1, e, p, m, obstacles, count, r)


@wp.func
def show_stored(
    matches: wp.array(dtype=Match),
    robots: wp.array2d(dtype=Robot),
    obstacles: wp.array2d(dtype=wp.vec3d),
    history: wp.array4d(dtype=float),
    seen: wp.array3d(dtype=float),
    i: int,
    r: Rules,
):
    """Both observations of the match stored in slot i."""
    show(seen, history, i, matches[i], robots[i, 0], robots[i, 1], obstacles, obstacle_count(obstacles, i), r)


@wp.func
def restart(
    matches: wp.array(dtype=Match),
    robots: wp.array2d(dtype=Robot),
    obstacles: wp.array2d(dtype=wp.vec3d),
    seen_at: wp.array2d(dtype=int),
    history: wp.array4d(dtype=float),
    seen: wp.array3d(dtype=float),
    i: int,
    seed: wp.uint64,
    r: Rules,
):
    """Begin the episode of `seed` in slot i and show it."""
    begin(matches, robots, obstacles, seen_at, i, seed, r)
    if r.sensor:
        forget_frames(history, i)
    show_stored(matches, robots, obstacles, history, seen, i, r)


@wp.kernel
def step_kernel(
    matches: wp.array(dtype=Match),
    robots: wp.array2d(dtype=Robot),
    bots: wp.array2d(dtype=int),
    obstacles: wp.array2d(dtype=wp.vec3d),
    seen_at: wp.array2d(dtype=int),
    history: wp.array4d(dtype=float),
    r: Rules,
    actions: wp.array3d(dtype=Real),
    seen: wp.array3d(dtype=float),
    final: wp.array3d(dtype=float),
    reward: wp.array2d(dtype=float),
    terminated: wp.array(dtype=bool),
    truncated: wp.array(dtype=bool),
    done: wp.array(dtype=bool),
    outcome: wp.array(dtype=int),
    ending: wp.array(dtype=int),
    decisions: wp.array(dtype=int),
):
    """One decision of every match: up to `steps_per_decision` steps, reward and observation.

    A match that was already over stands still, or restarts in same_step mode.
    """
    i = wp.tid()
    m = matches[i]
    p = robots[i, PURSUER]
    e = robots[i, EVADER]
    count = obstacle_count(obstacles, i)
    playing = m.over == 0
    verdict = int(0)
    if not playing:
        verdict = ending[i]
    first = Real(0.0)
    second = Real(0.0)
    given_p = external(actions, i, PURSUER)
    given_e = external(actions, i, EVADER)
    apart = distance(p, e)
    for _k in range(r.steps_per_decision):
        if m.over != 0:
            break
        act_p = chosen(given_p, bots[i, PURSUER], PURSUER, p, e, m, obstacles, i, count, r)
        act_e = chosen(given_e, bots[i, EVADER], EVADER, e, p, m, obstacles, i, count, r)
        if r.safety_filter and m.task != GOAL_TASK:
            safe = filtered(act_p, p, e, obstacles, i, count, r)
            m.interventions = m.interventions + intervened(act_p, safe)
            act_p = allowed(safe, PURSUER, r)
        if m.step < r.prep_steps:
            act_p[0] = ZERO
        cover = cover_distance(e, obstacles, i, count)
        p = driven(p, act_p, obstacles, i, wp.where(m.task == GOAL_TASK, 0, count), r)
        e = driven(e, act_e, obstacles, i, count, r)
        m.step = m.step + 1
        now = distance(p, e)
        m.min_distance = wp.min(m.min_distance, now)
        if m.task == GOAL_TASK and now < AT_GOAL:
            m.goals = m.goals + 1
        verdict = judge(m, now, r)
        if r.navigation:
            at_goal = m.task == GOAL_TASK and now < AT_GOAL
            second += navigation_reward(e, m.task, now, at_goal or verdict == CAPTURE, r)
            if at_goal and verdict == RUNNING:
                p = goal(m.seed, m.goals, obstacles, i, count, r)
                now = distance(p, e)
        else:
            pair = pay(p, e, m, apart, now, cover, verdict, obstacles, i, count, seen_at, r)
            first += pair[0]
            second += pair[1]
        apart = now
        m.over = wp.where(verdict != RUNNING, 1, 0)
    over = playing and verdict != RUNNING
    done[i] = over
    timed_out = over and verdict == TIMEOUT and r.truncates
    truncated[i] = timed_out
    terminated[i] = over and not timed_out
    reward[i, 0] = float(first)
    reward[i, 1] = float(second)
    if playing:
        m.decisions = m.decisions + 1
        matches[i] = m
        robots[i, PURSUER] = p
        robots[i, EVADER] = e
        outcome[i] = outcome_of(m, verdict)
        ending[i] = verdict
        decisions[i] = m.decisions
        show(seen, history, i, m, p, e, obstacles, count, r)
        if r.same_step:
            for seat in range(2):
                for k in range(seen.shape[2]):
                    final[i, seat, k] = seen[i, seat, k]
    if m.over != 0 and r.same_step:
        seed = episode_seed(r.base_seed, i, m.episode + 1)
        restart(matches, robots, obstacles, seen_at, history, seen, i, seed, r)


@wp.kernel
def begin_kernel(
    matches: wp.array(dtype=Match),
    robots: wp.array2d(dtype=Robot),
    bots: wp.array2d(dtype=int),
    obstacles: wp.array2d(dtype=wp.vec3d),
    seen_at: wp.array2d(dtype=int),
    history: wp.array4d(dtype=float),
    r: Rules,
    slots: wp.array(dtype=int),
    seeds: wp.array(dtype=wp.uint64),
    seeded: bool,
    seen: wp.array3d(dtype=float),
):
    """Start new episodes in the given slots, with the given seeds or those of the game's own stream."""
    k = wp.tid()
    i = slots[k]
    seed = seeds[k]
    if not seeded:
        seed = episode_seed(r.base_seed, i, matches[i].episode + 1)
    restart(matches, robots, obstacles, seen_at, history, seen, i, seed, r)


@wp.kernel
def observe_kernel(
    matches: wp.array(dtype=Match),
    robots: wp.array2d(dtype=Robot),
    obstacles: wp.array2d(dtype=wp.vec3d),
    history: wp.array4d(dtype=float),
    r: Rules,
    seen: wp.array3d(dtype=float),
):
    """Fresh observations of all matches."""
    show_stored(matches, robots, obstacles, history, seen, wp.tid(), r)
