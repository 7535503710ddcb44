"""Gymnasium environments as games: spaces, actions, seeds, endings, and what is said when something is missing."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

from ludus.games import adapter, make, spec
from ludus.games.game import ActionSpec
from ludus.games.gym.spaces import action_spec, converter, flattener, observation_size


class Corridor(gymnasium.Env[Any, Any]):
    """A counter: terminates after `length` steps, is truncated after `patience`; the seed is the first number shown."""

    def __init__(self, length: int = 3, patience: int = 9) -> None:
        inner = spaces.Dict({"z": spaces.Box(-9, 9, (2,)), "a": spaces.Discrete(3, start=1)})
        self.observation_space = spaces.Tuple((inner, spaces.MultiBinary(2)))
        self.action_space = spaces.MultiDiscrete([2, 3])
        self.length, self.patience = length, patience
        self.actions: list[Any] = []

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.count, self.start = 0, float(self.np_random.uniform(-9, 9))
        return self._seen(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        assert self.action_space.contains(action)
        self.actions.append(action)
        self.count += 1
        return self._seen(), float(action[1]), self.count >= self.length, self.count >= self.patience, {}

    def _seen(self) -> Any:
        return {"z": np.array([self.start, self.count], np.float32), "a": 1 + self.count % 3}, np.array([1, 0], np.int8)


@pytest.fixture(autouse=True)
def _registered() -> Any:
    gymnasium.register("Corridor-v0", entry_point=Corridor)
    yield
    del gymnasium.registry["Corridor-v0"]


def test_a_known_environment_has_the_spec_of_its_spaces() -> None:
    pole, pendulum = spec("gym:CartPole-v1"), spec("gym:Pendulum-v1")
    assert (pole.name, pole.seats, pole.rules, pole.bots) == ("gym:CartPole-v1", 1, ("default",), {"default": ()})
    assert (pole.action, pole.observations) == (ActionSpec((), (), {"action": 2}), {"default": {"flat": 4}})
    assert pendulum.action == ActionSpec(("action",), ())
    assert (pole.max_decisions, pendulum.max_decisions) == (500, 200)
    assert not pole.snapshots


def test_nested_observations_are_flattened_in_the_order_of_the_space() -> None:
    """Gymnasium sorts the keys of a plain dict: the space's own order is what counts."""
    game = make("gym:Corridor-v0", batch=1, seed=3)
    assert game.obs_size == 3 + 2 + 2
    row = game.reset()[0, 0]
    assert row[:3].tolist() == [1, 0, 0]
    assert -9 <= row[3] <= 9
    assert row[4:].tolist() == [0, 1, 0]
    row = game.step(np.zeros((1, 1, 2), np.float32))[0][0, 0]
    assert row[:3].tolist() == [0, 1, 0]
    assert row[4] == 1


def test_it_plays_like_the_environment_itself() -> None:
    game = make("gym:CartPole-v1", batch=3, seed=1, autoreset="disabled")
    seeds = np.array([11, 2**63 + 5, 7], np.uint64)
    game.reset(seeds=seeds)
    plain = [gymnasium.make("CartPole-v1") for _ in seeds]
    for environment, seed in zip(plain, seeds, strict=True):
        environment.reset(seed=int(seed))
    rng, alive = np.random.default_rng(0), [True] * 3
    for _ in range(200):
        actions = rng.integers(0, 2, (3, 1, 1)).astype(np.float32)
        seen, reward, terminated, truncated, info = game.step(actions)
        for slot, environment in enumerate(plain):
            if not alive[slot]:
                assert (reward[slot, 0], info.done[slot]) == (0, False), "a finished episode stands still"
                continue
            expected, gain, ended, cut, _ = environment.step(int(actions[slot, 0, 0]))
            np.testing.assert_array_equal(seen[slot, 0], expected)
            assert (reward[slot, 0], terminated[slot], truncated[slot]) == (gain, ended, cut)
            alive[slot] = not (ended or cut)
            assert info.done[slot] == (not alive[slot])
    assert not any(alive)
    assert (info.outcome == 4).all()


def test_an_episode_is_a_function_of_its_seed_whatever_the_slot_and_what_came_before() -> None:
    game = make("gym:Pendulum-v1", batch=2, seed=1, autoreset="disabled")
    game.reset()
    actions = np.random.default_rng(2).uniform(-1, 1, (20, 1, 1)).astype(np.float32)
    traces = []
    for slot in (0, 1, 1):
        game.reset(matches=np.array([slot], np.int32), seeds=np.array([99], np.uint64))
        both = np.zeros((2, 1, 1), np.float32)
        trace = []
        for action in actions:
            both[slot] = action
            seen, reward, *_ = game.step(both)
            trace.append((seen[slot].copy(), float(reward[slot, 0])))
        traces.append(trace)
    for other in traces[1:]:
        for (seen, reward), (again, same) in zip(traces[0], other, strict=True):
            np.testing.assert_array_equal(seen, again)
            assert reward == same


@pytest.mark.parametrize(
    ("length", "patience", "ending"), [(4, 9, "terminated"), (9, 4, "truncated"), (4, 4, "terminated")]
)
def test_terminated_and_truncated_are_kept_apart(length: int, patience: int, ending: str) -> None:
    arguments = {"length": length, "patience": patience}
    game = make("gym:Corridor-v0", batch=2, seed=3, arguments=arguments, autoreset="same_step")
    game.reset()
    for decision in range(1, 10):
        seen, _, terminated, truncated, info = game.step(np.zeros((2, 1, 2), np.float32))
        assert info.done.all() == (decision in (4, 8))
        assert info.decisions.tolist() == [decision % 4 or 4] * 2
        if info.done.all():
            assert (terminated.all(), truncated.all()) == (ending == "terminated", ending == "truncated")
            assert [game.endings[index] for index in info.ending] == [ending] * 2
            assert info.final_observation[0, 0, 4] == 4, "what was seen last"
            assert seen[0, 0, 4] == 0, "what the next episode begins with"


def test_episodes_of_a_slot_differ_and_begin_again_with_the_same_seed() -> None:
    def starts(seed: int) -> list[float]:
        game = make("gym:Corridor-v0", batch=2, seed=seed)
        found = game.reset()[:, 0, 3].tolist()
        for _ in range(6):
            found += game.step(np.zeros((2, 1, 2), np.float32))[0][:, 0, 3].tolist()
        return list(dict.fromkeys(found))

    assert starts(5) == starts(5)
    assert len(starts(5)) == 6
    assert not set(starts(5)) & set(starts(6))


SPACES = {
    "Discrete": spaces.Discrete(4, start=-1),
    "MultiDiscrete": spaces.MultiDiscrete([[2, 3], [4, 5]]),
    "MultiBinary": spaces.MultiBinary(3),
    "Box": spaces.Box(np.array([-2.0, 0.0], np.float32), np.array([2.0, 10.0], np.float32)),
}


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(list(SPACES)), st.data())
def test_any_vector_becomes_an_action_of_the_space(name: str, data: st.DataObject) -> None:
    space = SPACES[name]
    size = action_spec("test", space).size
    numbers = st.floats(width=32, allow_nan=True, allow_infinity=True)
    vector = np.array(data.draw(st.lists(numbers, min_size=size, max_size=size)), np.float32)
    assert space.contains(converter(space)(vector))


def test_actions_mean_what_they_say() -> None:
    assert converter(SPACES["Discrete"])(np.array([2], np.float32)) == 1
    np.testing.assert_array_equal(
        converter(SPACES["MultiDiscrete"])(np.array([1, 2, 3, 4], np.float32)), [[1, 2], [3, 4]]
    )
    np.testing.assert_array_equal(converter(SPACES["MultiBinary"])(np.array([1, 0, 1], np.float32)), [1, 0, 1])
    box = converter(SPACES["Box"])
    np.testing.assert_array_equal(box(np.array([0, 0], np.float32)), [0, 5])
    np.testing.assert_array_equal(box(np.array([-1, 1], np.float32)), [-2, 10])
    np.testing.assert_array_equal(box(np.array([7, -7], np.float32)), [2, 0])
    assert action_spec("test", SPACES["MultiDiscrete"]).categorical == {
        "action_0": 2, "action_1": 3, "action_2": 4, "action_3": 5,
    }  # fmt: skip
    assert action_spec("test", SPACES["MultiBinary"]).binary == ("action_0", "action_1", "action_2")


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31))
def test_flattening_is_gymnasiums(seed: int) -> None:
    space = spaces.Dict({"box": spaces.Box(-1, 1, (2, 2)), "pair": spaces.Tuple((spaces.Discrete(3, start=2),
                         spaces.MultiDiscrete([2, 4]))), "bits": spaces.MultiBinary((2, 2))})  # fmt: skip
    space.seed(seed)
    sample = space.sample()
    row = np.empty(observation_size("test", space), np.float32)
    flattener(space)(sample, row)
    np.testing.assert_array_equal(row, spaces.utils.flatten(space, sample))


@pytest.mark.parametrize("space", [spaces.Text(5), spaces.Sequence(spaces.Discrete(2)), spaces.Box(0, 1, (0,)),
                                   spaces.Box(0, 1, (300, 300, 3))], ids=str)  # fmt: skip
def test_observations_without_a_sensible_size_are_refused(space: Any) -> None:
    with pytest.raises(ValueError, match=r"test: .*(no fixed size|expected an observation of 1 to)"):
        observation_size("test", space)


@pytest.mark.parametrize(("space", "complaint"), [
    (spaces.Box(-np.inf, np.inf, (2,)), "not bounded.*RescaleAction"), (spaces.Text(5), "expected Discrete"),
    (spaces.Box(0, 255, (2,), np.uint8), "not supported"), (spaces.Tuple((spaces.Discrete(2),)), "not supported"),
], ids=str)  # fmt: skip
def test_actions_no_policy_can_choose_are_refused(space: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        action_spec("test", space)


@pytest.mark.parametrize(("name", "complaint"), [
    ("gym:CartPol-v1", r"Did you mean 'gym:CartPole-v1'"),
    ("gym:CartPole-v77", r"v77.*Did you mean"),
    ("gym:no_such_package:Thing-v0", "No module named 'no_such_package'"),
    ("gym:", "expected the name of an environment"),
    ("gim:CartPole-v1", "unknown kind of game 'gim'.*'gym' or 'pettingzoo'"),
    ("cartpole", "unknown game 'cartpole'.*gym:NAME"),
])  # fmt: skip
def test_a_wrong_name_is_refused_with_what_would_be_right(name: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        spec(name)


@pytest.mark.parametrize(("parameters", "complaint"), [
    ({"observation": "original"}, "observation: expected 'flat'"), ({"autoreset": "next_step"}, "autoreset: expected"),
    ({"arguments": 3}, "arguments: expected a table"), ({"gravity": 1}, "unknown parameter of gym:CartPole-v1"),
    ({"arguments": {"gravity": 1}}, "unexpected keyword argument 'gravity'"),
])  # fmt: skip
def test_wrong_parameters_are_refused(parameters: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        make("gym:CartPole-v1", batch=1, **parameters)


def test_a_missing_package_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"gymnasium is not installed.*pip install 'ludus\[gym\]'"):
        spec("gym:MountainCar-v0")


def test_what_the_environment_cannot_do_is_refused_clearly() -> None:
    game = make("gym:CartPole-v1", batch=1)
    with pytest.raises(ValueError, match="has no snapshots"):
        game.snapshot()
    with pytest.raises(ValueError, match="has no scripted bots, found 'ace'"):
        game.seat_bots(0, "ace")
    game.seat_bots(0, [None], matches=np.array([0], np.int32))
    with pytest.raises(ValueError, match=r"expected actions of shape \(1, 1, 1\)"):
        game.step(np.zeros((1, 1, 2), np.float32))
    with pytest.raises(ValueError, match="expected 1 seeds"):
        game.reset(seeds=np.array([1, 2], np.uint64))
