"""Holding the kernels against the reference: one decision at a time, from the same state.

Free-running comparison diverges, so every decision starts the reference from the kernels' state before it
(re-synchronising). float32 and float64 may fall on different sides of a threshold; such a knife edge is told apart from
a defect by nudging the state by one part in a million: the reference must then agree.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, fields
from math import pi
from typing import Any

import numpy as np

from . import dogfight_reference as reference
from .dogfight_reference import PHYSICS, Bullet, Fighter, Memory, World
from .dogfight_reference_bots import call

BOT_NAMES = ("", "do_nothing", "chaser", "dogfighter", "ace", "brawler")
STATE_TOLERANCE, OBSERVATION_TOLERANCE, REWARD_TOLERANCE = 5e-3, 1e-4, 2e-3
NUDGES = 12
Arrays = Mapping[str, np.ndarray]


@dataclass
class Rules:
    """The parameters of `make` that change what a decision does."""

    weights: dict[str, float]
    reward_every: str = "tick"
    bot_period_ticks: int = 1
    ticks_per_decision: int = 10


@dataclass
class Played:
    """A decision as the reference plays it."""

    world: World
    memories: list[Memory]
    rewards: list[float]
    outcome: int
    ending: int


def world_of(state: Arrays, i: int) -> World:
    fighters = [Fighter(**{f.name: state[f.name][i, seat].item() for f in fields(Fighter)}) for seat in (0, 1)]
    bullets = [
        Bullet(**{f.name: state[f"bullet_{f.name}"][i, j].item() for f in fields(Bullet)})
        for j in range(state["bullet_ticks"].shape[1])
        if state["bullet_ticks"][i, j] > 0
    ]
    physics = {name: state[name][i].item() for name in PHYSICS}
    competition = "frames" in state
    previous = [previous_of(state, i, seat) for seat in (0, 1)] if competition else []
    return World(fighters, bullets, int(state["tick"][i]), physics, competition, previous)


def previous_of(state: Arrays, i: int, seat: int) -> tuple[float, float, float]:
    x, y, yaw = (float(state[f"previous_{name}"][i, seat]) for name in ("x", "y", "yaw"))
    return x, y, yaw


def memory_of(state: Arrays, i: int, seat: int) -> Memory:
    return Memory(**{f.name: int(state[f"bot_{f.name}"][i, seat]) for f in fields(Memory)})


def nudged(world: World, generator: random.Random) -> World:
    moved = deepcopy(world)
    for thing in (*moved.fighters, *moved.bullets):
        for name in ("x", "y", "yaw", "speed", "vx", "vy"):
            if hasattr(thing, name):
                value = getattr(thing, name)
                setattr(thing, name, value + 1e-6 * (abs(value) + 0.1) * generator.uniform(-1, 1))
    return moved


def play(world: World, state: Arrays, i: int, actions: np.ndarray, rules: Rules) -> Played:
    """One decision of match i from `world`; bots and their memory as in `state`, external actions [2, 3]."""
    world = deepcopy(world)
    memories = [memory_of(state, i, seat) for seat in (0, 1)]
    held: list[tuple[float, float, float]] = []
    for seat in (0, 1):
        last = tuple(float(state[f"action_{name}"][i, seat]) for name in ("yaw", "throttle", "shoot"))
        external = tuple(float(a) for a in actions[seat])
        held.append(last if state["bot"][i, seat] else external)  # type: ignore[arg-type]
    rewards = [0.0, 0.0]
    start, start_hp = world.distance(), [f.hp for f in world.fighters]
    for _ in range(rules.ticks_per_decision):
        if world.verdict()[1]:
            break
        if world.tick % rules.bot_period_ticks == 0:
            for seat in (0, 1):
                if bot := BOT_NAMES[state["bot"][i, seat]]:
                    held[seat] = call(bot, world, seat, memories[seat])
        before, hp = world.distance(), [f.hp for f in world.fighters]
        world.play_tick(held)
        lost = [then - f.hp for then, f in zip(hp, world.fighters, strict=True)]
        for seat in (0, 1):
            rewards[seat] += world.reward(seat, before, lost, rules.weights)
    if rules.reward_every == "decision":
        lost = [then - f.hp for then, f in zip(start_hp, world.fighters, strict=True)]
        rewards = [world.reward(seat, start, lost, rules.weights) for seat in (0, 1)]
    return Played(world, memories, rewards, *world.verdict())


def angle_gap(a: Any, b: Any) -> Any:
    return np.abs((np.asarray(a) - np.asarray(b) + pi) % (2 * pi) - pi)


BEARINGS = {46: [*range(16, 45, 4)], 56: [*range(22, 51, 4), 18, 51, 52]}
"""size of an observation -> its angles in half turns, of which −1 and 1 are the same"""


def observation_gap(seen: np.ndarray, expected: list[float]) -> float:
    size = len(expected)
    gap = np.abs(seen[:size] - np.array(expected))
    angles = gap[BEARINGS[size]] % 2
    gap[BEARINGS[size]] = np.minimum(angles, 2 - angles)
    if size == 56 and expected[14] < 1e-3:
        gap[[18, 51, 52]] = 0  # the direction to somebody less than a metre away hangs on float32's last bits
    return float(gap.max())


def history_kept(before: Arrays, observation: np.ndarray, i: int, seat: int) -> bool:
    """Whether the older frames of a stack of four are bit for bit those that were newer before this decision."""
    decision = int(before["decisions"][i])
    older = [before["frames"][i, seat, (decision - k) % 4] for k in range(3)]
    return np.array_equal(observation[56:].reshape(3, 56), older)


def differences(played: Played, after: Arrays, i: int, step: Any) -> list[str]:
    """What the kernel has otherwise than the reference in match i; `step`: what game.step returned."""
    found = []
    observation, reward, info = step[0][i], step[1][i], step[4]
    if (info.outcome[i], info.ending[i], info.done[i]) != (played.outcome, played.ending, played.ending > 0):
        found.append(f"ending {info.ending[i]} with outcome {info.outcome[i]}, done {info.done[i]}")
    for seat, fighter in enumerate(played.world.fighters):
        for f in fields(Fighter):
            seen, expected = after[f.name][i, seat], getattr(fighter, f.name)
            gap = angle_gap(seen, expected) if f.name == "yaw" else abs(float(seen) - float(expected))
            if f.name == "x" and played.world.competition:
                gap = abs(played.world.short(float(seen) - float(expected)))
            if gap > STATE_TOLERANCE:
                found.append(f"{f.name} of seat {seat}: {seen} instead of {expected}")
        expected = played.world.frame(seat) if played.world.competition else played.world.observe(seat)
        if observation_gap(observation[seat], expected) > OBSERVATION_TOLERANCE:
            found.append(f"observation of seat {seat}")
        row = [float(x) for x in observation[seat, : len(expected)]]
        shown = observation[seat, len(expected) :]
        speeds = [played.world.physics[name] for name in ("max_speed", "bullet_speed")] if len(shown) == 33 else []
        features = reference.egocentric(reference.sight(row) if played.world.competition else row, *speeds)
        if len(shown) in (20, 33) and np.abs(shown[:20] - features).max() > OBSERVATION_TOLERANCE:
            found.append(f"egocentric features of seat {seat}")
        if abs(reward[seat] - played.rewards[seat]) > REWARD_TOLERANCE:
            found.append(f"reward of seat {seat}: {reward[seat]} instead of {played.rewards[seat]}")
        if after["bot"][i, seat] and memory_of(after, i, seat) != played.memories[seat]:
            found.append(f"memory of seat {seat}: {memory_of(after, i, seat)} instead of {played.memories[seat]}")
    seen_bullets = world_of(after, i).bullets
    if len(seen_bullets) != len(played.world.bullets):
        return [*found, f"{len(seen_bullets)} bullets instead of {len(played.world.bullets)}"]
    for one, other in zip(seen_bullets, played.world.bullets, strict=True):
        if any(abs(getattr(one, f.name) - getattr(other, f.name)) > STATE_TOLERANCE for f in fields(Bullet)):
            found.append(f"bullet {one} instead of {other}")
    if int(after["tick"][i]) != played.world.tick:
        found.append("tick")
    return found


def compare(
    before: Arrays, after: Arrays, i: int, actions: np.ndarray, step: Any, rules: Rules
) -> tuple[list[str], bool]:
    """Differences in match i between kernel and reference over one decision; whether it took a nudge to agree."""
    world = world_of(before, i)
    first = differences(play(world, before, i, actions[i], rules), after, i, step)
    if not first:
        return [], False
    generator = random.Random(0)
    for _ in range(NUDGES):
        played = play(nudged(world, generator), before, i, actions[i], rules)
        if not differences(played, after, i, step):
            return [], True
    return first, True
