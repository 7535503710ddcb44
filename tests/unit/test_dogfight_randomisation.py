"""Domain randomisation, fixed physics, the config observation and the regimes of evaluation."""

from __future__ import annotations

from math import pi
from typing import Any

import numpy as np
import pytest

import ludus.games
from ludus.games.dogfight import REGIMES
from ludus.games.dogfight.constants import PHYSICS

MASK = 2**64 - 1
LEVELS = {
    "narrow": ((60, 100), (0.7, 1.1), (0.15, 0.35), (220, 280), (15, 30), (140, 220), (350, 450), (70, 110), (45, 75),
               (4, 7), (3.2, 4.8), (0.6, 1.0), (0.5, 1.0)),
    "full": ((40, 120), (0.5, 1.3), (0.05, 0.45), (180, 320), (10, 40), (100, 260), (300, 500), (45, 135), (30, 90),
             (3, 8), (2.5, 5.5), (0.4, 1.2), (0.3, 1.2)),
}  # fmt: skip
WHOLE = ("gun_cooldown_ticks", "bullet_lifetime_ticks", "max_hp")
SCALES = (200, 2, 1, 500, 100, 400, 800, 240, 180, 10, 8, 4, pi)


def make(batch: int = 4, seed: int = 1, **parameters: Any) -> Any:
    return ludus.games.make("dogfight", rules="training", batch=batch, seed=seed, **parameters)


def physics_of(game: Any) -> np.ndarray:
    """[B, 13] as the snapshot has them."""
    state = game.snapshot()
    return np.stack([state[name] for name in PHYSICS], axis=1)


def mixed(z: int) -> int:
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def drawn(seed: int, level: str) -> list[float]:
    """The documented draws 8 … 20, in Python integers and float64."""
    values = []
    for k, (name, (low, high)) in enumerate(zip(PHYSICS, LEVELS[level], strict=True)):
        bits = mixed((mixed(seed) + (8 + k) * 0x9E3779B97F4A7C15) & MASK) >> 40
        low, high = float(np.float32(low)), float(np.float32(high))
        real = float(np.float32(low + bits / (2**24 - 1) * (high - low)))
        values.append(low + bits * int(high - low + 1) // 2**24 if name in WHOLE else real)
    return values


@pytest.mark.parametrize("level", LEVELS)
def test_draws_fill_their_ranges(level: str) -> None:
    game = make(batch=6000, randomisation=level)
    game.reset()
    for name, values, (low, high) in zip(PHYSICS, physics_of(game).T, LEVELS[level], strict=True):
        assert (low, high) == (getattr(PHYSICS[name], level))
        assert np.float32(low) <= values.min()
        assert values.max() <= np.float32(high)
        assert values.mean() == pytest.approx((low + high) / 2, abs=0.02 * (high - low))
        if name in WHOLE:
            found, counts = np.unique(values, return_counts=True)
            assert found.tolist() == list(range(low, high + 1)), "both ends included"
            assert counts.min() > 0.5 * counts.mean(), "the ends are no rarer than the rest"
        else:
            assert values.max() - values.min() > 0.99 * (high - low)


@pytest.mark.parametrize("level", LEVELS)
def test_the_physics_are_a_pure_function_of_the_seed(level: str) -> None:
    seeds = np.array([0, 1, 12345, 2**63 + 17, MASK], np.uint64)
    game = make(batch=5, randomisation=level)
    game.reset(seeds=seeds)
    found = physics_of(game)
    assert found.tolist() == [drawn(int(seed), level) for seed in seeds]
    other = make(batch=9, seed=3, randomisation=level, autoreset="disabled")
    other.reset(matches=np.array([8, 3, 0, 1, 7]), seeds=seeds)
    assert physics_of(other)[[8, 3, 0, 1, 7]].tolist() == found.tolist(), "whatever slot and batch"


def test_the_start_of_an_episode_does_not_depend_on_what_else_is_drawn() -> None:
    seeds = np.arange(4, dtype=np.uint64)
    states = []
    for level in ("none", "full"):
        game = make(randomisation=level)
        game.reset(seeds=seeds)
        states.append(game.snapshot())
    for name in ("x", "y", "yaw"):
        assert np.array_equal(states[0][name], states[1][name])
    slow = states[1]["min_speed"][:, None]
    assert (states[1]["speed"] >= slow + 15).all()
    assert (states[1]["hp"] == states[1]["max_hp"][:, None]).all(), "both players share the physics"


def test_a_new_episode_has_new_physics_and_a_running_one_keeps_its() -> None:
    game = make(randomisation="full", autoreset="same_step")
    game.reset()
    before = physics_of(game)
    game.restore({"tick": np.array([0, 10_790, 0, 10_790])})
    nothing = np.zeros((4, 2, 3), np.float32)
    *_, info = game.step(nothing)
    after = physics_of(game)
    assert info.done.tolist() == [False, True, False, True]
    assert np.array_equal(before[[0, 2]], after[[0, 2]])
    assert (before[[1, 3]] != after[[1, 3]]).all()
    game.reset(matches=np.array([2]))
    assert np.array_equal(after[[0, 1, 3]], physics_of(game)[[0, 1, 3]])
    assert (physics_of(game)[2] != after[2]).any()


def test_another_level_takes_effect_at_the_next_episode() -> None:
    game = make(batch=300, randomisation="none", autoreset="disabled")
    game.reset()
    defaults = physics_of(game)
    game.vary({"randomisation": "narrow"})
    assert np.array_equal(physics_of(game), defaults)
    game.reset(matches=np.arange(150), seeds=np.arange(150, dtype=np.uint64))
    assert physics_of(game)[:150].tolist() == [drawn(seed, "narrow") for seed in range(150)]
    assert np.array_equal(physics_of(game)[150:], defaults[150:])
    game.vary({"randomisation": "full"})
    game.reset(seeds=np.arange(300, dtype=np.uint64))
    assert physics_of(game).tolist() == [drawn(seed, "full") for seed in range(300)]
    game.vary({"randomisation": "none"})
    game.reset()
    assert np.array_equal(physics_of(game), defaults), "and back"


def test_a_change_of_level_leaves_the_running_matches_alone() -> None:
    """More bullets may fly under the new level: the slots grow, nothing else happens."""
    chosen = np.random.default_rng(0).uniform(-1, 1, (60, 6, 2, 3)).astype(np.float32)
    seen = []
    for change in (False, True):
        game = make(batch=6, autoreset="disabled")
        game.reset()
        game.seat_bots(1, "ace")
        for k, actions in enumerate(chosen):
            if change and k == 30:
                game.vary({"randomisation": {"bullet_lifetime_ticks": (30, 600), "gun_cooldown_ticks": (5, 9)}})
            observation = game.step(actions)[0]
        seen.append(observation.copy())
    assert np.array_equal(*seen)
    with pytest.raises(ValueError, match="Did you mean 'narrow'"):
        game.vary({"randomisation": "narow"})


def test_fixed_physics_win_over_randomisation() -> None:
    game = make(batch=200, randomisation="full", physics={"gravity": 55, "max_hp": 2})
    game.reset()
    state = game.snapshot()
    assert set(state["gravity"]) == {55}
    assert set(state["max_hp"]) == {2}
    assert len(np.unique(state["max_thrust"])) > 190
    assert (state["hp"] == 2).all()


def test_only_named_numbers_are_drawn() -> None:
    game = make(batch=200, randomisation={"max_hp": (3, 4), "gravity": [10, 10]})
    game.reset()
    state = game.snapshot()
    assert set(state["max_hp"]) == {3, 4}
    assert set(state["gravity"]) == {10}
    rest = [name for name in PHYSICS if name not in ("max_hp", "gravity")]
    assert all((state[name] == np.float32(PHYSICS[name].default)).all() for name in rest)


def test_samples_that_contradict_each_other_are_repaired() -> None:
    """A lowest speed within 50 of the highest raises it; turn rates in the wrong order are put 0.1 apart."""
    ranges = {"min_speed": (10, 90), "max_speed": (60, 120), "min_turn_rate": (1, 3), "max_turn_rate": (1, 3)}
    game = make(batch=500, randomisation=ranges)
    game.reset()
    state = game.snapshot()
    gap = state["max_speed"] - state["min_speed"]
    assert gap.min() == pytest.approx(50, abs=1e-4)
    assert ((state["min_speed"] >= 10) & (state["min_speed"] <= 90)).all()
    turn_gap = state["max_turn_rate"] - state["min_turn_rate"]
    assert turn_gap.min() > 0
    assert (np.abs(turn_gap - 0.1) < 1e-5).mean() > 0.3
    fixed = make(batch=500, randomisation=ranges, physics={"max_speed": 90})
    fixed.reset()
    state = fixed.snapshot()
    assert set(state["max_speed"]) == {90}, "what is fixed stays"
    assert state["min_speed"].max() == 40


def test_no_shot_lacks_a_slot_under_the_longest_lifetime_and_the_shortest_cooldown() -> None:
    game = make(batch=50, randomisation={"gun_cooldown_ticks": (2, 3), "bullet_lifetime_ticks": (80, 90)})
    assert game.snapshot()["bullet_ticks"].shape[1] == 2 * 2 * 45


# --- config observation ------------------------------------------------------------------------------


def test_the_default_config_vector() -> None:
    seen = make(observation="original+config").reset()
    expected = [0.4, 0.45, 0.25, 0.5, 0.2, 0.45, 0.5, 0.375, 0.3333, 0.5, 0.5, 0.2, 0.24987]
    assert seen.shape == (4, 2, 59)
    assert np.abs(seen[..., 46:] - expected).max() < 5e-5


@pytest.mark.parametrize(("observation", "first"), [("original+config", 46), ("egocentric+config", 66)])
def test_the_config_vector_tells_the_truth(observation: str, first: int) -> None:
    """At the start, after a step, in final_observation, after a restart and after restore; the same for both seats."""

    def check(game: Any, seen: np.ndarray) -> None:
        expected = physics_of(game) / SCALES
        assert np.abs(seen[..., first:] - expected[:, None]).max() < 1e-6

    game = make(observation=observation, randomisation="full")
    assert game.obs_size == first + 13 == ludus.games.spec("dogfight").observations["training"][observation]
    seen = game.reset()
    check(game, seen)
    before = physics_of(game) / SCALES
    game.restore({"tick": np.array([0, 10_790, 0, 10_790])})
    seen, *_, info = game.step(np.zeros((4, 2, 3), np.float32))
    check(game, seen)
    assert np.abs(info.final_observation[..., first:] - before[:, None]).max() < 1e-6
    assert not np.array_equal(info.final_observation[1], seen[1])
    sniper = {name: np.full(4, REGIMES["sniper"].get(name, PHYSICS[name].default)) for name in PHYSICS}
    check(game, game.restore({**sniper, "hp": np.full((4, 2), 2)}))
    other = make(observation=observation, seed=9)
    other.reset()
    check(other, other.restore(game.snapshot()))


def test_config_is_appended_and_changes_nothing_else() -> None:
    seeds = np.arange(4, dtype=np.uint64)
    plain, more = (make(observation=name, randomisation="narrow") for name in ("original", "original+config"))
    assert np.array_equal(plain.reset(seeds=seeds), more.reset(seeds=seeds)[..., :46])


def test_features_use_the_physics_where_they_are_shown() -> None:
    """With the config the own speed is in m/s of this match; without it, as if its top speed were the usual one."""
    fast = {"max_speed": 320, "bullet_speed": 500}
    shown, hidden = (make(observation=name, physics=fast) for name in ("egocentric+config", "egocentric"))
    seeds = np.arange(4, dtype=np.uint64)
    seen, blind = (game.reset(seeds=seeds)[..., 60] for game in (shown, hidden))
    speed = shown.snapshot()["speed"]
    assert seen == pytest.approx(speed / 100 - 1, abs=1e-5)
    assert blind == pytest.approx(speed / 100 * 250 / 320 - 1, abs=1e-5)


@pytest.mark.parametrize("regime", REGIMES)
def test_regimes_are_physics_and_can_be_seen(regime: str) -> None:
    game = make(physics=REGIMES[regime], observation="original+config", randomisation="none")
    seen = game.reset()
    for k, (name, parameter) in enumerate(PHYSICS.items()):
        value = REGIMES[regime].get(name, parameter.default)
        assert game.snapshot()[name].tolist() == [pytest.approx(value)] * 4
        assert seen[0, 1, 46 + k] == pytest.approx(value / SCALES[k], abs=1e-6)


def test_a_replay_under_randomisation_is_exact() -> None:
    chosen = np.random.default_rng(1).uniform(-1, 1, (80, 3, 2, 3)).astype(np.float32)
    seeds = np.array([5, 6, 7], np.uint64)
    runs = []
    for seed in (1, 2):
        game = make(batch=3, seed=seed, randomisation="full", observation="egocentric+config", autoreset="disabled")
        game.reset(seeds=seeds)
        game.seat_bots(1, ["ace", None, "brawler"])
        runs.append(np.stack([game.step(actions)[0].copy() for actions in chosen]))
    assert np.array_equal(*runs)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("ful", "Did you mean 'full'"),
        (3, "randomisation must be one of"),
        ({"gravitiy": (1, 2)}, "Did you mean 'gravity'"),
        ({"gravity": 5}, r"pair \(low, high\)"),
        ({"gravity": (9, 5)}, "low <= high"),
        ({"gravity": (-1, 5)}, "in 0 … 1000"),
        ({"gravity": (0, float("inf"))}, "finite"),
        ({"max_hp": (2.5, 5)}, "whole ends"),
    ],
)
def test_bad_randomisations_are_named(given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(randomisation=given)
