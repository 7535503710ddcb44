"""The kernels: one decision of every match, the start of episodes, and fresh observations."""

import warp as wp

from ..constants import RUNNING
from .bots import bot_action
from .bullets import bullets_tick, fire
from .flight import fighter_tick
from .layout import (
    Fighter,
    Outputs,
    Physics,
    PhysicsArrays,
    Rules,
    State,
    count_bullets,
    load_fighter,
    load_physics,
    store_fighter,
)
from .observation import observe
from .reward import damage, judge, result, separation, shaping
from .spawn import begin, episode_seed

wp.set_module_options({"enable_backward": False})


@wp.func
def observe_match(out: wp.array3d(dtype=float), s: State, physics: PhysicsArrays, rules: Rules, i: int):
    """Write both observations of match i from its stored state."""
    p = load_physics(physics, i)
    f0 = load_fighter(s, i, 0)
    f1 = load_fighter(s, i, 1)
    count = count_bullets(s, i)
    observe(out, i, 0, s, count, f0, f1, s.tick[i], p, rules.egocentric)
    observe(out, i, 1, s, count, f1, f0, s.tick[i], p, rules.egocentric)


@wp.func
def finite(value: float):
    return wp.where(wp.isfinite(value), value, 0.0)


@wp.func
def clean_action(actions: wp.array3d(dtype=float), i: int, seat: int):
    """The external action of a seat; components that are no numbers count as 0."""
    return wp.vec3(finite(actions[i, seat, 0]), finite(actions[i, seat, 1]), finite(actions[i, seat, 2]))


@wp.func
def seat_action(
    s: State,
    i: int,
    count: int,
    seat: int,
    tick: int,
    me: Fighter,
    other: Fighter,
    external: wp.vec3,
    p: Physics,
    rules: Rules,
):
    """The action of a seat in this tick: the player's, or the bot's, which decides every `bot_period_ticks`."""
    bot = s.bot[i, seat]
    if bot == 0:
        return external
    if tick % rules.bot_period_ticks == 0:
        s.bot_action[i, seat] = bot_action(s, i, count, seat, bot, me, other, p)
    return s.bot_action[i, seat]


@wp.func
def pay(out: Outputs, i: int, f0: Fighter, f1: Fighter, hits: wp.vec2i, before: float, outcome: int, rules: Rules):
    """Add one evaluation of the reward terms to both seats. `hits`: lost hp of seat 0 and 1."""
    now = separation(f0, f1)
    r0 = damage(hits[1], hits[0], rules) + shaping(f0, f1, before, now, rules) + result(0, outcome, rules)
    r1 = damage(hits[0], hits[1], rules) + shaping(f1, f0, before, now, rules) + result(1, outcome, rules)
    out.reward[i, 0] = out.reward[i, 0] + r0
    out.reward[i, 1] = out.reward[i, 1] + r1


@wp.func
def play_decision(
    s: State, physics: PhysicsArrays, rules: Rules, actions: wp.array3d(dtype=float), out: Outputs, i: int
):
    """Up to `ticks_per_decision` ticks of match i; stops when the match ends. Returns (outcome, ending)."""
    p = load_physics(physics, i)
    f0 = load_fighter(s, i, 0)
    f1 = load_fighter(s, i, 1)
    external0 = clean_action(actions, i, 0)
    external1 = clean_action(actions, i, 1)
    count = int(count_bullets(s, i))
    tick = int(s.tick[i])
    verdict = judge(f0, f1, tick)
    hp0 = f0.hp
    hp1 = f1.hp
    start = separation(f0, f1)
    before = float(start)
    for _k in range(rules.ticks_per_decision):
        if verdict[1] == RUNNING:
            action0 = seat_action(s, i, count, 0, tick, f0, f1, external0, p, rules)
            action1 = seat_action(s, i, count, 1, tick, f1, f0, external1, p, rules)
            f0 = fighter_tick(f0, action0, p)
            count = fire(s, i, count, 0, f0, p)
            f1 = fighter_tick(f1, action1, p)
            count = fire(s, i, count, 1, f1, p)
            hits = bullets_tick(s, i, count, f0, f1, p)
            f0.hp = f0.hp - hits[0]
            f1.hp = f1.hp - hits[1]
            f0.alive = f0.alive and f0.hp > 0
            f1.alive = f1.alive and f1.hp > 0
            count = hits[2]
            tick += 1
            verdict = judge(f0, f1, tick)
            if rules.reward_per_decision == 0:
                pay(out, i, f0, f1, wp.vec2i(hits[0], hits[1]), before, verdict[0], rules)
                before = separation(f0, f1)
    if rules.reward_per_decision > 0:
        pay(out, i, f0, f1, wp.vec2i(hp0 - f0.hp, hp1 - f1.hp), start, verdict[0], rules)
    store_fighter(s, i, 0, f0)
    store_fighter(s, i, 1, f1)
    s.tick[i] = tick
    s.decisions[i] = s.decisions[i] + 1
    observe(out.final_observation, i, 0, s, count, f0, f1, tick, p, rules.egocentric)
    observe(out.final_observation, i, 1, s, count, f1, f0, tick, p, rules.egocentric)
    return verdict


@wp.func
def is_over(s: State, i: int):
    verdict = judge(load_fighter(s, i, 0), load_fighter(s, i, 1), s.tick[i])
    return verdict[1] != RUNNING


@wp.func
def renew(s: State, physics: PhysicsArrays, rules: Rules, out: Outputs, i: int):
    """Start the next episode of slot i inside a step."""
    s.episode[i] = s.episode[i] + 1
    begin(s, physics, i, episode_seed(rules.base_seed, i, s.episode[i]), rules.random_spawn)
    observe_match(out.observation, s, physics, rules, i)


@wp.kernel
def step_kernel(
    s: State, physics: PhysicsArrays, rules: Rules, actions: wp.array3d(dtype=float), out: Outputs
):
    """One decision of every match. A match that is already over stands still."""
    i = wp.tid()
    out.reward[i, 0] = 0.0
    out.reward[i, 1] = 0.0
    out.done[i] = False
    if is_over(s, i):
        return
    verdict = play_decision(s, physics, rules, actions, out, i)
    out.outcome[i] = verdict[0]
    out.ending[i] = verdict[1]
    out.decisions[i] = s.decisions[i]
    out.done[i] = verdict[1] != RUNNING
    if rules.same_step > 0:
        if verdict[1] != RUNNING:
            renew(s, physics, rules, out, i)
        else:
            for seat in range(2):
                for k in range(out.observation.shape[2]):
                    out.observation[i, seat, k] = out.final_observation[i, seat, k]


@wp.kernel
def begin_kernel(
    s: State,
    physics: PhysicsArrays,
    rules: Rules,
    matches: wp.array(dtype=int),
    seeds: wp.array(dtype=wp.uint64),
    seeded: int,
    out: Outputs,
):
    """Start new episodes in the given slots, with the given seeds or those of the game's own stream."""
    k = wp.tid()
    i = matches[k]
    s.episode[i] = s.episode[i] + 1
    seed = seeds[k]
    if seeded == 0:
        seed = episode_seed(rules.base_seed, i, s.episode[i])
    begin(s, physics, i, seed, rules.random_spawn)
    observe_match(out.observation, s, physics, rules, i)


@wp.kernel
def observe_kernel(s: State, physics: PhysicsArrays, rules: Rules, out: Outputs):
    """Fresh observations of all matches."""
    observe_match(out.observation, s, physics, rules, wp.tid())
