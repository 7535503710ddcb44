"""The cold-start task: goals and flight, by hand."""

from __future__ import annotations

from math import hypot, pi
from typing import Any

import numpy as np
import pytest

import ludus.games

SIDE = 10.0
PHYSICS = {"arena_width": SIDE, "arena_height": SIDE, "max_separation": 8.0}
DIAGONAL = hypot(SIDE, SIDE)


def make(batch: int, **parameters: Any) -> Any:
    chosen: dict[str, Any] = {"autoreset": "disabled", "physics": PHYSICS, "lidar_noise": 0.0} | parameters
    return ludus.games.make("pursuit", rules="navigation", batch=batch, **chosen)


def seed_of(task: int) -> np.ndarray:
    """A seed whose episode has the given task (1 goals, 2 flight)."""
    game = make(32)
    game.reset(seeds=np.arange(32, dtype=np.uint64))
    return np.flatnonzero(game.snapshot()["task"] == task)[:1].astype(np.uint64)


def towards_goal(state: dict[str, np.ndarray]) -> np.ndarray:
    """Actions [B, 2, 2] of an evader that drives to the goal."""
    way = np.arctan2(state["py"] - state["ey"], state["px"] - state["ex"])
    error = (way - state["etheta"] + pi) % (2 * pi) - pi
    actions = np.zeros((len(way), 2, 2))
    actions[:, 1] = np.stack([np.maximum(np.cos(error), 0), 3 * error], axis=1)
    return actions


def test_half_of_the_episodes_are_for_goals() -> None:
    game = make(1000)
    game.reset(seeds=np.arange(1000, dtype=np.uint64))
    tasks = game.snapshot()["task"]
    assert set(tasks.tolist()) == {1, 2}
    assert 430 < (tasks == 1).sum() < 570
    assert game.options.physics["max_steps"] == 300


def test_goals_lie_in_the_arena_clear_of_obstacles_and_walls() -> None:
    """The original drew them in a frame from 0 to W: three quarters lay outside."""
    game = make(400, physics=PHYSICS | {"min_obstacles": 3, "max_obstacles": 3})
    game.reset(seeds=np.arange(400, dtype=np.uint64))
    state = game.snapshot()
    goals = state["task"] == 1
    x, y, circles = state["px"][goals], state["py"][goals], state["obstacles"][goals]
    assert np.abs([x, y]).max() <= SIDE / 2 - 1.0
    assert min(x.min(), y.min()) < -3
    assert max(x.max(), y.max()) > 3, "all over the arena"
    gaps = np.hypot(x[:, None] - circles[..., 0], y[:, None] - circles[..., 1]) - circles[..., 2]
    assert gaps[circles[..., 2] > 0].min() >= 0.5


def test_three_goals_end_an_episode_with_a_win() -> None:
    game = make(1, physics=PHYSICS | {"max_steps": 1200})
    game.reset(seeds=seed_of(1))
    places = []
    for _ in range(1200):
        before = game.snapshot()
        places.append((before["px"][0], before["py"][0]))
        game_step = game.step(towards_goal(before))
        after = game.snapshot()
        # The reward speaks of the goal that was sought, and of the place where the robot stands now.
        away = hypot(after["ex"][0] - before["px"][0], after["ey"][0] - before["py"][0])
        near_wall = max(abs(after["ex"][0]), abs(after["ey"][0])) > SIDE / 2 - 0.5
        expected = -0.5 * away / DIAGONAL + (10.0 if away < 0.5 else 0.0) - (0.1 if near_wall else 0.0)
        assert game_step[1][0].tolist() == pytest.approx([0, expected], abs=1e-6)
        if game_step[4].done[0]:
            break
    _, _, terminated, truncated, info = game_step
    assert (terminated[0], truncated[0], game.endings[info.ending[0]], info.outcome[0]) == (True, False, "goals", 3)
    assert len(set(places)) == 3
    assert after["goals"][0] == 3


def test_a_goal_shows_as_an_opponent_at_rest_and_cannot_catch() -> None:
    for observation, parameters in (("original", {}), ("original+masked", {"sensing_range": 0.1}), ("sensor", {})):
        game = make(1, observation=observation, **parameters)
        game.reset(seeds=seed_of(1))
        goal = {name: game.snapshot()[name] for name in ("px", "py")}
        pose = {"ex": goal["px"] - 0.6, "ey": goal["py"], "etheta": np.array([pi])}
        row = game.restore(pose)[0, 1]
        if observation == "sensor":
            assert row[5] == pytest.approx(0.6)
            assert abs(row[6]) == pytest.approx(pi), "a goal behind is seen, too"
        else:
            assert row[5:7] == pytest.approx([goal["px"][0] / 5, goal["py"][0] / 5])
            assert row[8:10].tolist() == [0, 0]
        game.restore({"ex": goal["px"] - 0.45})
        _, reward, terminated, *_ = game.step(np.zeros((1, 2, 2)))
        assert not terminated[0]
        assert reward[0, 1] > 9
        assert game.snapshot()["px"][0] != goal["px"][0], "the next goal"


def test_walls_cost_only_near_the_walls() -> None:
    """The original's margin lay in the wrong frame: three quarters of the arena counted as near a wall."""
    game = make(1)
    game.reset(seeds=seed_of(1))
    for x, costs in ((0.0, False), (-4.49, False), (-4.51, True), (4.51, True)):
        game.restore({"ex": np.array([x]), "ey": np.zeros(1), "px": np.array([2.0]), "py": np.array([2.0])})
        reward = float(game.step(np.zeros((1, 2, 2)))[1][0, 1])
        assert reward == pytest.approx(-0.5 * hypot(x - 2, 2) / DIAGONAL - 0.1 * costs, abs=1e-6)


def test_flight_is_from_a_pursuer_at_half_speed() -> None:
    game = make(1)
    game.reset(seeds=seed_of(2))
    game.seat_bots(0, "lion")
    places = {"px": -2.0, "py": 0.0, "ptheta": 0.0, "ex": 2.0, "ey": 0.0}
    game.restore({name: np.array([value]) for name, value in places.items()})
    actions = np.full((1, 2, 2), 9.0)
    actions[0, 1] = 0.0
    _, reward, *_ = game.step(actions)
    state = game.snapshot()
    assert state["px"][0] == pytest.approx(-1.975), "the rules drive seat 0"
    assert reward[0].tolist() == pytest.approx([0, 0.5 * 3.975 / DIAGONAL])
    game.restore({"px": np.array([1.48])})
    _, reward, terminated, _, info = game.step(actions)
    assert terminated[0]
    assert (info.outcome[0], game.endings[info.ending[0]]) == (1, "capture")
    assert reward[0, 1] == pytest.approx(0.5 * 0.495 / DIAGONAL - 10, abs=1e-2)


@pytest.mark.parametrize(("task", "outcome"), [(1, 2), (2, 3)])
def test_out_of_time_a_goal_episode_is_a_draw_and_a_flight_won(task: int, outcome: int) -> None:
    game = make(1)
    game.reset(seeds=seed_of(task))
    game.restore({"step": np.array([299]), "ex": np.array([-4.0]), "px": np.array([2.0])})
    _, _, terminated, truncated, info = game.step(np.zeros((1, 2, 2)))
    assert (terminated[0], truncated[0], info.outcome[0]) == (False, True, outcome)


def test_goals_are_functions_of_the_seed() -> None:
    rows = []
    for _ in range(2):
        game = make(8)
        game.reset(seeds=np.arange(8, dtype=np.uint64))
        for _ in range(280):
            game.step(towards_goal(game.snapshot()))
        rows.append(game.snapshot())
    assert all(np.array_equal(rows[0][name], rows[1][name]) for name in rows[0])
    assert rows[0]["goals"].sum() > 3
