"""What adapters for environments of other libraries share. A name with a scheme, like `gym:CartPole-v1`, is theirs."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

from .game import AutoresetMode, Game, GameSpec

RULES = "default"
#: Scheme -> module with `resolve(name) -> Adapter`.
SCHEMES = {"gym": "ludus.games.gym", "pettingzoo": "ludus.games.pettingzoo"}
AUTORESET: tuple[AutoresetMode, ...] = ("same_step", "disabled")


class Adapter(Protocol):
    """The same names that the module of a game has, see docs/writing-a-game.md."""

    SPEC: GameSpec

    def make(self, rules: str, batch: int, seed: int, device: str, **parameters: Any) -> Game:
        """Build a batch. Raises ValueError."""

    def check(self, rules: str, **parameters: Any) -> None:
        """Raises ValueError for what `make` would refuse."""


def adapter(name: str) -> Adapter | None:
    """The adapter for a name with a known scheme, None for a plain name. Raises ValueError for a bad name."""
    scheme, separator, rest = name.partition(":")
    if not separator:
        return None
    if scheme not in SCHEMES:
        raise ValueError(f"unknown kind of game {scheme!r} in {name!r}: expected {' or '.join(map(repr, SCHEMES))}")
    if not rest:
        raise ValueError(f"{name!r}: expected the name of an environment after {scheme + ':'!r}")
    found: Adapter = import_module(SCHEMES[scheme]).resolve(name)
    return found


def package(name: str, extra: str) -> Any:
    """The module, imported. Raises ValueError saying what to install."""
    if find_spec(name) is None:
        raise ValueError(f"{name} is not installed, and {extra}: games need it: pip install 'ludus[{extra}]'")
    return import_module(name)


def expect_same(spec: GameSpec, found: GameSpec, arguments: Mapping[str, Any]) -> None:
    """Raises ValueError where arguments give the environment other spaces: the policy's network is made for these."""
    if (found.action, found.observations) != (spec.action, spec.observations):
        raise ValueError(f"arguments {dict(arguments)} change the spaces of {spec.name}: that is not supported")


def checked(spec: GameSpec, parameters: Mapping[str, Any]) -> tuple[dict[str, Any], AutoresetMode]:
    """Arguments for the environment and the autoreset mode. Raises ValueError naming the parameter."""
    layouts = next(iter(spec.observations.values()))
    observation = parameters.get("observation", next(iter(layouts)))
    if observation not in layouts:
        raise ValueError(f"observation: expected {' or '.join(map(repr, layouts))}, found {observation!r}")
    arguments = parameters.get("arguments", {})
    if not isinstance(arguments, Mapping) or not all(isinstance(key, str) for key in arguments):
        raise ValueError(f"arguments: expected a table of keyword arguments, found {arguments!r}")
    autoreset = parameters.get("autoreset", AUTORESET[0])
    if autoreset not in AUTORESET:
        raise ValueError(f"autoreset: expected {' or '.join(map(repr, AUTORESET))}, found {autoreset!r}")
    return dict(arguments), autoreset
