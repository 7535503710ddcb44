"""Defects of the original dogfight's simulators and environments: for each, a test that fails when it is put back.

Its league and trainers: test_dogfight_defects_league.py. Names say what went wrong there.
"""

from __future__ import annotations

from math import pi
from typing import Any

import numpy as np
import pytest
import torch

import ludus.games
from ludus.games.conditions import in_regime
from ludus.games.dogfight.constants import PHYSICS, REGIMES

SCALES = (200, 2, 1, 500, 100, 400, 800, 240, 180, 10, 8, 4, pi)
IDLE, FIRE = (0.0, 0.5, 0.0), (0.0, 0.5, 1.0)
LAYOUTS = ("original+config", "egocentric+config")


def make(batch: int = 1, **parameters: Any) -> Any:
    return ludus.games.make("dogfight", batch=batch, seed=1, **({"autoreset": "disabled"} | parameters))


def place(game: Any, **changes: Any) -> None:
    """Two aircraft far apart, level, at 150 m/s; then the changes, [2] each, as float or whole numbers."""
    state: dict[str, Any] = {
        "x": [-200, 200], "y": [300, 300], "yaw": [0, 0], "speed": [150, 150], "hp": [5, 5], "cooldown": [0, 0],
        "stall_ticks": [0, 0], "alive": [True, True],
    } | changes  # fmt: skip
    game.restore({name: np.array([values]) for name, values in state.items()} | {"tick": np.array([0])})


def act(*rows: tuple[float, float, float]) -> np.ndarray:
    return np.array([rows], np.float32)


# --- starts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("autoreset", ["same_step", "disabled"])
def test_random_starts_are_not_ignored_at_the_start_nor_after_a_restart(autoreset: str) -> None:
    """The GPU simulator always used the fixed start, whatever it was told."""
    game = make(64, autoreset=autoreset)
    for _ in range(2):
        game.reset()
        state = game.snapshot()
        for name in ("x", "y", "yaw", "speed"):
            assert len(np.unique(state[name][:, 0])) > 60, name
    game.restore({"tick": np.full(64, 10_795)})
    game.step(np.zeros((64, 2, 3), np.float32))
    if autoreset == "same_step":
        assert len(np.unique(game.snapshot()["x"][:, 0])) > 60


def test_the_seed_reaches_the_episode() -> None:
    """Evaluations gave it to the generator of the environment, so equal seeds meant different matches."""
    one, other = make(3), make(3, physics={"gravity": 80})
    one.reset()
    seeds = np.array([5, 6, 7], np.uint64)
    np.testing.assert_array_equal(one.reset(seeds=seeds), other.reset(seeds=seeds))
    assert one.snapshot()["seed"].tolist() == [5, 6, 7]


# --- rewards ------------------------------------------------------------------------------------------


def test_rewards_have_the_right_rate() -> None:
    """Per tick and summed, a held position within 250 m is worth ten times its weight per decision; not a tenth."""
    for every, factor in (("tick", 10), ("decision", 1)):
        game = make(reward_every=every, rewards={"approach": 0, "facing": 0, "proximity": 0.5, "alive": 0.25})
        place(game, x=[-50, 50])
        assert game.step(act(IDLE, IDLE))[1][0].tolist() == [0.75 * factor] * 2


def test_reward_weights_of_the_configuration_arrive() -> None:
    """A trainer never handed them over and learned with the defaults of the environment."""
    paid = []
    for weight in (3.0, 11.0):
        game = make(rewards={"damage_dealt": weight, "approach": 0, "proximity": 0, "facing": 0})
        place(game, x=[-30, 30], yaw=[0, pi], cooldown=[0, 90], hp=[5, 5])
        paid.append(sum(game.step(act(FIRE, IDLE))[1][0, 0] for _ in range(3)))
    assert paid == [3.0, 11.0]


def test_the_reward_of_aliveness_is_not_forgotten() -> None:
    game = make(rewards={"alive": 1, "approach": 0, "proximity": 0, "facing": 0})
    place(game)
    assert game.step(act(IDLE, IDLE))[1][0].tolist() == [10, 10]


# --- bullets ------------------------------------------------------------------------------------------


def test_no_shot_is_lost_for_want_of_a_slot() -> None:
    """A ring of 24 lost the 25th, and the gun had to cool all the same."""
    physics = {"gun_cooldown_ticks": 1, "bullet_lifetime_ticks": 40, "max_hp": 30}
    game = make(ticks_per_decision=1, physics=physics, random_spawn=False)
    game.reset()
    for _ in range(60):
        game.step(act(FIRE, FIRE))
    assert (game.snapshot()["bullet_ticks"] > 0).sum() == 2 * 39


def test_bullets_stand_in_the_order_of_firing_after_one_has_left() -> None:
    game = make(ticks_per_decision=1, physics={"gun_cooldown_ticks": 3, "bullet_lifetime_ticks": 20})
    place(game, yaw=[pi, 0])
    for _ in range(40):
        game.step(act(FIRE, FIRE))
        ticks = game.snapshot()["bullet_ticks"][0]
        live = ticks[ticks > 0]
        assert (np.diff(live) >= 0).all()
        owners = game.snapshot()["bullet_owner"][0, : len(live)]
        assert owners.tolist() == [0, 1] * (len(live) // 2), "of two fired in one tick, that of seat 0 stands first"
    assert len(live) > 8


# --- bots ---------------------------------------------------------------------------------------------


def bullets(*rows: tuple[float, float, float, float, int, int]) -> dict[str, np.ndarray]:
    names = ("bullet_x", "bullet_y", "bullet_vx", "bullet_vy", "bullet_owner", "bullet_ticks")
    return {name: np.array([[row[k] for row in rows]]) for k, name in enumerate(names)}


@pytest.mark.parametrize(("own", "dodges"), [(7, True), (8, False)])
def test_bots_see_eight_bullets_as_players_do(own: int, dodges: bool) -> None:
    game = make(ticks_per_decision=1)
    place(game, speed=[150, 100])
    game.restore(bullets((200, 360, 0, 0, 0, 50), *((200 + d, 310, 400, 0, 1, 50) for d in range(own))))
    game.seat_bots(1, "ace")
    game.step(act(IDLE, IDLE))
    assert (game.snapshot()["bot_evade_calls"][0, 1] > 0) == dodges


def first_action(bot: str, **state: Any) -> tuple[float, float]:
    """Stick and throttle of a bot in seat 0 in its first call."""
    game = make(ticks_per_decision=1)
    memory = {name: state.pop(name) for name in list(state) if name.startswith("bot_")}
    place(game, **state)
    game.seat_bots(0, bot)
    game.restore({name: np.array([[value, 0]]) for name, value in memory.items()})
    game.step(act(IDLE, IDLE))
    after = game.snapshot()
    return float(after["action_yaw"][0, 0]), float(after["action_throttle"][0, 0])


def test_dogfighter_gains_energy_to_the_right_whichever_side_the_opponent_is_on() -> None:
    """The GPU simulator flew to 153.4° when the opponent was on the right."""
    for x in ([-200, 200], [200, -200]):
        stick, _ = first_action("dogfighter", x=x, yaw=[0.2, 0], bot_mode=2, bot_mode_calls=30)
        assert stick == pytest.approx(2 * (np.arctan(0.5) - 0.2), abs=1e-5)


def test_a_break_goes_right_when_the_opponent_is_exactly_ahead() -> None:
    """off == 0: the GPU simulator took the other side."""
    stick, _ = first_action("dogfighter", yaw=[0, 0], bot_mode=1, bot_mode_calls=45)
    assert stick == -1


def test_a_crossing_target_exactly_ahead_is_led_to_the_one_side() -> None:
    """r·perp == 0 from straight behind: the shift is −60·perp, perp being the normal of his nose."""
    stick, _ = first_action("chaser", x=[-100, 100], yaw=[0, 0], speed=[150, 150])
    lead = 200 + 150 * 200 / 400
    assert stick == pytest.approx(2.5 * np.arctan2(-60, lead), abs=1e-4)


def test_closing_and_aim_take_the_distance_as_it_is_below_a_metre() -> None:
    """At half a metre a chaser sees no closing speed, hence begins no yo-yo, and leads by that half metre only."""
    game = make(ticks_per_decision=1)
    place(game, x=[0, 0.5], yaw=[0, pi], speed=[150, 150])
    game.seat_bots(0, "chaser")
    game.step(act(IDLE, IDLE))
    state = game.snapshot()
    assert state["bot_yoyo_calls"][0, 0] == 0
    stick, _ = first_action("chaser", x=[0, 0.5], yaw=[0.1, pi / 2], speed=[150, 150])
    # The opponent flies up: 0.5 m away he is led by 150·0.5/400 m.
    assert stick == pytest.approx(2.5 * (np.arctan2(150 * 0.5 / 400, 0.5) - 0.1), abs=1e-3)


# --- decisions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ticks", [1, 10, 25])
def test_a_decision_has_as_many_ticks_as_asked(ticks: int) -> None:
    """Ten were written into the kernel."""
    game = make(ticks_per_decision=ticks)
    game.reset()
    game.step(act(IDLE, IDLE))
    assert game.snapshot()["tick"].tolist() == [ticks]


def test_what_was_handed_over_or_returned_is_never_changed_behind_the_callers_back() -> None:
    """A mask of scripted seats was one array, changed in place, so the flags of finished episodes were wrong."""
    game = make(3)
    seats: list[str | None] = ["ace", None, "chaser"]
    game.seat_bots(1, seats)
    game.reset()
    state, slots = game.snapshot(), np.array([0, 2], np.int32)
    kept = {name: values.copy() for name, values in state.items()}
    seats[0] = None
    game.seat_bots(1, [None, "brawler"], slots)
    game.reset(matches=slots)
    game.step(np.zeros((3, 2, 3), np.float32))
    assert all(np.array_equal(kept[name], state[name]) for name in kept)
    assert game.snapshot()["bot"][:, 1].tolist() == [0, 0, 5]
    assert slots.tolist() == [0, 2]


# --- randomisation and the config vector --------------------------------------------------------------


def test_the_highest_whole_number_is_drawn_as_often_as_the_others() -> None:
    """A float sample cut down made the top integer as good as impossible."""
    game = make(4000, randomisation={"max_hp": (3, 8)})
    game.reset()
    counts = np.bincount(game.snapshot()["max_hp"])[3:]
    assert len(counts) == 6
    assert counts.min() > 500


def test_a_new_level_begins_with_the_next_episode_of_each_slot() -> None:
    game = make(4)
    game.reset()
    game.vary({"randomisation": "full"})
    game.step(np.zeros((4, 2, 3), np.float32))
    assert set(game.snapshot()["gravity"]) == {80}
    game.reset(matches=np.array([1], np.int32))
    changed = game.snapshot()["gravity"] != 80
    assert changed.tolist() == [False, True, False, False]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("regime", REGIMES)
def test_the_config_vector_does_not_lie_in_evaluation(layout: str, regime: str) -> None:
    """Regimes were examined with the default vector; here with the true one, in a slot that had others before."""
    spec = ludus.games.spec("dogfight")
    game = make(2, observation=layout, randomisation="full")
    game.reset()
    given = in_regime(spec, "training", {"observation": layout, "randomisation": "full"}, regime)
    game.vary({name: given[name] for name in spec.per_match if name in given}, np.array([1], np.int32))
    seen = game.reset()
    for _ in range(2):
        physics = np.stack([game.snapshot()[name] for name in PHYSICS], axis=1)
        np.testing.assert_allclose(seen[:, :, -13:], np.repeat((physics / SCALES)[:, None], 2, axis=1), atol=1e-6)
        seen = game.step(np.zeros((2, 2, 3), np.float32))[0]
    true = [REGIMES[regime].get(name, parameter.default) for name, parameter in PHYSICS.items()]
    np.testing.assert_allclose(seen[1, 0, -13:], np.array(true) / SCALES, atol=1e-6)


def test_torch_works_on_the_memory_of_the_game() -> None:
    """Observations of GPU games came back over the host. On the CPU nothing is copied at all."""
    game = make(4)
    tensor = torch.from_numpy(game.reset())
    before = tensor.clone()
    seen = game.step(np.ones((4, 2, 3), np.float32))[0]
    assert tensor.data_ptr() == seen.ctypes.data == game._observation.device.ptr
    assert not torch.equal(before, tensor), "the tensor shows the next decision without being told"
