"""Any Gymnasium environment as a game of one seat: `gym:CartPole-v1`, `gym:my_package:MyEnvironment-v0`.

Cheap to import; gymnasium itself is imported when a game of this kind is asked for. See docs/games/any-environment.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ..adapter import RULES, Adapter, checked, expect_same, package
from ..game import FloatArray, GameSpec
from . import spaces
from .tables import TableGame

if TYPE_CHECKING:
    import gymnasium

SCHEME = "gym"
PARAMETERS = {
    "observation": "'flat' (the default and only layout): everything the environment shows, in the order of its space",
    "arguments": "mapping of keyword arguments for the environment; those that change its spaces are refused",
    "autoreset": "'same_step' (default): an episode that ended begins again inside step; 'disabled': it stands still",
}


class GymTable:
    """One environment. An episode that both terminates and is truncated counts as terminated."""

    def __init__(self, environment: gymnasium.Env[Any, Any]) -> None:
        self._environment = environment
        self._write = spaces.flattener(environment.observation_space)
        self._convert = spaces.converter(environment.action_space)

    def reset(self, seed: int, observations: FloatArray) -> None:
        seen, _ = self._environment.reset(seed=seed)
        self._write(seen, observations[0])

    def step(self, actions: FloatArray, observations: FloatArray, rewards: FloatArray) -> tuple[bool, bool]:
        seen, reward, terminated, truncated, _ = self._environment.step(self._convert(actions[0]))
        self._write(seen, observations[0])
        rewards[0] = np.float32(reward)
        return bool(terminated), bool(truncated and not terminated)

    def close(self) -> None:
        self._environment.close()


class GymGames(Adapter):
    """The game that a Gymnasium id stands for."""

    def __init__(self, name: str, environment_id: str) -> None:
        """Raises ValueError for an id that Gymnasium does not know or spaces that do not fit."""
        self._id = environment_id
        environment = self._open({})
        try:
            self.SPEC = self._spec(name, environment)
        finally:
            environment.close()

    def make(self, rules: str, batch: int, seed: int, device: str, **parameters: Any) -> TableGame:
        """B copies of the environment, stepped one after another on the CPU, whatever `device` says."""
        arguments, autoreset = checked(self.SPEC, parameters)
        tables = [GymTable(self._open_same(arguments)) for _ in range(batch)]
        return TableGame(self.SPEC, tables, rules=rules, seed=seed, autoreset=autoreset)

    def check(self, rules: str, **parameters: Any) -> None:
        """Raises ValueError for a parameter's bad value, and for arguments that the environment refuses."""
        arguments, _ = checked(self.SPEC, parameters)
        if arguments:
            self._open_same(arguments).close()

    def _open_same(self, arguments: Mapping[str, Any]) -> gymnasium.Env[Any, Any]:
        environment = self._open(arguments)
        expect_same(self.SPEC, self._spec(self.SPEC.name, environment), arguments)
        return environment

    def _open(self, arguments: Mapping[str, Any]) -> gymnasium.Env[Any, Any]:
        gymnasium = package("gymnasium", SCHEME)
        try:
            # The checker looks for mistakes of environment authors, at every first step of every copy.
            environment: Any = gymnasium.make(self._id, disable_env_checker=True, **arguments)
        except gymnasium.error.DependencyNotInstalled as error:
            raise ValueError(f"gym:{self._id} needs more packages: {error}") from error
        except (gymnasium.error.Error, ImportError, TypeError) as error:
            reason = str(error).rstrip(".")
            raise ValueError(f"gym:{self._id} cannot be made: {reason}.{_hint(gymnasium, self._id)}") from error
        return environment

    def _spec(self, name: str, environment: gymnasium.Env[Any, Any]) -> GameSpec:
        limit = environment.spec.max_episode_steps if environment.spec else None
        return GameSpec(
            name=name,
            rules=(RULES,),
            seats=1,
            roles=("agent",),
            action=spaces.action_spec(name, environment.action_space),
            observations={RULES: {"flat": spaces.observation_size(name, environment.observation_space)}},
            bots={RULES: ()},
            parameters=PARAMETERS,
            max_decisions=limit or 0,
            success_return=environment.spec.reward_threshold if environment.spec else None,
            snapshots=False,
        )


def _hint(gymnasium: Any, environment_id: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(environment_id, list(gymnasium.registry), n=1)
    return f" Did you mean 'gym:{near[0]}'?" if near and near[0] != environment_id else ""


@lru_cache(maxsize=32)
def resolve(name: str) -> GymGames:
    """The adapter for `gym:<EnvId>`. Raises ValueError saying what is wrong, or what to install."""
    return GymGames(name, name.partition(":")[2])
