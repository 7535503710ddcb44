"""Whatever is given to the dogfight, it takes it or says what it wants, as a ValueError."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ludus.games


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"physics": 5}, "physics must be a mapping"),
        ({"physics": {3: 1}}, "unknown physics parameter of dogfight 3"),
        ({"physics": {"gravity": "x"}}, "gravity must be a finite number"),
        ({"physics": {"max_hp": 10**400}}, "max_hp must be a finite number"),
        ({"rewards": 3}, "rewards must be a mapping"),
        ({"rewards": {1: 1}}, "unknown reward term"),
        ({"observation": 3}, "unknown observation"),
        ({"observation": None}, "'original'"),
        ({"autoreset": None}, "'same_step', 'disabled'"),
        ({"reward_every": 1}, "'tick', 'decision'"),
        ({"randomisation": {3: (1, 2)}}, "unknown physics parameter"),
        ({"randomisation": {"gravity": (None, 1)}}, "finite number"),
        ({"ticks_per_decision": [1]}, "ticks_per_decision must be a finite number"),
        ({"seed": "a"}, "seed must be a whole number"),
        ({"seed": 1.5}, "seed must be a whole number"),
        ({"seed": True}, "seed must be a whole number"),
        ({"seed": 2**64}, "seed must be a whole number"),
        ({"batch": 2.5}, "batch must be a whole number"),
        ({"batch": None}, "batch must be a whole number"),
        ({"batch": 0}, "batch must be a whole number"),
        ({"device": 3}, "device '3'|device 3"),
        ({"device": None}, "device"),
        ({"rules": 3}, "unknown rule set of dogfight 3"),
    ],
)
def test_make_says_what_it_wants(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ludus.games.make("dogfight", **({"batch": 2} | parameters))


@pytest.mark.parametrize("name", [3, None, ["dogfight"]])
def test_a_game_has_a_name(name: Any) -> None:
    with pytest.raises(ValueError, match="unknown game"):
        ludus.games.make(name)


Array = np.ndarray[Any, Any]
STATES: list[tuple[Callable[[dict[str, Array]], Any], str]] = [
    (lambda s: None, "mapping of names to arrays"),
    (lambda s: [1], "mapping of names to arrays"),
    (lambda s: {3: s["x"]}, "unknown state array"),
    (lambda s: {"x": np.array([["a", "b"], ["c", "d"]])}, "array of numbers"),
    (lambda s: {"x": np.array([[None, 1], [1, 2]], object)}, "array of numbers"),
    (lambda s: {"x": s["x"] * 1j}, "array of numbers"),
    (lambda s: {"x": [[1, 2], [3]]}, "array of numbers"),
    (lambda s: {"x": None}, "array of numbers"),
    (lambda s: {"hp": s["hp"] + 1}, "above max_hp"),
    (lambda s: {"max_hp": s["max_hp"] - 1}, "above max_hp"),
    (lambda s: {"hp": s["hp"] - 0.5}, "hp must be whole"),
    (lambda s: {"tick": np.array([[1, 2], [3, 3]])}, "two equal columns"),
    (lambda s: {"tick": np.array([[1, 1, 1], [3, 3, 3]])}, "two equal columns"),
    (lambda s: {"tick": np.array([2**40, 1])}, "tick must be in 0 … 10800"),
    (lambda s: {"tick": np.array([10_801, 1])}, "tick must be in"),
    (lambda s: {"seed": np.array([-1, 1])}, "seed must be in"),
    (lambda s: {"alive": np.array([[2, 1], [0, 1]])}, "alive must be in 0 … 1"),
    (lambda s: {"bot_mode": s["bot_mode"] + 9}, "bot_mode must be in 0 … 4"),
    (lambda s: {"bot_evade_direction": s["bot_mode"] + 2}, "bot_evade_direction must be in"),
]


@pytest.mark.parametrize(("change", "message"), STATES)
def test_restore_says_what_it_wants_and_changes_nothing(change: Callable[[Any], Any], message: str) -> None:
    game = ludus.games.make("dogfight", batch=2, seed=1)
    game.reset()
    before = game.snapshot()
    with pytest.raises(ValueError, match=message):
        game.restore(change(before))
    after = game.snapshot()
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_a_tick_per_seat_is_taken_where_both_agree() -> None:
    game = ludus.games.make("dogfight", batch=2, seed=1)
    game.restore({"tick": np.array([[20, 20], [30, 30]])})
    assert game.snapshot()["tick"].tolist() == [20, 30]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda g: g.seat_bots(1, 3), "bots must be a name"),
        (lambda g: g.seat_bots(1, [3, None]), "unknown bot"),
        (lambda g: g.seat_bots(1.0, "ace"), "seat must be 0 or 1"),
        (lambda g: g.seat_bots(True, "ace"), "seat must be 0 or 1"),
        (lambda g: g.reset(seeds=np.array([-1, 2])), "integers from 0 on"),
        (lambda g: g.vary(3), "mapping of parameters"),
        (lambda g: g.vary({"autoreset": "disabled"}), "may differ between matches"),
        (lambda g: g.vary({"physics": 3}), "physics must be a mapping"),
        (lambda g: g.vary({}, [5]), "matches must be"),
    ],
)
def test_calls_say_what_they_want(call: Callable[[Any], Any], message: str) -> None:
    game = ludus.games.make("dogfight", batch=2, seed=1)
    game.reset()
    with pytest.raises(ValueError, match=message):
        call(game)
