"""Any state, any action: laws that hold in every match (Hypothesis)."""

from __future__ import annotations

from functools import cache
from math import hypot, pi
from typing import Any

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ..golden.pursuit_bridge import differences, make

WIDTH, HEIGHT, RADIUS = 12.0, 8.0, 0.15
PHYSICS = {"arena_width": WIDTH, "arena_height": HEIGHT, "max_steps": 40}
PARAMETERS: dict[str, Any] = {
    "observation": "egocentric+masked+3",
    "physics": PHYSICS,
    "sensing_range": 4.0,
    "line_of_sight": True,
    "rewards": {"search": 0.5, "cover": 3.0, "occlusion": 0.2, "wall": -0.1, "collision": -0.1},
}
FILTERED = {"physics": PHYSICS, "safety_filter": True}
RULES = settings(max_examples=250, deadline=None, derandomize=True, database=None)


@cache
def game_of(which: str) -> Any:
    parameters: dict[str, Any] = {"all": PARAMETERS, "filter": FILTERED, "sensor": {"observation": "sensor"}}
    return make(1, **parameters[which])


def spread(low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers of an interval by way of an integer: unlike floats they do not crowd around 0 and the bounds."""
    return st.integers(0, 2**20).map(lambda n: low + (high - low) * (n + 0.37) / (2**20 + 1))


X, Y = (spread(-side / 2 + RADIUS, side / 2 - RADIUS) for side in (WIDTH, HEIGHT))
ANGLE = spread(-pi, pi)
CIRCLES = st.lists(st.tuples(spread(-5, 5), spread(-3, 3), spread(0.3, 1.2)), max_size=4)
ACTIONS = st.lists(st.floats(-4, 4, width=32), min_size=4, max_size=4)


@st.composite
def states(draw: Any) -> dict[str, np.ndarray]:
    state = {}
    for letter in "pe":
        x, y = draw(X), draw(Y)
        if draw(st.integers(0, 3)) == 0:
            x = draw(st.sampled_from([-5.85, 5.85]))
        pose = {"x": x, "y": y, "theta": draw(ANGLE), "v": draw(spread(0, 1)), "omega": draw(spread(-2.84, 2.84))}
        state |= {f"{letter}{name}": np.array([value]) for name, value in pose.items()}
    if draw(st.integers(0, 2)) == 0:
        close, way = draw(spread(0.4, 0.65)), draw(ANGLE)
        state["ex"] = np.clip(state["px"] + close * np.cos(way), -5.85, 5.85)
        state["ey"] = np.clip(state["py"] + close * np.sin(way), -3.85, 3.85)
    circles = draw(CIRCLES)
    state["obstacles"] = np.array([circles], float).reshape(1, len(circles), 3)
    state["step"] = np.array([draw(st.sampled_from([0, 7, 38, 39]))])
    return state


@RULES
@given(states(), ACTIONS)
def test_one_step_from_any_state_is_that_of_the_reference(state: dict[str, np.ndarray], action: list[float]) -> None:
    game, actions = game_of("all"), np.array(action, np.float32).reshape(1, 2, 2)
    game.reset(seeds=np.array([1], np.uint64))
    game.restore(state)
    before = game.snapshot()
    step = game.step(actions)
    found = differences(before, game.snapshot(), 0, actions, step, PARAMETERS)
    assert not found, found


@RULES
@given(states(), ACTIONS)
def test_laws_of_a_step(state: dict[str, np.ndarray], action: list[float]) -> None:
    """Inside the walls, no faster than allowed, captured exactly when near; restore(snapshot()) changes nothing."""
    game = game_of("all")
    game.restore(state)
    seen = game.restore(game.snapshot()).copy()
    assert np.array_equal(seen, game.restore(state))
    _, _, terminated, truncated, info = game.step(np.array(action, np.float32).reshape(1, 2, 2))
    after = game.snapshot()
    for letter in "pe":
        x, y = after[f"{letter}x"][0], after[f"{letter}y"][0]
        assert abs(x) <= WIDTH / 2 - RADIUS
        assert abs(y) <= HEIGHT / 2 - RADIUS
        assert -pi <= after[f"{letter}theta"][0] < pi
        if not len(state["obstacles"][0]):
            assert hypot(x - state[f"{letter}x"][0], y - state[f"{letter}y"][0]) <= 0.05 + 1e-12
    near = hypot(after["px"][0] - after["ex"][0], after["py"][0] - after["ey"][0])
    assert terminated[0] == (near <= 0.5)
    assert truncated[0] == (not terminated[0] and state["step"][0] == 39)
    assert info.outcome[0] == (1 if terminated[0] else 3 if truncated[0] else 0)
    kept = game.snapshot()
    game.restore(kept)
    assert all(np.array_equal(kept[name], values) for name, values in game.snapshot().items())


@RULES
@given(states(), ACTIONS)
def test_the_filter_keeps_every_barrier_or_stands_still(state: dict[str, np.ndarray], action: list[float]) -> None:
    game, actions = game_of("filter"), np.array(action, np.float32).reshape(1, 2, 2)
    game.restore(state)
    before = game.snapshot()
    step = game.step(actions)
    found = differences(before, game.snapshot(), 0, actions, step, FILTERED)
    assert not found, found


@RULES
@given(states())
def test_robots_that_change_places_exchange_their_observations(state: dict[str, np.ndarray]) -> None:
    """The sensors are the same on both robots: swapped states give swapped rows, in every layout."""
    swapped = {name: state[{"p": "e", "e": "p"}[name[0]] + name[1:]] for name in state if name[0] in "pe"}
    swapped |= {name: state[name] for name in ("obstacles", "step")}
    assume(state["px"] != state["ex"])
    for which in ("all", "sensor"):
        game, past = game_of(which), {"history": np.zeros((1, 2, 10, 43))} if which == "sensor" else {}
        rows = game.restore(state | past)[0].copy()
        assert np.array_equal(game.restore(swapped | past)[0], rows[::-1])


@settings(RULES, max_examples=60)
@given(st.integers(0, 2**64 - 1), st.integers(0, 6), st.integers(0, 6))
def test_starts_are_functions_of_the_seed_and_lie_where_they_may(seed: int, fewest: int, more: int) -> None:
    physics = {"min_obstacles": fewest, "max_obstacles": fewest + more, "min_separation": 2.0, "max_separation": 6.0}
    starts = []
    for slots, batch in (([0], 1), ([2], 3)):
        game = make(batch, physics=physics)
        game.reset()
        game.reset(np.array(slots), np.array([seed], np.uint64))
        starts.append({name: values[slots[0]] for name, values in game.snapshot().items() if name != "episode"})
    one, other = starts
    assert all(np.array_equal(one[name], other[name]) for name in one)
    circles = one["obstacles"][one["obstacles"][:, 2] > 0]
    assert fewest <= len(circles) <= fewest + more
    assert 2.0 <= hypot(one["px"] - one["ex"], one["py"] - one["ey"]) <= 6.0
    for k, (x, y, radius) in enumerate(circles):
        assert 0.3 <= radius <= 1.0
        assert max(abs(x), abs(y)) <= 10 - radius - 0.5
        assert all(hypot(x - u, y - v) >= radius + r + 0.5 for u, v, r in circles[:k])
        assert all(hypot(one[f"{w}x"] - x, one[f"{w}y"] - y) > radius + RADIUS for w in "pe")
