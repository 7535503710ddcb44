"""Holding the kernels against the reference: one decision at a time, from the same state.

Both sides work in float64, so what differs by more than rounding is a defect; no threshold needs slack.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import pi
from typing import Any

import numpy as np

import ludus.games
from ludus.games.pursuit.constants import BOTS, LAYOUTS

from .pursuit_reference import PHYSICS, WEIGHTS, Circle, Robot, Sight, World
from .pursuit_reference_bots import call

STATE_TOLERANCE, REWARD_TOLERANCE, OBSERVATION_TOLERANCE = 1e-6, 1e-6, 1e-5
FIELDS = {"x": "x", "y": "y", "theta": "theta", "v": "v", "omega": "omega"}
ENDINGS = ("running", "capture", "timeout", "goals")
Arrays = Mapping[str, np.ndarray]


def make(batch: int, **parameters: Any) -> Any:
    return ludus.games.make("pursuit", **{"batch": batch, "autoreset": "disabled", "lidar_noise": 0.0} | parameters)


def world_of(state: Arrays, i: int, parameters: Mapping[str, Any]) -> World:
    """Match i of a snapshot under the parameters of `make`."""
    layout = LAYOUTS[parameters.get("observation", "original")]
    hidden = {"both": (True, True), "pursuer": (True, False), "evader": (False, True)}
    sight = Sight(
        masked=hidden[parameters.get("masked", "both")] if layout.masked else (False, False),
        flag=layout.masked,
        sensor=layout.sensor,
        **{name: parameters[name] for name in ("sensing_range", "fov", "line_of_sight") if name in parameters},
    )
    robots = []
    for seat, letter in enumerate("pe"):
        numbers = {name: float(state[f"{letter}{name}"][i]) for name in FIELDS}
        robots.append(Robot(**numbers, wall=bool(state["wall"][i, seat]), collision=bool(state["collision"][i, seat])))
    circles = [Circle(*map(float, row)) for row in state["obstacles"][i] if row[2] > 0]
    physics, weights = PHYSICS | parameters.get("physics", {}), WEIGHTS | parameters.get("rewards", {})
    seen_at, safe = [int(k) for k in state["seen_at"][i]], parameters.get("safety_filter", False)
    return World(robots, circles, physics, weights, sight, int(state["step"][i]), seen_at, safe)


def wanted(action: np.ndarray, seat: int, world: World, parameters: Mapping[str, Any]) -> tuple[float, float]:
    v, omega = (float(a) if np.isfinite(a) else 0.0 for a in action)
    speed, turn = world.limits(seat)
    if parameters.get("actions") == "normalised":
        v, omega = speed * (v + 1) / 2, turn * omega
    if parameters.get("fixed_speed") in (("pursuer", "evader")[seat], "both"):
        v = speed
    return v, omega


def angle_gap(a: float, b: float) -> float:
    return abs((a - b + pi) % (2 * pi) - pi)


def observation_gap(seen: np.ndarray, expected: list[float]) -> float:
    """Largest difference, where −1 and 1 may be the same angle (both in half turns)."""
    gap = np.abs(seen.astype(np.float64) - np.array(expected))
    return float(np.where(np.abs(gap - 2) < 1e-4, np.abs(gap - 2), gap).max())


def differences(before: Arrays, after: Arrays, i: int, actions: np.ndarray, step: Any, parameters: Any) -> list[str]:
    """What the kernel has otherwise than the reference in match i; `step`: what game.step returned."""
    world, rewards, ending, found = world_of(before, i, parameters), [0.0, 0.0], "running", []
    for _ in range(parameters.get("steps_per_decision", 1)):
        acts = [
            call(BOTS[before["bot"][i, s] - 1], world, s) if before["bot"][i, s] else
            wanted(actions[i, s], s, world, parameters)
            for s in (0, 1)
        ]  # fmt: skip
        paid, ending = world.advance(acts)
        rewards = [a + b for a, b in zip(rewards, paid, strict=True)]
        if ending != "running":
            break
    observation, reward, terminated, truncated, info = step
    if (ENDINGS[info.ending[i]], info.done[i]) != (ending, ending != "running"):
        found.append(f"ending {ENDINGS[info.ending[i]]} instead of {ending}")
    if (terminated[i], truncated[i]) != (ending == "capture", ending == "timeout"):
        found.append(f"terminated {terminated[i]}, truncated {truncated[i]} at {ending}")
    shown = world_of(after, i, parameters)
    for seat, (seen, expected) in enumerate(zip(shown.robots, world.robots, strict=True)):
        for name in FIELDS:
            one, other = getattr(seen, name), getattr(expected, name)
            if (angle_gap(one, other) if name == "theta" else abs(one - other)) > STATE_TOLERANCE:
                found.append(f"{name} of seat {seat}: {one} instead of {other}")
        if (seen.wall, seen.collision) != (expected.wall, expected.collision):
            found.append(f"contacts of seat {seat}: {seen} instead of {expected}")
        if abs(reward[i, seat] - rewards[seat]) > REWARD_TOLERANCE * max(1.0, abs(rewards[seat])):
            found.append(f"reward of seat {seat}: {reward[i, seat]} instead of {rewards[seat]}")
        row = expected_row(world, seat, parameters, observation, i)
        if observation_gap(observation[i, seat], row) > OBSERVATION_TOLERANCE:
            found.append(f"observation of seat {seat}")
    if shown.step != world.step or shown.seen_at != world.seen_at:
        found.append("step or searched cells")
    return found


def expected_row(world: World, seat: int, parameters: Any, observation: np.ndarray, i: int) -> list[float]:
    """The observation; of the sensor layout the present frame, at both its places, with the history as it is."""
    layout = LAYOUTS[parameters.get("observation", "original")]
    if not layout.sensor:
        return world.observe(seat, layout.obstacles, layout.egocentric)
    frame, row = world.frame(seat), observation[i, seat].astype(np.float64).tolist()
    return [*frame, *row[43:-43], *frame]
