"""A PettingZoo parallel environment of two equal agents as a game of two seats: `pettingzoo:classic.rps_v2`.

The name is that of a module with `parallel_env(...)`, anywhere on the path; it is looked for inside pettingzoo too.
Cheap to import; the environment is imported when a game of this kind is asked for. See docs/games/any-environment.md.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np

from ..adapter import RULES, Adapter, checked, expect_same, package
from ..game import FloatArray, GameSpec
from ..gym import PARAMETERS, spaces
from ..gym.tables import TableGame

SCHEME = "pettingzoo"
SUPPORTED = "two agents with equal observation and action spaces"


class ParallelTable:
    """One environment of two agents; seat k is the k-th of `possible_agents`.

    The match is over when an agent has terminated or been truncated. Who is truncated while the other terminates counts
    as terminated: a match ends for both.
    """

    def __init__(self, environment: Any) -> None:
        self._environment = environment
        self._agents = list(environment.possible_agents)
        first = self._agents[0]
        self._write = spaces.flattener(environment.observation_space(first))
        self._convert = spaces.converter(environment.action_space(first))

    def reset(self, seed: int, observations: FloatArray) -> None:
        # PettingZoo's seeds are those of NumPy's legacy generators in places: 32 bits.
        seen, _ = self._environment.reset(seed=seed % 2**32)
        self._show(seen, observations)

    def step(self, actions: FloatArray, observations: FloatArray, rewards: FloatArray) -> tuple[bool, bool]:
        chosen = {agent: self._convert(actions[seat]) for seat, agent in enumerate(self._agents)}
        seen, gains, terminated, truncated, _ = self._environment.step(chosen)
        self._show(seen, observations)
        for seat, agent in enumerate(self._agents):
            rewards[seat] = np.float32(gains.get(agent, 0.0))
        over = any(terminated.values()) or len(seen) < len(self._agents)
        return over, any(truncated.values()) and not over

    def _show(self, seen: Mapping[str, Any], observations: FloatArray) -> None:
        for seat, agent in enumerate(self._agents):
            if agent in seen:
                self._write(seen[agent], observations[seat])

    def close(self) -> None:
        self._environment.close()


class PettingZooGames(Adapter):
    """The game that a module stands for."""

    def __init__(self, name: str, module: str) -> None:
        """Raises ValueError for a module without a parallel environment, or agents that are not two equal ones."""
        self._module = module
        environment = self._open({})
        try:
            self.SPEC = _spec(name, environment)
        finally:
            environment.close()

    def make(self, rules: str, batch: int, seed: int, device: str, **parameters: Any) -> TableGame:
        """B copies of the environment, stepped one after another on the CPU, whatever `device` says."""
        arguments, autoreset = checked(self.SPEC, parameters)
        tables = [ParallelTable(self._open_same(arguments)) for _ in range(batch)]
        return TableGame(self.SPEC, tables, rules=rules, seed=seed, autoreset=autoreset)

    def check(self, rules: str, **parameters: Any) -> None:
        """Raises ValueError for a parameter's bad value, and for arguments that the environment refuses."""
        arguments, _ = checked(self.SPEC, parameters)
        if arguments:
            self._open_same(arguments).close()

    def _open_same(self, arguments: Mapping[str, Any]) -> Any:
        environment = self._open(arguments)
        expect_same(self.SPEC, _spec(self.SPEC.name, environment), arguments)
        return environment

    def _open(self, arguments: Mapping[str, Any]) -> Any:
        package("pettingzoo", SCHEME)
        module = _import(self._module)
        if not hasattr(module, "parallel_env"):
            raise ValueError(f"pettingzoo:{self._module}: expected a module with parallel_env(...), found none in it")
        try:
            return module.parallel_env(**arguments)
        except (ImportError, TypeError, AttributeError) as error:
            raise ValueError(f"pettingzoo:{self._module} cannot be made: {error}") from error


def _import(name: str) -> Any:
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # it would stand in every answer of every command
    problems = []
    for candidate in (name, f"pettingzoo.{name}"):
        try:
            return import_module(candidate)
        except ImportError as error:
            problems.append(str(error))
            if error.name not in (candidate, candidate.rpartition(".")[0], candidate.partition(".")[0]):
                break  # it is there and needs something that is not
    raise ValueError(f"pettingzoo:{name} cannot be imported: {'; '.join(problems)}")


def _spec(name: str, environment: Any) -> GameSpec:
    agents = list(getattr(environment, "possible_agents", ()))
    seen = [environment.observation_space(agent) for agent in agents]
    acting = [environment.action_space(agent) for agent in agents]
    if len(agents) != 2 or seen[0] != seen[1] or acting[0] != acting[1]:
        found = "; ".join(f"{agent}: {sees}, {acts}" for agent, sees, acts in zip(agents, seen, acting, strict=True))
        raise ValueError(f"{name}: expected {SUPPORTED}, found {len(agents)} agents ({found:.400})")
    return GameSpec(
        name=name,
        rules=(RULES,),
        seats=2,
        roles=("agent",),
        action=spaces.action_spec(name, acting[0]),
        observations={RULES: {"flat": spaces.observation_size(name, seen[0])}},
        bots={RULES: ()},
        parameters=PARAMETERS,
        snapshots=False,
    )


@lru_cache(maxsize=32)
def resolve(name: str) -> PettingZooGames:
    """The adapter for `pettingzoo:<module>`. Raises ValueError saying what is wrong, or what to install."""
    return PettingZooGames(name, name.partition(":")[2])
