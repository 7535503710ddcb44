"""The dogfight as the platform uses it: making, seeding, seating, auto-reset, snapshots, errors."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import ludus.games

STATE = ["tick", "x", "y", "yaw", "speed", "hp", "cooldown", "alive", "stall_ticks"]
BULLETS = [f"bullet_{name}" for name in ("x", "y", "vx", "vy", "owner", "ticks")]


def make(batch: int = 4, seed: int = 1, **parameters: Any) -> Any:
    return ludus.games.make("dogfight", rules="training", batch=batch, seed=seed, **parameters)


def actions(batch: int, seed: int = 0, steps: int | None = None) -> Any:
    shape = (batch, 2, 3) if steps is None else (steps, batch, 2, 3)
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def test_importing_the_game_loads_no_engine() -> None:
    code = "import sys, ludus.games.dogfight; print([m for m in ('warp', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_specification() -> None:
    spec = ludus.games.spec("dogfight")
    assert (spec.seats, spec.action.continuous, spec.action.binary) == (2, ("yaw", "throttle"), ("shoot",))
    sizes = {"original": 46, "egocentric": 66, "original+config": 59, "egocentric+config": 79}
    assert spec.observations["training"] == sizes
    assert spec.bots["training"] == ("do_nothing", "chaser", "dogfighter", "ace", "brawler")
    assert spec.max_decisions == 1080
    game = make()
    assert (game.num_seats, game.obs_size, game.act_size) == (2, 46, 3)
    assert game.endings == ("running", "elimination", "timeout")


@pytest.mark.parametrize(("observation", "size"), [("original", 46), ("egocentric", 66), ("egocentric+config", 79)])
def test_shapes_and_types(observation: str, size: int) -> None:
    game = make(observation=observation)
    assert game.reset().shape == (4, 2, size)
    seen, reward, terminated, truncated, info = game.step(actions(4))
    assert (seen.shape, seen.dtype) == ((4, 2, size), np.float32)
    assert (reward.shape, reward.dtype) == ((4, 2), np.float32)
    assert terminated.shape == truncated.shape == info.done.shape == (4,)
    assert terminated.dtype == truncated.dtype == bool
    assert info.final_observation.shape == (4, 2, size)
    assert info.decisions.tolist() == [1] * 4
    assert info.outcome.tolist() == info.ending.tolist() == [0] * 4


def test_step_before_reset_is_refused() -> None:
    with pytest.raises(RuntimeError, match="reset"):
        make().step(actions(4))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"observation": "egocentrc"}, "Did you mean 'egocentric'"),
        ({"reward_every": "second"}, "'tick', 'decision'"),
        ({"autoreset": "same"}, "Did you mean 'same_step'"),
        ({"physics": {"gravitiy": 9.8}}, "Did you mean 'gravity'"),
        ({"physics": {"gravity": float("nan")}}, "finite"),
        ({"physics": {"gun_cooldown_ticks": 0}}, "whole number in 1"),
        ({"physics": {"max_hp": 2.5}}, "whole number"),
        ({"physics": {"drag_coeff": -1}}, "drag_coeff must be in"),
        ({"physics": {"min_speed": 250}}, "below max_speed"),
        ({"rewards": {"dammage_dealt": 1}}, "Did you mean 'damage_dealt'"),
        ({"rewards": {"win": "high"}}, "finite number"),
        ({"bot_period_ticks": 0}, "bot_period_ticks"),
        ({"ticks_per_decision": 1.5}, "ticks_per_decision"),
        ({"random_spawn": 1}, "True or False"),
        ({"seed": -1}, "seed"),
        ({"device": "tpu"}, "device"),
        ({"bot_perod_ticks": 1}, "Did you mean 'bot_period_ticks'"),
    ],
)
def test_bad_parameters_are_named(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**parameters)


def test_bad_calls_are_refused() -> None:
    game = make()
    game.reset()
    with pytest.raises(ValueError, match="Did you mean 'brawler'"):
        game.seat_bots(1, "brawlr")
    with pytest.raises(ValueError, match="seat must be 0 or 1"):
        game.seat_bots(2, "ace")
    with pytest.raises(ValueError, match="2 bots for 3 matches"):
        game.seat_bots(1, ["ace", None], np.array([0, 1, 2]))
    with pytest.raises(ValueError, match=r"shape \(4, 2, 3\)"):
        game.step(np.zeros((4, 3), np.float32))
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
        ({"altitude": before["y"]}, "state array"),
        ({"x": before["x"][:2]}, "shape"),
        ({"x": before["x"] * np.nan}, "finite"),
        ({"bot": before["bot"] + 6}, "bot must be"),
        ({"hp": before["hp"] - 9}, "hp must be"),
        ({"bullet_x": before["bullet_x"]}, "bullets need all"),
        ({"gun_cooldown_ticks": before["gun_cooldown_ticks"] * 0}, "gun_cooldown_ticks must be"),
        ({"max_speed": before["min_speed"]}, "below max_speed"),
        ({"tick": np.array([[1, 2]] * 4)}, "tick"),
    ):
        with pytest.raises(ValueError, match=message):
            game.restore({"yaw": before["yaw"] * 0, **state})
        assert same(before, game.snapshot())


def test_actions_that_are_no_numbers_count_as_zero() -> None:
    bad = actions(4)
    bad[0] = [[np.nan, np.inf, np.nan], [-np.inf, np.nan, np.inf]]
    clean = np.where(np.isfinite(bad), bad, 0.0)
    states = []
    for chosen in (bad, clean):
        game = make()
        game.reset()
        game.step(chosen)
        states.append(game.snapshot())
    assert same(*states)


def test_actions_out_of_range_are_clamped_and_shoot_is_a_sign() -> None:
    states = []
    for chosen in ([2.0, -3.0, 0.01], [1.0, 0.0, 1.0]):
        game = make()
        game.reset()
        game.step(np.broadcast_to(np.array(chosen, np.float32), (4, 2, 3)))
        states.append({n: v for n, v in game.snapshot().items() if not n.startswith("action")})
    assert same(*states)


def test_same_seed_same_match_whatever_slot_and_batch() -> None:
    played = actions(3, steps=120)
    bots = ["ace", "brawler", None]
    seeds = np.array([11, 12, 13], np.uint64)
    trajectories = []
    for batch, slots in ((3, [0, 1, 2]), (8, [6, 0, 3])):
        game = make(batch=batch, seed=batch, autoreset="disabled", observation="egocentric")
        game.reset()
        game.reset(matches=np.array(slots), seeds=seeds)
        game.seat_bots(1, bots, np.array(slots))
        seen = []
        for chosen in played:
            everybody = np.zeros((batch, 2, 3), np.float32)
            everybody[slots] = chosen
            observation, reward, *_ = game.step(everybody)
            seen.append(np.concatenate([observation[slots].reshape(3, -1), reward[slots]], axis=1))
        trajectories.append(np.stack(seen))
    assert np.array_equal(*trajectories)


def test_partial_reset_touches_only_its_slots() -> None:
    game = make(autoreset="disabled")
    game.reset()
    game.step(actions(4))
    before, seen = game.snapshot(), game.reset().copy()
    game.restore(before)
    shown = game.step(actions(4))[0].copy()
    after = game.reset(matches=np.array([2]))
    assert np.array_equal(after[[0, 1, 3]], shown[[0, 1, 3]])
    assert not np.array_equal(after[2], shown[2])
    state = game.snapshot()
    assert state["tick"].tolist() == [20, 20, 0, 20]
    assert state["decisions"].tolist() == [2, 2, 0, 2]
    assert seen.shape == after.shape


def test_seeds_come_from_game_seed_slot_and_episode() -> None:
    seeds = []
    for seed in (1, 1, 2):
        game = make(seed=seed)
        game.reset()
        first = game.snapshot()["seed"]
        game.reset()
        seeds.append(np.stack([first, game.snapshot()["seed"]]))
    assert np.array_equal(seeds[0], seeds[1])
    assert len(np.unique(np.concatenate([seeds[0], seeds[2]]))) == 16


def near_the_end(game: Any) -> None:
    game.reset()
    game.restore({"tick": np.array([10_780, 10_790, 0, 10_790])})


def test_autoreset_in_the_same_step() -> None:
    game = make(autoreset="same_step")
    near_the_end(game)
    seeds = game.snapshot()["seed"]
    observation, _, terminated, _, info = game.step(actions(4))
    state = game.snapshot()
    assert terminated.tolist() == info.done.tolist() == [False, True, False, True]
    assert [game.endings[k] for k in info.ending] == ["running", "timeout", "running", "timeout"]
    assert info.decisions.tolist() == [1079, 1080, 1, 1080]
    assert state["tick"].tolist() == [10_790, 0, 10, 0]
    assert state["decisions"].tolist() == [1079, 0, 1, 0]
    assert (state["seed"] != seeds).tolist() == [False, True, False, True]
    assert info.final_observation[[1, 3], 0, 45].tolist() == [0, 0]
    assert observation[[1, 3], 0, 45].tolist() == [1, 1]
    assert np.array_equal(observation[[0, 2]], info.final_observation[[0, 2]])


def test_without_autoreset_a_finished_match_stands_still() -> None:
    game = make(autoreset="disabled")
    near_the_end(game)
    _, _, terminated, _, info = game.step(actions(4))
    assert terminated.tolist() == [False, True, False, True]
    assert np.array_equal(info.final_observation[1], game.step(actions(4))[0][1])
    before = game.snapshot()
    observation, reward, terminated, _, info = game.step(actions(4))
    after = game.snapshot()
    assert terminated.tolist() == [False, False, False, False]
    assert reward[[0, 1, 3]].tolist() == [[0, 0]] * 3
    assert observation[1, 0, 45] == 0
    assert all(np.array_equal(before[name][[0, 1, 3]], after[name][[0, 1, 3]]) for name in before)
    assert game.reset(matches=np.array([1]))[1, 0, 45] == 1


@pytest.mark.parametrize("device", ["cpu"])
def test_snapshot_and_restore(device: str) -> None:
    game = make(batch=6, device=device, observation="egocentric", physics={"gun_cooldown_ticks": 9})
    game.reset()
    game.seat_bots(1, [None, "do_nothing", "chaser", "dogfighter", "ace", "brawler"])
    played = actions(6, steps=40)
    for chosen in played[:20]:
        game.step(chosen)
    state = game.snapshot()
    assert {*STATE, *BULLETS, "gravity", "rear_aspect_cone", "bot", "bot_evade_calls", "seed"} <= state.keys()
    assert state["tick"].shape == (6,)
    assert all(state[name].shape == (6, 2) for name in STATE[1:])
    assert (state["bullet_ticks"] > 0).any()

    seen = game.restore(state).copy()
    assert same(state, game.snapshot())
    futures = []
    for other in (game, make(batch=6, seed=77, observation="egocentric", physics={"gun_cooldown_ticks": 9})):
        assert np.array_equal(other.restore(state), seen)
        futures.append([tuple(np.copy(part) for part in other.step(chosen)[:2]) for chosen in played[20:]])
        assert other.snapshot()["tick"].min() > 200
    assert all(np.array_equal(a, b) for one, two in zip(*futures, strict=True) for a, b in zip(one, two, strict=True))


def test_snapshots_are_copies_and_returns_are_views() -> None:
    game = make()
    seen = game.reset()
    state = game.snapshot()
    kept = seen.copy()
    observation = game.step(actions(4))[0]
    assert np.shares_memory(seen, observation), "documented: the next call overwrites what was returned"
    assert not np.array_equal(kept, observation)
    assert state["tick"].tolist() == [0] * 4


def test_restore_takes_parts_and_any_number_of_bullets() -> None:
    game = make(batch=2)
    game.reset()
    rows = 30
    state = {name: np.zeros((2, rows)) for name in BULLETS}
    state["bullet_ticks"][:, ::2] = np.arange(15) + 5
    state["bullet_x"][:, ::2] = np.arange(15) - 400
    game.restore({**state, "tick": np.array([[40, 40], [60, 60]])})
    after = game.snapshot()
    assert after["bullet_ticks"][:, :15].tolist() == [[t + 5 for t in range(15)]] * 2, "packed, in order"
    assert after["bullet_ticks"].shape[1] >= 15 + 2
    assert after["tick"].tolist() == [40, 60]
    assert after["decisions"].tolist() == [4, 6]
    game.step(np.ones((2, 2, 3), np.float32))
    assert (game.snapshot()["bullet_ticks"][0] > 0).sum() == 9 + 2


def test_seating_gives_a_fresh_memory_and_survives_reset() -> None:
    game = make(batch=3, autoreset="disabled")
    game.reset()
    game.seat_bots(0, ["ace", None, "chaser"])
    game.seat_bots(1, "brawler", np.array([1]))
    assert game.snapshot()["bot"].tolist() == [[4, 0], [0, 5], [2, 0]]
    game.restore({"bot_mode": np.full((3, 2), 2), "bot_evade_direction": np.full((3, 2), -1)})
    game.seat_bots(1, "brawler", [1])
    state = game.snapshot()
    assert state["bot_mode"].tolist() == [[2, 2], [2, 0], [2, 2]]
    assert state["bot_evade_direction"].tolist() == [[-1, -1], [-1, 1], [-1, -1]]
    game.reset()
    assert game.snapshot()["bot"].tolist() == [[4, 0], [0, 5], [2, 0]]
    game.seat_bots(0, None)
    assert game.snapshot()["bot"][:, 0].tolist() == [0, 0, 0]


def test_bots_ignore_external_actions_and_hold_theirs() -> None:
    states = []
    for seed in (1, 2):
        game = make(bot_period_ticks=10)
        game.reset()
        game.seat_bots(0, "ace")
        game.seat_bots(1, "dogfighter")
        game.step(actions(4, seed))
        states.append(game.snapshot())
    assert same(*states)


def test_physics_values_reach_every_match() -> None:
    game = make(physics={"gravity": 130, "max_hp": 3}, random_spawn=False)
    game.reset()
    state = game.snapshot()
    assert state["gravity"].tolist() == [130] * 4
    assert state["hp"].tolist() == [[3, 3]] * 4


def test_a_device_with_its_own_memory_plays_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a GPU every array has two copies; here the CPU plays the GPU, so a forgotten transfer shows."""

    def play() -> list[np.ndarray]:
        game = make(
            batch=5,
            autoreset="same_step",
            observation="egocentric+config",
            physics={"gun_cooldown_ticks": 20},
            randomisation="narrow",
        )
        seen = [game.reset().copy()]
        game.seat_bots(1, [None, "chaser", "dogfighter", "ace", "brawler"])
        game.restore({"tick": np.full(5, 10_700)})
        for k, chosen in enumerate(actions(5, steps=40)):
            observation, reward, _, _, info = game.step(chosen)
            seen += [observation.copy(), reward.copy(), info.final_observation.copy(), info.done.copy()]
            if k == 20:
                seen.append(game.reset(np.array([1, 3]), np.array([7, 8], np.uint64)).copy())
                game.seat_bots(0, "ace", np.array([3]))
                game.vary({"randomisation": {"bullet_lifetime_ticks": (200, 300)}})
            if k == 30:
                state = game.snapshot()
                wide = {name: np.pad(state[name], ((0, 0), (0, 9))) for name in BULLETS}
                wide["bullet_ticks"][:, -5:] = 30
                seen.append(game.restore(state | wide).copy())
        return [*seen, *game.snapshot().values()]

    expected = play()
    monkeypatch.setattr("ludus.games.arrays.shares_memory", lambda device: False)
    found = play()
    assert len(found) == len(expected)
    assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))
