"""The kernels: one decision of every match, the start of episodes, and fresh observations."""

import warp as wp

from ..constants import RUNNING
from .bots import bot_call
from .bullets import bullets_tick, fire
from .flight import fighter_tick
from .layout import Bullet, Fighter, Match, Physics, Rules, Seat, count_bullets, load_fighter
from .observation import observe
from .reward import damage, judge, result, separation, shaping
from .spawn import begin, episode_seed

wp.set_module_options({"enable_backward": False})


@wp.func
def observe_match(
    out: wp.array3d(dtype=float),
    i: int,
    bullets: wp.array2d(dtype=Bullet),
    count: int,
    f0: Fighter,
    f1: Fighter,
    tick: int,
    p: Physics,
    rules: Rules,
):
    """Write both observations of match i."""
    observe(out, i, 0, bullets, count, f0, f1, tick, p, rules.egocentric)
    observe(out, i, 1, bullets, count, f1, f0, tick, p, rules.egocentric)


@wp.func
def finite(value: float):
    return wp.where(wp.isfinite(value), value, 0.0)


@wp.func
def take_action(seats: wp.array2d(dtype=Seat), actions: wp.array3d(dtype=float), i: int, number: int):
    """The seat with its player's action in force; components that are not finite count as 0."""
    seat = seats[i, number]
    if seat.bot == 0:
        seat.yaw = finite(actions[i, number, 0])
        seat.throttle = finite(actions[i, number, 1])
        seat.shoot = finite(actions[i, number, 2])
    return seat


@wp.func
def pay(
    reward: wp.array2d(dtype=float),
    i: int,
    f0: Fighter,
    f1: Fighter,
    lost: wp.vec2i,
    before: float,
    outcome: int,
    rules: Rules,
):
    """Add one evaluation of the reward terms to both seats. `lost`: hp lost by seat 0 and 1 since the last one."""
    now = separation(f0, f1)
    r0 = damage(lost[1], lost[0], rules) + shaping(f0, f1, before, now, rules) + result(0, outcome, rules)
    r1 = damage(lost[0], lost[1], rules) + shaping(f1, f0, before, now, rules) + result(1, outcome, rules)
    reward[i, 0] = reward[i, 0] + r0
    reward[i, 1] = reward[i, 1] + r1


@wp.kernel
def step_kernel(
    matches: wp.array(dtype=Match),
    fighters: wp.array2d(dtype=Fighter),
    bullets: wp.array2d(dtype=Bullet),
    seats: wp.array2d(dtype=Seat),
    physics: wp.array(dtype=Physics),
    rules: Rules,
    actions: wp.array3d(dtype=float),
    observation: wp.array3d(dtype=float),
    final_observation: wp.array3d(dtype=float),
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
    start = separation(f0, f1)
    before = float(start)
    reward[i, 0] = 0.0
    reward[i, 1] = 0.0
    for _k in range(rules.ticks_per_decision):
        if verdict[1] != RUNNING:
            break
        due = m.tick % rules.bot_period_ticks == 0
        seat0 = bot_call(seat0, 0, bullets, i, count, f0, f1, p, due)
        seat1 = bot_call(seat1, 1, bullets, i, count, f1, f0, p, due)
        f0 = fighter_tick(f0, seat0, p)
        count = fire(bullets, i, count, 0, f0, p)
        f1 = fighter_tick(f1, seat1, p)
        count = fire(bullets, i, count, 1, f1, p)
        hits = bullets_tick(bullets, i, count, f0, f1, p)
        f0.hp = f0.hp - hits[0]
        f1.hp = f1.hp - hits[1]
        f0.alive = wp.where(f0.hp > 0, f0.alive, 0)
        f1.alive = wp.where(f1.hp > 0, f1.alive, 0)
        count = hits[2]
        m.tick = m.tick + 1
        verdict = judge(f0, f1, m.tick)
        if not rules.reward_per_decision:
            pay(reward, i, f0, f1, wp.vec2i(hits[0], hits[1]), before, verdict[0], rules)
            before = separation(f0, f1)
    done[i] = playing and verdict[1] != RUNNING
    if playing:
        if rules.reward_per_decision:
            pay(reward, i, f0, f1, wp.vec2i(hp0 - f0.hp, hp1 - f1.hp), start, verdict[0], rules)
        m.decisions = m.decisions + 1
        matches[i] = m
        fighters[i, 0] = f0
        fighters[i, 1] = f1
        seats[i, 0] = seat0
        seats[i, 1] = seat1
        outcome[i] = verdict[0]
        ending[i] = verdict[1]
        decisions[i] = m.decisions
        observe_match(final_observation, i, bullets, count, f0, f1, m.tick, p, rules)
    if rules.same_step:
        if verdict[1] != RUNNING:
            seed = episode_seed(rules.base_seed, i, m.episode + 1)
            begin(matches, fighters, bullets, seats, physics, i, seed, rules.random_spawn)
            f0 = load_fighter(fighters, i, 0)
            f1 = load_fighter(fighters, i, 1)
            observe_match(observation, i, bullets, 0, f0, f1, 0, physics[i], rules)
        else:
            for k in range(observation.shape[2]):
                observation[i, 0, k] = final_observation[i, 0, k]
                observation[i, 1, k] = final_observation[i, 1, k]


@wp.kernel
def begin_kernel(
    matches: wp.array(dtype=Match),
    fighters: wp.array2d(dtype=Fighter),
    bullets: wp.array2d(dtype=Bullet),
    seats: wp.array2d(dtype=Seat),
    physics: wp.array(dtype=Physics),
    rules: Rules,
    slots: wp.array(dtype=int),
    seeds: wp.array(dtype=wp.uint64),
    seeded: bool,
    observation: wp.array3d(dtype=float),
):
    """Start new episodes in the given slots, with the given seeds or those of the game's own stream."""
    k = wp.tid()
    i = slots[k]
    seed = seeds[k]
    if not seeded:
        seed = episode_seed(rules.base_seed, i, matches[i].episode + 1)
    begin(matches, fighters, bullets, seats, physics, i, seed, rules.random_spawn)
    f0 = load_fighter(fighters, i, 0)
    f1 = load_fighter(fighters, i, 1)
    observe_match(observation, i, bullets, 0, f0, f1, 0, physics[i], rules)


@wp.kernel
def observe_kernel(
    matches: wp.array(dtype=Match),
    fighters: wp.array2d(dtype=Fighter),
    bullets: wp.array2d(dtype=Bullet),
    physics: wp.array(dtype=Physics),
    rules: Rules,
    observation: wp.array3d(dtype=float),
):
    """Fresh observations of all matches."""
    i = wp.tid()
    f0 = load_fighter(fighters, i, 0)
    f1 = load_fighter(fighters, i, 1)
    count = count_bullets(bullets, i)
    observe_match(observation, i, bullets, count, f0, f1, matches[i].tick, physics[i], rules)
