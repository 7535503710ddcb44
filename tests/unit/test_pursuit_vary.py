"""Matches of one batch may start in different ways: near or far, with obstacles or without."""

from typing import Any

import numpy as np
import pytest

import ludus.games

NEAR = {"physics": {"min_separation": 2.0, "max_separation": 3.0}}
CROWDED = {"physics": {"min_separation": 2.0, "max_separation": 5.0, "min_obstacles": 3, "max_obstacles": 3}}


def game(**parameters: Any) -> Any:
    return ludus.games.make("pursuit", batch=6, seed=1, **{"autoreset": "disabled"} | parameters)


def separations(played: Any) -> np.ndarray:
    state = played.snapshot()
    return np.hypot(state["px"] - state["ex"], state["py"] - state["ey"])


def test_each_slot_starts_as_it_was_told_and_as_a_whole_game_of_that_kind_would() -> None:
    seeds = np.arange(6, dtype=np.uint64)
    mixed, near, crowded, plain = game(), game(**NEAR), game(**CROWDED), game()
    mixed.vary(NEAR, np.array([0, 3], np.int32))
    mixed.vary(CROWDED, np.array([1], np.int32))
    seen = mixed.reset(seeds=seeds).copy()
    assert (separations(mixed)[[0, 3]] <= 3.0).all()
    for other, slots in ((near, [0, 3]), (crowded, [1]), (plain, [2, 4, 5])):
        expected = other.reset(seeds=seeds)
        np.testing.assert_array_equal(seen[slots], expected[slots])
        for name, array in other.snapshot().items():
            np.testing.assert_array_equal(mixed.snapshot()[name][slots], array[slots])
    mixed.vary({}, None)
    np.testing.assert_array_equal(mixed.reset(seeds=seeds), plain.reset(seeds=seeds))


def test_running_episodes_go_on_as_they_are() -> None:
    seeds = np.arange(6, dtype=np.uint64)
    varied, plain = game(), game()
    varied.reset(seeds=seeds)
    plain.reset(seeds=seeds)
    varied.vary(CROWDED)
    actions = np.full((6, 2, 2), 0.5, np.float32)
    for _ in range(5):
        np.testing.assert_array_equal(varied.step(actions)[0], plain.step(actions)[0])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"rewards": {}}, "rewards.*physics"),
        ({"physics": {"pursuer_speed": 2.0}}, "pursuer_speed.*min_separation"),
        ({"physics": {"min_separation": 9.0, "max_separation": 3.0}}, "must not be above"),
        (3, "mapping"),
    ],
)
def test_what_cannot_differ_is_refused(parameters: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        game().vary(parameters)


def test_matches_that_restart_by_themselves_start_alike() -> None:
    with pytest.raises(ValueError, match="autoreset"):
        game(autoreset="same_step").vary(NEAR)
