"""The kernels: one decision of every match, the start of episodes, and fresh observations."""

import warp as wp

from ...seeds import episode_seed
from ..constants import EVADER, PURSUER, RUNNING, TIMEOUT
from .layout import Match, Robot, Rules, distance, obstacle_count
from .observe import observe
from .play import Play, outcome_of, play_step
from .real import Real, finite
from .sensors import forget_frames, remember, show_history
from .spawn import begin

wp.set_module_options({"enable_backward": False})


@wp.func
def external(actions: wp.array3d(dtype=Real), i: int, seat: int):
    """The given action; components that are not finite count as 0."""
    return wp.vec2d(finite(actions[i, seat, 0]), finite(actions[i, seat, 1]))


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
    play = Play()
    play.m = matches[i]
    play.p = robots[i, PURSUER]
    play.e = robots[i, EVADER]
    play.apart = distance(play.p, play.e)
    count = obstacle_count(obstacles, i)
    given_p = external(actions, i, PURSUER)
    given_e = external(actions, i, EVADER)
    playing = play.m.over == 0
    for _k in range(r.steps_per_decision):
        if play.m.over != 0:
            break
        play = play_step(play, given_p, given_e, bots, obstacles, i, count, seen_at, r)
    done[i] = playing and play.verdict != RUNNING
    truncated[i] = playing and play.verdict == TIMEOUT and r.truncates
    terminated[i] = playing and play.verdict != RUNNING and not (play.verdict == TIMEOUT and r.truncates)
    reward[i, 0] = float(play.earned[0])
    reward[i, 1] = float(play.earned[1])
    if playing:
        play.m.decisions = play.m.decisions + 1
        matches[i] = play.m
        robots[i, PURSUER] = play.p
        robots[i, EVADER] = play.e
        outcome[i] = outcome_of(play.m, play.verdict)
        ending[i] = play.verdict
        decisions[i] = play.m.decisions
        show(seen, history, i, play.m, play.p, play.e, obstacles, count, r)
        if r.same_step:
            for seat in range(2):
                for k in range(seen.shape[2]):
                    final[i, seat, k] = seen[i, seat, k]
    if play.m.over != 0 and r.same_step:
        seed = episode_seed(r.base_seed, i, play.m.episode + 1)
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
