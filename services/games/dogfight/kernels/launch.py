"""The kernels: one decision of every match, the start of episodes, and fresh observations."""

import warp as wp

from ...seeds import episode_seed
from ..constants import RUNNING
from .bots import bot_call
from .frame import Frame, remember
from .layout import (
    Bullet,
    Draws,
    Fighter,
    Match,
    Physics,
    Rules,
    Seat,
    count_bullets,
    load_fighter,
    load_physics,
)
from .limits import finite
from .outlet import Outlet, show
from .reward import judge, pay, separation
from .sight import observe
from .spawn import begin
from .tick import play_tick

wp.set_module_options({"enable_backward": False})


@wp.func
def show_match(
    matches: wp.array(dtype=Match),
    fighters: wp.array2d(dtype=Fighter),
    bullets: wp.array2d(dtype=Bullet),
    physics: wp.array(dtype=Physics),
    history: wp.array3d(dtype=Frame),
    rules: Rules,
    seen: Outlet,
    i: int,
):
    """Hand out both observations of a stored match."""
    f0 = load_fighter(fighters, i, 0)
    f1 = load_fighter(fighters, i, 1)
    p = load_physics(physics, i, rules)
    count = count_bullets(bullets, i)
    m = matches[i]
    row0 = observe(bullets, i, count, 0, f0, f1, m.tick, p)
    row1 = observe(bullets, i, count, 1, f1, f0, m.tick, p)
    if rules.competition > 0:
        remember(history, i, m.decisions, row0, row1, f0, f1, p)
    show(seen, history, i, 0, m.decisions, row0, p, rules)
    show(seen, history, i, 1, m.decisions, row1, p, rules)


@wp.func
def take_action(seats: wp.array2d(dtype=Seat), actions: wp.array3d(dtype=float), i: int, number: int):
    """The seat with its player's action in force; components that are not finite count as 0."""
    seat = seats[i, number]
    if seat.bot == 0:
        seat.yaw = finite(actions[i, number, 0])
        seat.throttle = finite(actions[i, number, 1])
        seat.shoot = finite(actions[i, number, 2])
    return seat


@wp.kernel
def step_kernel(
    matches: wp.array(dtype=Match),
    fighters: wp.array2d(dtype=Fighter),
    bullets: wp.array2d(dtype=Bullet),
    seats: wp.array2d(dtype=Seat),
    physics: wp.array(dtype=Physics),
    history: wp.array3d(dtype=Frame),
    draws: wp.array(dtype=Draws),
    rules: Rules,
    actions: wp.array3d(dtype=float),
    seen: Outlet,
    final: Outlet,
    reward: wp.array2d(dtype=float),
    done: wp.array(dtype=bool),
    outcome: wp.array(dtype=int),
    ending: wp.array(dtype=int),
    decisions: wp.array(dtype=int),
):
    """One decision of every match: up to `ticks_per_decision` ticks, reward and observation.

    A match that was already over stands still, or restarts in same_step mode.
    """
    i = wp.tid()
    m = matches[i]
    p = physics[i]
    f0 = load_fighter(fighters, i, 0)
    f1 = load_fighter(fighters, i, 1)
    seat0 = take_action(seats, actions, i, 0)
    seat1 = take_action(seats, actions, i, 1)
    count = int(count_bullets(bullets, i))
    verdict = judge(f0, f1, m.tick)
    playing = verdict[1] == RUNNING
    hp0 = f0.hp
    hp1 = f1.hp
    start = separation(f0, f1, p)
    before = float(start)
    earned = wp.vec2(0.0, 0.0)
    for _k in range(rules.ticks_per_decision):
        if verdict[1] != RUNNING:
            break
        due = m.tick % rules.bot_period_ticks == 0
        seat0 = bot_call(seat0, 0, bullets, i, count, f0, f1, p, due)
        seat1 = bot_call(seat1, 1, bullets, i, count, f1, f0, p, due)
        was0 = f0.hp
        was1 = f1.hp
        f0, f1, count = play_tick(f0, f1, seat0, seat1, bullets, i, count, p)
        m.tick = m.tick + 1
        verdict = judge(f0, f1, m.tick)
        if not rules.reward_per_decision:
            now = separation(f0, f1, p)
            earned += pay(f0, f1, was0 - f0.hp, was1 - f1.hp, before, now, verdict[0], p, rules)
            before = now
    done[i] = playing and verdict[1] != RUNNING
    if playing:
        if rules.reward_per_decision:
            earned = pay(f0, f1, hp0 - f0.hp, hp1 - f1.hp, start, separation(f0, f1, p), verdict[0], p, rules)
        m.decisions = m.decisions + 1
        matches[i] = m
        fighters[i, 0] = f0
        fighters[i, 1] = f1
        seats[i, 0] = seat0
        seats[i, 1] = seat1
        outcome[i] = verdict[0]
        ending[i] = verdict[1]
        decisions[i] = m.decisions
        row0 = observe(bullets, i, count, 0, f0, f1, m.tick, p)
        row1 = observe(bullets, i, count, 1, f1, f0, m.tick, p)
        if rules.competition > 0:
            remember(history, i, m.decisions, row0, row1, f0, f1, p)
        show(seen, history, i, 0, m.decisions, row0, p, rules)
        show(seen, history, i, 1, m.decisions, row1, p, rules)
        if rules.same_step:
            show(final, history, i, 0, m.decisions, row0, p, rules)
            show(final, history, i, 1, m.decisions, row1, p, rules)
    reward[i, 0] = earned[0]
    reward[i, 1] = earned[1]
    if rules.same_step and verdict[1] != RUNNING:
        seed = episode_seed(rules.base_seed, i, m.episode + 1)
        begin(matches, fighters, bullets, seats, physics, history, draws, i, seed, rules)
        show_match(matches, fighters, bullets, physics, history, rules, seen, i)


@wp.kernel
def begin_kernel(
    matches: wp.array(dtype=Match),
    fighters: wp.array2d(dtype=Fighter),
    bullets: wp.array2d(dtype=Bullet),
    seats: wp.array2d(dtype=Seat),
    physics: wp.array(dtype=Physics),
    history: wp.array3d(dtype=Frame),
    draws: wp.array(dtype=Draws),
    rules: Rules,
    slots: wp.array(dtype=int),
    seeds: wp.array(dtype=wp.uint64),
    seeded: bool,
    seen: Outlet,
):
    """Start new episodes in the given slots, with the given seeds or those of the game's own stream."""
    k = wp.tid()
    i = slots[k]
    seed = seeds[k]
    if not seeded:
        seed = episode_seed(rules.base_seed, i, matches[i].episode + 1)
    begin(matches, fighters, bullets, seats, physics, history, draws, i, seed, rules)
    show_match(matches, fighters, bullets, physics, history, rules, seen, i)


@wp.kernel
def observe_kernel(
    matches: wp.array(dtype=Match),
    fighters: wp.array2d(dtype=Fighter),
    bullets: wp.array2d(dtype=Bullet),
    physics: wp.array(dtype=Physics),
    history: wp.array3d(dtype=Frame),
    rules: Rules,
    seen: Outlet,
):
    """Fresh observations of all matches."""
    show_match(matches, fighters, bullets, physics, history, rules, seen, wp.tid())
