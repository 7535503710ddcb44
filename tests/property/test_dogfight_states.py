"""Any state, any memory, any action: one decision of the kernels equals one of the reference (Hypothesis)."""

from __future__ import annotations

from functools import cache
from math import pi
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import ludus.games

from ..golden.dogfight_bridge import Rules, compare
from ..golden.dogfight_reference import PHYSICS, WEIGHTS

SLOTS = 12


@cache
def game_of(rules: str, reward_every: str, period: int) -> Any:
    return ludus.games.make(
        "dogfight",
        rules=rules,
        batch=1,
        reward_every=reward_every,
        bot_period_ticks=period,
        observation="egocentric",
        autoreset="disabled",
        physics={"gun_cooldown_ticks": 10},
    )


def reals(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, width=32, allow_subnormal=False)


def spread(low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers of an interval by way of an integer: unlike floats they do not crowd around 0 and the bounds."""
    return st.integers(0, 2**20).map(lambda n: float(np.float32(low + (high - low) * (n + 0.37) / 2**20)))


@st.composite
def fighters(draw: Any, tick: int) -> dict[str, Any]:
    cooldown = draw(st.sampled_from([0, 0, 1, 40, 90]))
    return {
        "x": draw(spread(-500, 500) | spread(-60, 60) | spread(480, 500)),
        "y": draw(spread(0, 600) | spread(0, 90) | spread(540, 600)),
        "yaw": draw(spread(-pi, pi)),
        "previous_yaw": draw(spread(-0.04, 0.04)),
        "speed": draw(spread(20, 250) | spread(25, 50)),
        "hp": draw(st.integers(1, 5)),
        "cooldown": cooldown,
        "alive": True,
        "stall_ticks": draw(st.sampled_from([0, 0, 0, 1, 5, 36])),
    }


@st.composite
def bullets(draw: Any, aircraft: list[dict[str, Any]]) -> dict[str, Any]:
    """A bullet anywhere, or one about to meet its target."""
    owner = draw(st.integers(0, 1))
    heading = draw(spread(-pi, pi))
    x, y = draw(spread(-500, 500)), draw(spread(0, 600))
    if draw(st.booleans()):
        ahead = draw(spread(5, 40))
        target = aircraft[1 - owner]
        x, y = target["x"] - ahead * np.cos(heading), target["y"] - ahead * np.sin(heading)
    velocity = {"vx": 400 * np.cos(heading), "vy": 400 * np.sin(heading)}
    return {"x": x, "y": y, **velocity, "owner": owner, "ticks": draw(st.integers(1, 60))}


@st.composite
def states(draw: Any) -> dict[str, np.ndarray]:
    tick = draw(st.sampled_from([0, 3, 10, 4320, 10_790, 10_795, 10_799]))
    pair = [draw(fighters(tick)) for _ in range(2)]
    dx, dy = (pair[0][name] - pair[1][name] for name in ("x", "y"))
    # Where bots look when the other is in the same place hangs on the last bit of float32; the sides may be joined.
    assume(np.hypot((dx + 500) % 1000 - 500, dy) > 1)
    shots = [draw(bullets(pair)) for _ in range(draw(st.sampled_from([0, 1, 2, 4, SLOTS])))]
    state = {name: np.array([[f[name] for f in pair]]) for name in pair[0]}
    for name in ("x", "y", "vx", "vy", "owner", "ticks"):
        row = [shot[name] for shot in shots] + [0] * (SLOTS - len(shots))
        state[f"bullet_{name}"] = np.array([row], dtype=float)
    memory = {
        "bot": st.integers(0, 5),
        "bot_evade_direction": st.sampled_from([-1, 1]),
        "bot_evade_calls": st.sampled_from([0, 0, 1, 8, 15]),
        "bot_mode": st.integers(0, 4),
        "bot_mode_calls": st.sampled_from([0, 0, 1, 5]),
        "bot_patience_calls": st.sampled_from([0, 355, 361, 900]),
        "bot_punish_calls": st.sampled_from([0, 1, 30]),
        "bot_yoyo_calls": st.sampled_from([0, 0, 1, 30]),
        "bot_yoyo_phase": st.sampled_from([-1, 0, 1]),
        "action_yaw": reals(-1, 1),
        "action_throttle": reals(0, 1),
        "action_shoot": st.sampled_from([0.0, 1.0]),
    }
    for name, values in memory.items():
        state[name] = np.array([[draw(values), draw(values)]])
    state["previous_yaw"] = state["previous_yaw"] + state["yaw"]
    state["previous_x"] = state["x"] - np.cos(state["yaw"]) * state["speed"] / 120
    state["previous_y"] = state["y"] - np.sin(state["yaw"]) * state["speed"] / 120
    state["bot_mode"] = np.where(state["bot"] == 3, state["bot_mode"] % 4, state["bot_mode"])
    return state | {"tick": np.array([tick])}


def check(state: dict[str, np.ndarray], action: list[float], rules: str, reward_every: str, period: int) -> None:
    game = game_of(rules, reward_every, period)
    physics = {name: np.array([value]) for name, value in PHYSICS.items()}
    if rules == "competition":
        physics["gravity"] = np.array([130.0])
    else:
        state = {name: values for name, values in state.items() if not name.startswith("previous")}
    game.restore(state | physics)
    before = game.snapshot()
    actions = np.array(action, np.float32).reshape(1, 2, 3)
    step = game.step(actions)
    found, _ = compare(before, game.snapshot(), 0, actions, step, Rules(WEIGHTS, reward_every, period))
    assert not found, found


STICKS = st.lists(reals(-1.5, 1.5), min_size=6, max_size=6)


@pytest.mark.parametrize(
    ("rules", "reward_every", "period"),
    [
        ("training", "tick", 1),
        ("training", "decision", 1),
        ("training", "tick", 10),
        ("competition", "tick", 10),
        ("competition", "decision", 1),
    ],
)
def test_one_decision_from_any_state(rules: str, reward_every: str, period: int) -> None:
    @settings(max_examples=400, deadline=None, derandomize=True, database=None)
    @given(states(), STICKS)
    def any_state(state: dict[str, np.ndarray], action: list[float]) -> None:
        check(state, action, rules, reward_every, period)

    any_state()
