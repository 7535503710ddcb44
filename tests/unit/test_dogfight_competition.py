"""Rule set competition: what can be worked out by hand about its arena, its frames and its bots."""

from __future__ import annotations

from math import pi, sin
from typing import Any

import numpy as np
import pytest

import ludus.games

from .test_dogfight_rules import act, bullets, place

IDLE = (0.0, 0.5, 0.0)
FIRE = (0.0, 0.5, 1.0)
CLOSURE, TURNED = 15, 16


def make(batch: int = 1, **parameters: Any) -> Any:
    parameters = {"autoreset": "disabled", "ticks_per_decision": 1} | parameters
    return ludus.games.make("dogfight", rules="competition", batch=batch, seed=1, **parameters)


def test_the_specification() -> None:
    spec = ludus.games.spec("dogfight")
    assert spec.observations["competition"] == {"original": 224, "egocentric": 76}
    assert spec.bots["competition"] == spec.bots["training"]
    game = make(3)
    assert game.reset().shape == (3, 2, 224)
    assert game.snapshot()["gravity"].tolist() == [130] * 3
    assert make(physics={"gravity": 100}).snapshot()["gravity"].tolist() == [100]


def test_what_belongs_to_training_is_refused() -> None:
    with pytest.raises(ValueError, match="randomisation belongs to"):
        make(randomisation="full")
    with pytest.raises(ValueError, match="randomisation belongs to"):
        make().vary({"randomisation": "narrow"})
    with pytest.raises(ValueError, match="expected one of 'original', 'egocentric'"):
        make(observation="original+config")
    with pytest.raises(ValueError, match="state array"):
        ludus.games.make("dogfight", rules="training", batch=1).restore({"frames": np.zeros((1, 2, 4, 56))})


# --- arena -------------------------------------------------------------------------------------------


def test_aircraft_and_bullets_leave_on_one_side_and_return_on_the_other() -> None:
    game = make()
    place(game, x=[499.9, -499.9], yaw=[0, pi], **bullets((498, 100, 400, 0, 0, 9), (-498, 100, -400, 0, 1, 9)))
    game.step(act(IDLE, IDLE))
    state = game.snapshot()
    assert -500 < state["x"][0, 0] < -498
    assert 498 < state["x"][0, 1] < 500
    assert state["bullet_x"][0, :2] == pytest.approx([498 + 400 / 120 - 1000, -498 - 400 / 120 + 1000], abs=1e-3)


def test_a_bullet_is_born_on_the_other_side_when_the_muzzle_is_there() -> None:
    game = make()
    place(game, x=[495, 0])
    game.step(act(FIRE, IDLE))
    state = game.snapshot()
    assert state["x"][0, 0] < 500
    assert state["bullet_x"][0, 0] == pytest.approx(state["x"][0, 0] + 12 + 400 / 120 - 1000, abs=1e-3)


def test_hits_and_distances_take_the_short_way() -> None:
    game = make(rewards={"approach": 0, "facing": 0, "proximity": 1})
    place(game, x=[-495, 495], **bullets((-494.7, 300, -400, 0, 0, 9)))
    seen, reward, *_ = game.step(act(IDLE, IDLE))
    assert game.snapshot()["hp"].tolist() == [[5, 4]], "bullet at −498, target at 496"
    assert reward[0].tolist() == [3 + 1, -1 + 1], "10 m apart across the edge is near"
    place(game, x=[-495, 495])
    seen = game.step(act(IDLE, IDLE))[0]
    assert seen[0, 0, [8, 14]] == pytest.approx([-0.01, 0.01], abs=1e-5)
    assert seen[0, 1, [8, 14]] == pytest.approx([0.01, 0.01], abs=1e-5)
    assert seen[0, 0, 6] == pytest.approx(game.snapshot()["x"][0, 0] / 500, abs=1e-6)


def test_the_ground_kills_within_the_fighter_step() -> None:
    """Dead at once with its hp: the gun neither cools nor fires, and the survivor wins by elimination."""
    game = make()
    place(game, y=[5.5, 300], yaw=[-pi / 2, 0], cooldown=[0, 3])
    _, reward, terminated, _, info = game.step(act(FIRE, IDLE))
    state = game.snapshot()
    assert (state["alive"].tolist(), state["hp"].tolist()) == ([[False, True]], [[5, 5]])
    assert state["cooldown"].tolist() == [[0, 2]]
    assert not state["bullet_ticks"].any()
    assert (info.outcome[0], game.endings[info.ending[0]], terminated[0]) == (3, "elimination", True)
    assert reward[0].tolist() == pytest.approx([-5, 5], abs=0.01)


@pytest.mark.parametrize(("y", "dead"), [(5.0, True), (5.001, False)])
def test_the_ground_begins_at_five_metres(y: float, dead: bool) -> None:
    game = make()
    place(game, y=[y, 300])
    game.step(act(IDLE, IDLE))
    assert game.snapshot()["alive"][0, 0] != dead


def test_a_stalled_aircraft_dies_on_the_ground_without_cooling_its_gun() -> None:
    game = make()
    place(game, y=[5.1, 300], yaw=[-pi / 2, 0], speed=[35, 150], stall_ticks=[20, 0], cooldown=[7, 7])
    game.step(act(IDLE, IDLE))
    state = game.snapshot()
    assert state["alive"].tolist() == [[False, True]]
    assert state["cooldown"].tolist() == [[7, 6]]


def test_both_on_the_ground_in_one_tick_is_a_draw() -> None:
    game = make()
    place(game, y=[5.5, 5.5], yaw=[-pi / 2, -pi / 2])
    info = game.step(act(IDLE, IDLE))[4]
    assert (info.outcome[0], game.endings[info.ending[0]]) == (2, "elimination")
    assert game.snapshot()["hp"].tolist() == [[5, 5]]


def test_do_nothing_flies_into_the_ground() -> None:
    game = make(200, ticks_per_decision=10)
    game.reset()
    game.seat_bots(0, "do_nothing")
    game.seat_bots(1, "do_nothing")
    ended = np.zeros(200, bool)
    for _ in range(250):
        ended |= game.step(np.zeros((200, 2, 3), np.float32))[4].done
    assert ended.all()


def test_the_ceiling_takes_speed_and_is_hard() -> None:
    """At y = 575 half the depth: a quarter of 80 m/s². No push down, nobody above 600, no speed below 20 taken."""
    game = make(physics={"drag_coeff": 0, "gravity": 0, "max_thrust": 0})
    place(game, y=[575, 599.9], yaw=[0, pi / 2])
    game.step(act(IDLE, IDLE))
    state = game.snapshot()
    assert state["speed"][0] == pytest.approx([150 - 0.25 * 80 / 120, 150 - 80 / 120], abs=1e-3)
    assert state["y"][0] == pytest.approx([575, 600], abs=1e-4)
    place(game, y=[600, 600], speed=[20.2, 20.2], stall_ticks=[9, 9], yaw=[-pi / 2, pi / 2])
    game.step(act(IDLE, IDLE))
    assert game.snapshot()["speed"][0].min() == 20


def test_gravity_is_130() -> None:
    game = make(physics={"drag_coeff": 0})
    place(game, yaw=[-0.5, 0])
    game.step(act((0, 0, 0), IDLE))
    assert game.snapshot()["speed"][0, 0] == pytest.approx(150 + 130 * sin(0.5) / 120, abs=1e-4)


# --- frames ------------------------------------------------------------------------------------------


def test_frames_are_now_and_the_three_decisions_before_zeros_at_first() -> None:
    game = make(ticks_per_decision=10)
    rows = [game.reset()[0].copy()]
    generator = np.random.default_rng(0)
    for _ in range(6):
        rows.append(game.step(generator.uniform(-1, 1, (1, 2, 3)).astype(np.float32))[0][0].copy())
    for k, row in enumerate(rows):
        for age in range(4):
            frame = row[:, 56 * age : 56 * age + 56]
            expected = rows[k - age][:, :56] if age <= k else np.zeros((2, 56))
            assert np.array_equal(frame, expected)
    assert np.abs(rows[3][:, ::56]).min() > 0


def test_a_new_episode_has_no_history() -> None:
    game = make(3, ticks_per_decision=10, autoreset="same_step")
    game.reset()
    for _ in range(5):
        game.step(np.ones((3, 2, 3), np.float32))
    game.restore({"tick": np.array([60, 10_790, 60])})
    seen, *_, info = game.step(np.ones((3, 2, 3), np.float32))
    assert info.done.tolist() == [False, True, False]
    assert not seen[1, :, 56:].any()
    assert info.final_observation[1, :, 56:].any()
    assert seen[0, :, 56:].any()
    assert not game.reset()[..., 56:].any()


def test_closure_and_turn_are_those_of_the_last_tick() -> None:
    """Towards each other at 100 and 50 m/s, then faster than max_speed: clamped. At tick 0 both are 0."""
    game = make(physics={"drag_coeff": 0, "max_thrust": 0}, ticks_per_decision=10)
    place(game, yaw=[0, pi], speed=[100, 50])
    assert game.restore(game.snapshot())[0, :, [CLOSURE, TURNED]].tolist() == [[0, 0], [0, 0]]
    seen = game.step(act((0, 0, 0), (1, 0, 0)))[0]
    before = game.snapshot()
    assert seen[0, 0, CLOSURE] == pytest.approx(150 / 250, abs=0.03)
    turn = (before["yaw"][0, 1] - before["previous_yaw"][0, 1]) * 120 / 4
    assert abs(turn) > 0.5
    assert seen[0, :, TURNED] == pytest.approx([turn, 0], abs=1e-4)
    place(game, yaw=[0, pi], speed=[240, 240])
    assert game.step(act(IDLE, IDLE))[0][0, :, CLOSURE].tolist() == [1, 1]


def test_energy_position_and_angles_of_a_frame() -> None:
    game = make()
    game.reset()
    place(game, x=[-100, 100], y=[300, 400], yaw=[0, pi / 2], speed=[150, 100])
    seen = game.restore(game.snapshot())[0, 0]
    angle = np.arctan2(100, 200)
    assert seen[[6, 7, 17]] == pytest.approx([-0.2, (150**2 + 260 * 300) / 218_500, (100**2 + 260 * 400) / 218_500])
    assert seen[51] == pytest.approx(angle / pi, abs=1e-6)
    assert seen[18] == seen[52] == pytest.approx(((angle - pi) - pi / 2 + 2 * pi) / pi, abs=1e-6)
    assert seen[53:56] == pytest.approx([150 / 250, -100 / 250, 1], abs=1e-6)


def test_egocentric_is_the_newest_frame_and_the_features_of_training() -> None:
    """The 20 features are the same function of the 46 floats that are part of a frame."""
    games = [make(5, observation=name, ticks_per_decision=10) for name in ("original", "egocentric")]
    training = ludus.games.make("dogfight", rules="training", batch=5, observation="egocentric", autoreset="disabled")
    for game in games:
        game.reset()
    for chosen in np.random.default_rng(0).uniform(-1, 1, (30, 5, 2, 3)).astype(np.float32):
        stack, ego = (game.step(chosen)[0] for game in games)
        assert np.array_equal(stack[..., :56], ego[..., :56])
    state = games[0].snapshot()
    known = {name: values for name, values in state.items() if name != "frames" and not name.startswith("previous")}
    near = (np.abs(state["x"][:, 0] - state["x"][:, 1]) < 400) & (np.abs(state["x"]) < 200).all(axis=1)
    assert near.any()
    expected = training.restore(known)
    assert np.array_equal(ego[near][..., 56:], expected[near][..., 46:])


# --- seating, snapshots ------------------------------------------------------------------------------


def test_bots_fly_at_12_hz() -> None:
    game = make(4, ticks_per_decision=1)
    game.reset()
    game.seat_bots(1, ["chaser", "dogfighter", "ace", "brawler"])
    held = []
    for _ in range(40):
        game.step(np.zeros((4, 2, 3), np.float32))
        held.append(game.snapshot()["action_yaw"][:, 1])
    changes = np.flatnonzero((np.diff(np.stack(held), axis=0) != 0).any(axis=1)) + 1
    assert len(changes)
    assert not (changes % 10).any()


def test_a_restored_snapshot_continues_bit_for_bit() -> None:
    chosen = np.random.default_rng(3).uniform(-1, 1, (45, 6, 2, 3)).astype(np.float32)
    game = make(6, ticks_per_decision=10)
    game.reset()
    game.seat_bots(1, [None, "do_nothing", "chaser", "dogfighter", "ace", "brawler"])
    for actions in chosen[:15]:
        seen = game.step(actions)[0]
    seen = seen.copy()
    state = game.snapshot()
    assert state["frames"].shape == (6, 2, 4, 56)
    assert np.array_equal(game.restore(state), seen)
    assert all(np.array_equal(state[name], values) for name, values in game.snapshot().items())
    futures = []
    for other in (game, make(6, ticks_per_decision=10)):
        assert np.array_equal(other.restore(state), seen)
        futures.append(np.stack([other.step(actions)[0].copy() for actions in chosen[15:]]))
    assert np.array_equal(*futures)


def test_at_tick_0_nothing_was_before() -> None:
    game = make(ticks_per_decision=10)
    game.reset()
    for _ in range(5):
        game.step(act(IDLE, IDLE))
    place(game)
    state = game.snapshot()
    for name in ("x", "y", "yaw"):
        assert np.array_equal(state[f"previous_{name}"], state[name])
    assert not game.restore(state)[..., 56:].any()


def test_same_seed_same_match_whatever_slot() -> None:
    chosen = np.random.default_rng(1).uniform(-1, 1, (40, 2, 3)).astype(np.float32)
    seen = []
    for batch, slot in ((1, 0), (7, 4)):
        game = make(batch, ticks_per_decision=10)
        game.reset()
        game.reset(np.array([slot]), np.array([11], np.uint64))
        everybody = np.zeros((batch, 2, 3), np.float32)
        rows = []
        for actions in chosen:
            everybody[slot] = actions
            rows.append(game.step(everybody)[0][slot].copy())
        seen.append(np.stack(rows))
    assert np.array_equal(*seen)


def test_a_device_with_its_own_memory_plays_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def play() -> list[np.ndarray]:
        game = make(4, ticks_per_decision=10, autoreset="same_step")
        seen = [game.reset().copy()]
        game.seat_bots(1, ["chaser", "dogfighter", "ace", "brawler"])
        for k, actions in enumerate(np.random.default_rng(0).uniform(-1, 1, (60, 4, 2, 3)).astype(np.float32)):
            observation, reward, _, _, info = game.step(actions)
            seen += [observation.copy(), reward.copy(), info.final_observation.copy()]
            if k == 20:
                seen.append(game.restore(game.snapshot()).copy())
        return [*seen, *game.snapshot().values()]

    expected = play()
    monkeypatch.setattr("ludus.games.arrays.shares_memory", lambda device: False)
    assert all(np.array_equal(a, b) for a, b in zip(play(), expected, strict=True))
