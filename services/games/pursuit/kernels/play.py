"""One step of one match: actions, motion, how it stands, rewards."""

import warp as wp

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
from .layout import Match, Robot, Rules, distance
from .motion import allowed, driven, wanted
from .navigation import goal, navigation_reward
from .real import ZERO, Real
from .reward import cover_distance, pay
from .safety import filtered, intervened

AT_GOAL = wp.constant(Real(GOAL_RADIUS))


@wp.struct
class Play:
    """A match in play: its state, the rewards of the decision so far, the distance, how it stands."""

    m: Match
    p: Robot
    e: Robot
    earned: wp.vec2d
    apart: Real
    verdict: int
    pad: int  # no holes in the struct


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
def orders(
    play: Play,
    given_p: wp.vec2d,
    given_e: wp.vec2d,
    bots: wp.array2d(dtype=int),
    obstacles: wp.array2d(dtype=wp.vec3d),
    i: int,
    count: int,
    r: Rules,
):
    """What both are told to do, before the safety filter: (v, ω) of the pursuer, then of the evader."""
    p = chosen(given_p, bots[i, PURSUER], PURSUER, play.p, play.e, play.m, obstacles, i, count, r)
    e = chosen(given_e, bots[i, EVADER], EVADER, play.e, play.p, play.m, obstacles, i, count, r)
    return wp.vec4d(p[0], p[1], e[0], e[1])


@wp.func
def moved(
    play: Play,
    order: wp.vec4d,
    obstacles: wp.array2d(dtype=wp.vec3d),
    i: int,
    count: int,
    r: Rules,
):
    """Both robots and the clock one step later. A goal is no body: obstacles do not push it."""
    act = wp.vec2d(order[0], order[1])
    touchable = count
    if play.m.task == GOAL_TASK:
        touchable = 0
    elif r.safety_filter:
        safe = filtered(act, play.p, play.e, obstacles, i, count, r)
        play.m.interventions = play.m.interventions + intervened(act, safe)
        act = allowed(safe, PURSUER, r)
    if play.m.step < r.prep_steps:
        act[0] = ZERO
    play.p = driven(play.p, act, obstacles, i, touchable, r)
    play.e = driven(play.e, wp.vec2d(order[2], order[3]), obstacles, i, count, r)
    play.m.step = play.m.step + 1
    return play


@wp.func
def navigated(play: Play, now: Real, obstacles: wp.array2d(dtype=wp.vec3d), i: int, count: int, r: Rules):
    """The step of a navigation episode judged and paid; a reached goal moves on."""
    at_goal = play.m.task == GOAL_TASK and now < AT_GOAL
    play.m.goals = play.m.goals + wp.where(at_goal, 1, 0)
    play.verdict = judge(play.m, now, r)
    play.earned[1] += navigation_reward(play.e, play.m.task, now, at_goal or play.verdict == CAPTURE, r)
    if at_goal and play.verdict == RUNNING:
        play.p = goal(play.m.seed, play.m.goals, obstacles, i, count, r)
    return play


@wp.func
def play_step(
    play: Play,
    given_p: wp.vec2d,
    given_e: wp.vec2d,
    bots: wp.array2d(dtype=int),
    obstacles: wp.array2d(dtype=wp.vec3d),
    i: int,
    count: int,
    seen_at: wp.array2d(dtype=int),
    r: Rules,
):
    """The match one step later."""
    cover = cover_distance(play.e, obstacles, i, count)
    order = orders(play, given_p, given_e, bots, obstacles, i, count, r)
    play = moved(play, order, obstacles, i, count, r)
    now = distance(play.p, play.e)
    play.m.min_distance = wp.min(play.m.min_distance, now)
    if r.navigation:
        play = navigated(play, now, obstacles, i, count, r)
    else:
        play.verdict = judge(play.m, now, r)
        play.earned += pay(
            play.p, play.e, play.m, play.apart, now, cover, play.verdict, obstacles, i, count, seen_at, r
        )
    play.m.over = wp.where(play.verdict != RUNNING, 1, 0)
    play.apart = distance(play.p, play.e)
    return play
