"""Pursuit–evasion as the platform uses it: making, seeding, seating, auto-reset, snapshots, errors."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import ludus.games

OBSTACLES = {"min_obstacles": 3, "max_obstacles": 3}


def make(batch: int = 4, seed: int = 1, **parameters: Any) -> Any:
    return ludus.games.make("pursuit", batch=batch, seed=seed, **parameters)


def actions(batch: int, seed: int = 0, steps: int | None = None) -> Any:
    shape = (batch, 2, 2) if steps is None else (steps, batch, 2, 2)
    return np.random.default_rng(seed).uniform([0, -2.8], [1, 2.8], shape).astype(np.float32)


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def test_importing_the_game_loads_no_engine() -> None:
    code = "import sys, ludus.games.pursuit; print([m for m in ('warp', 'torch', 'numpy.ma') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "warp" not in done.stdout
    assert "torch" not in done.stdout


def test_the_specification() -> None:
    spec = ludus.games.spec("pursuit")
    assert "pursuit" in ludus.games.names()
    assert (spec.seats, spec.roles, spec.symmetric, spec.max_decisions) == (2, ("pursuer", "evader"), False, 1200)
    assert spec.action.continuous == ("speed", "turn")
    assert spec.rules == ("pursuit", "navigation")
    for rules in spec.rules:
        assert set(spec.bots[rules]) == {bot for bots in spec.role_bots.values() for bot in bots}


@pytest.mark.parametrize(
    ("observation", "size"),
    [
        ("original", 14),
        ("original+3", 20),
        ("original+masked", 15),
        ("original+masked+3", 21),
        ("egocentric", 25),
        ("egocentric+masked+2", 36),
        ("sensor", 473),
    ],
)
def test_shapes_and_types(observation: str, size: int) -> None:
    game = make(observation=observation)
    assert ludus.games.spec("pursuit").observations["pursuit"][observation] == game.obs_size == size
    assert game.reset().shape == (4, 2, size)
    seen, reward, terminated, truncated, info = game.step(actions(4))
    assert (seen.shape, seen.dtype) == ((4, 2, size), np.float32)
    assert (reward.shape, reward.dtype) == ((4, 2), np.float32)
    assert terminated.shape == truncated.shape == info.done.shape == (4,)
    assert terminated.dtype == truncated.dtype == bool
    assert info.final_observation.shape == (4, 2, size)
    assert np.array_equal(info.final_observation, seen)
    assert info.decisions.tolist() == [1] * 4
    assert info.outcome.tolist() == info.ending.tolist() == [0] * 4


def test_step_before_reset_is_refused() -> None:
    with pytest.raises(RuntimeError, match="reset"):
        make().step(actions(4))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"observation": "orignal"}, "Did you mean 'original'"),
        ({"observation": "original+9"}, "observation of pursuit"),
        ({"autoreset": "same"}, "Did you mean 'same_step'"),
        ({"physics": {"arena_with": 9.8}}, "Did you mean 'arena_width'"),
        ({"physics": {"dt": float("nan")}}, "finite"),
        ({"physics": {"max_steps": 0}}, "whole number in 1"),
        ({"physics": {"capture_radius": -1}}, "capture_radius must be in"),
        ({"physics": {"min_separation": 16}}, "must not be above max_separation"),
        ({"physics": {"min_obstacles": 2}}, "must not be above max_obstacles"),
        ({"physics": {"arena_width": 5, "arena_height": 2, "min_separation": 6}}, "at most 4.998 in this arena"),
        ({"rewards": {"captur": 1}}, "Did you mean 'capture'"),
        ({"rewards": {"capture": "high"}}, "finite number"),
        ({"rewards": {"search": 0.1}}, "the evader is always seen"),
        ({"fov": 1.0}, r"fov needs an observation with '\+masked'"),
        ({"line_of_sight": True}, r"line_of_sight needs an observation with '\+masked'"),
        ({"masked": "pursuer"}, r"masked needs an observation with '\+masked'"),
        ({"sensing_range": 3.0}, r"sensing_range needs an observation with '\+masked'"),
        ({"fov": 90.0, "observation": "original+masked"}, "radians"),
        ({"masked": "prey", "observation": "original+masked"}, "'both', 'pursuer', 'evader'"),
        ({"fixed_speed": "all"}, "'neither', 'pursuer', 'evader', 'both'"),
        ({"actions": "normalized"}, "Did you mean 'normalised'"),
        ({"timeout": "truncate"}, "Did you mean 'truncated'"),
        ({"safety_filter": 1}, "True or False"),
        ({"steps_per_decision": 1.5}, "steps_per_decision"),
        ({"lidar_noise": -0.1}, "lidar_noise must be in"),
        ({"seed": -1}, "seed"),
        ({"device": "tpu"}, "device"),
        ({"sensing_rang": 3.0}, "Did you mean 'sensing_range'"),
    ],
)
def test_bad_parameters_are_named(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**parameters)


def test_bad_calls_are_refused() -> None:
    game = make()
    game.reset()
    with pytest.raises(ValueError, match="Did you mean 'circler'"):
        game.seat_bots(1, "cirler")
    with pytest.raises(ValueError, match="bot of pursuit for the pursuer"):
        game.seat_bots(0, "flee")
    with pytest.raises(ValueError, match="bot of pursuit for the evader"):
        game.seat_bots(1, ["flee", "lion", None, None])
    with pytest.raises(ValueError, match="seat must be 0 or 1"):
        game.seat_bots(2, "still")
    with pytest.raises(ValueError, match="2 bots for 3 matches"):
        game.seat_bots(1, ["flee", None], np.array([0, 1, 2]))
    with pytest.raises(ValueError, match=r"shape \(4, 2, 2\)"):
        game.step(np.zeros((4, 2), np.float32))
    for matches in ([4], [-1], [[0]], [True], [0.5], [0, 1, 2, 3, 0]):
        with pytest.raises(ValueError, match="matches"):
            game.reset(matches=np.array(matches))
    with pytest.raises(ValueError, match="seeds"):
        game.reset(matches=np.array([0, 1]), seeds=np.array([1], np.uint64))


def test_bad_states_are_refused_and_change_nothing() -> None:
    game = make()
    game.reset()
    before = game.snapshot()
    for state, message in (
        ({"altitude": before["py"]}, "state array"),
        ({"px": before["px"][:2]}, "shape"),
        ({"px": before["px"] * np.nan}, "finite"),
        ({"px": before["px"] + 20}, "within the walls"),
        ({"bot": before["bot"] + 99}, "bot must be"),
        ({"step": before["step"] - 1}, "step must be"),
        ({"step": before["step"] + 0.5}, "whole"),
        ({"task": before["task"] + 1}, "navigation"),
        ({"obstacles": np.ones((4, 17, 3))}, "room for 16"),
        ({"obstacles": -np.ones((4, 1, 3))}, "radii"),
        ({"obstacles": np.ones((4, 2))}, "shape"),
    ):
        with pytest.raises(ValueError, match=message):
            game.restore({"ptheta": before["ptheta"] * 0, **state})
        assert same(before, game.snapshot())


def test_actions_that_are_no_numbers_count_as_zero_and_the_rest_is_clipped() -> None:
    bad = np.array([[[np.nan, np.inf], [9.0, -9.0]], [[-1.0, 0.5], [-np.inf, np.nan]]], np.float32)
    clean = np.array([[[0.0, 0.0], [1.0, -2.84]], [[0.0, 0.5], [0.0, 0.0]]])
    states = []
    for chosen in (bad, clean):
        game = make(2)
        game.reset()
        game.step(chosen)
        states.append(game.snapshot())
    assert same(*states)
    assert states[0]["ev"].tolist() == [1, 0]
    assert states[0]["eomega"].tolist() == [-2.84, 0]


def test_same_seed_same_match_whatever_slot_and_batch() -> None:
    played, seeds = actions(3, steps=150), np.array([11, 12, 13], np.uint64)
    trajectories = []
    for batch, slots in ((3, [0, 1, 2]), (8, [6, 0, 3])):
        game = make(batch, seed=batch, autoreset="disabled", observation="sensor", physics=OBSTACLES)
        game.reset()
        game.reset(np.array(slots), seeds)
        game.seat_bots(1, ["random", "circler", None], np.array(slots))
        seen = []
        for chosen in played:
            everybody = np.zeros((batch, 2, 2), np.float32)
            everybody[slots] = chosen
            observation, reward, *_ = game.step(everybody)
            seen.append(np.concatenate([observation[slots].reshape(3, -1), reward[slots]], axis=1))
        trajectories.append(np.stack(seen))
    assert np.array_equal(*trajectories)


def test_partial_reset_touches_only_its_slots() -> None:
    game = make(autoreset="disabled", observation="sensor")
    game.reset()
    shown = game.step(actions(4))[0].copy()
    after = game.reset(matches=np.array([2]))
    assert np.array_equal(after[[0, 1, 3]], shown[[0, 1, 3]])
    assert not np.array_equal(after[2], shown[2])
    assert game.snapshot()["step"].tolist() == [1, 1, 0, 1]


def near_the_end(game: Any) -> None:
    game.reset()
    game.restore({"step": np.array([1198, 1199, 0, 1199])})


@pytest.mark.parametrize("timeout", ["truncated", "terminated"])
def test_autoreset_in_the_same_step(timeout: str) -> None:
    game = make(autoreset="same_step", observation="egocentric", timeout=timeout)
    near_the_end(game)
    seeds = game.snapshot()["seed"]
    observation, reward, terminated, truncated, info = game.step(actions(4))
    state = game.snapshot()
    ended, never = [False, True, False, True], [False] * 4
    assert info.done.tolist() == ended
    expected = (never, ended) if timeout == "truncated" else (ended, never)
    assert (terminated.tolist(), truncated.tolist()) == expected
    assert [game.endings[k] for k in info.ending] == ["running", "timeout", "running", "timeout"]
    assert info.outcome.tolist() == [0, 3, 0, 3]
    assert reward[1].tolist() == pytest.approx([-100, 100], abs=0.01)
    assert info.decisions.tolist() == [1199, 1200, 1, 1200]
    assert state["step"].tolist() == [1199, 0, 1, 0]
    assert (state["seed"] != seeds).tolist() == ended
    assert info.final_observation[[1, 3], 0, 24].tolist() == [1, 1]
    assert observation[[1, 3], 0, 24].tolist() == [0, 0]
    assert np.array_equal(observation[[0, 2]], info.final_observation[[0, 2]])


def test_without_autoreset_a_finished_match_stands_still() -> None:
    game = make(autoreset="disabled")
    near_the_end(game)
    assert game.step(actions(4))[4].done.tolist() == [False, True, False, True]
    before = game.snapshot()
    _, reward, terminated, truncated, info = game.step(actions(4))
    after, stood = game.snapshot(), [1, 3]
    assert info.done.tolist() == [True, False, False, False]
    assert not (terminated | truncated)[stood].any()
    assert reward[stood].tolist() == [[0, 0]] * 2
    assert all(np.array_equal(before[name][stood], after[name][stood]) for name in before)
    assert after["over"].tolist() == [True, True, False, True]
    game.reset(matches=np.array([1]))
    assert game.snapshot()["over"].tolist() == [True, False, False, True]


@pytest.mark.parametrize(
    "parameters",
    [{"observation": "sensor"}, {"observation": "original+masked+3", "sensing_range": 3.0, "rewards": {"search": 1.0}}],
    ids=["sensor", "search"],
)
def test_a_restored_snapshot_continues_bit_for_bit(parameters: dict[str, Any]) -> None:
    chosen: dict[str, Any] = parameters | {"physics": OBSTACLES, "autoreset": "disabled"}
    game = make(6, **chosen)
    game.reset()
    game.seat_bots(1, [None, "still", "random", "flee", "circler", "greedy"])
    played = actions(6, steps=40)
    for moves in played[:20]:
        game.step(moves)
    state = game.snapshot()
    assert {"px", "py", "ptheta", "ex", "ey", "etheta", "step", "obstacles", "seed", "bot"} <= state.keys()
    assert state["obstacles"].shape == (6, 16, 3)
    seen = game.restore(state).copy()
    assert same(state, game.snapshot())
    futures = []
    for other in (game, make(6, seed=77, **chosen)):
        assert np.array_equal(other.restore(state), seen)
        futures.append([tuple(np.copy(part) for part in other.step(moves)[:2]) for moves in played[20:]])
    assert all(np.array_equal(a, b) for one, two in zip(*futures, strict=True) for a, b in zip(one, two, strict=True))


def test_restore_takes_parts_derives_the_rest_and_packs_obstacles() -> None:
    game = make(2, steps_per_decision=4)
    game.reset()
    circles = np.zeros((2, 3, 3))
    circles[:, 1:] = [[[1, 2, 0.5], [3, 4, 0.6]]]
    game.restore({"step": np.array([6, 8]), "obstacles": circles, "ptheta": np.array([4.0, -1.0]), "px": np.zeros(2)})
    state = game.snapshot()
    assert state["decisions"].tolist() == [2, 2]
    assert state["obstacles"][0, :3].tolist() == [[1, 2, 0.5], [3, 4, 0.6], [0, 0, 0]]
    assert state["ptheta"].tolist() == pytest.approx([4.0 - 2 * np.pi, -1.0])
    assert state["min_distance"][0] == pytest.approx(np.hypot(state["py"] - state["ey"], state["ex"])[0])


def test_bots_stay_seated_ignore_external_actions_and_leave() -> None:
    states = []
    for seed in (1, 2):
        game = make()
        game.reset()
        game.seat_bots(0, "lion")
        game.seat_bots(1, ["random", "flee", "circler", "flee_to_corner"])
        for _ in range(5):
            game.step(actions(4, seed))
        states.append(game.snapshot())
        game.reset()
        assert (game.snapshot()["bot"] == states[0]["bot"]).all()
        game.seat_bots(0, None)
        assert (game.snapshot()["bot"][:, 0] == 0).all()
    assert same(*states)


def test_returns_are_views_and_snapshots_copies() -> None:
    game = make()
    seen = game.reset()
    state, kept = game.snapshot(), seen.copy()
    assert np.shares_memory(seen, game.step(actions(4))[0]), "documented: the next call overwrites what was returned"
    assert not np.array_equal(kept, seen)
    assert state["step"].tolist() == [0] * 4


def test_a_device_with_its_own_memory_plays_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a GPU every array has two copies; here the CPU plays the GPU, so a forgotten transfer shows."""

    def play() -> list[np.ndarray]:
        game = make(5, observation="sensor", physics=OBSTACLES, rewards={"search": 1.0})
        seen = [game.reset().copy()]
        game.seat_bots(1, [None, "circler", "random", "flee", "greedy"])
        game.restore({"step": np.full(5, 1180)})
        for k, chosen in enumerate(actions(5, steps=30)):
            observation, reward, _, truncated, info = game.step(chosen)
            seen += [part.copy() for part in (observation, reward, truncated, info.final_observation, info.done)]
            if k == 10:
                seen.append(game.reset(np.array([1, 3]), np.array([7, 8], np.uint64)).copy())
                game.seat_bots(0, "lion", np.array([3]))
        return [*seen, *game.snapshot().values()]

    expected = play()
    monkeypatch.setattr("ludus.games.arrays.shares_memory", lambda device: False)
    found = play()
    assert len(found) == len(expected)
    assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))
