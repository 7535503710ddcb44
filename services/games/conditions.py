"""The conditions of single matches: a level of domain randomisation, or a named regime. Pure.

Both are values of parameters that the game lists as `per_match`, so they need no game of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .game import GameSpec
from .registry import expect

#: The regime that every game has: its parameters as configured, nothing randomised.
DEFAULT_REGIME = "default"
#: Stands for all regimes of the game in a configuration.
ALL_REGIMES = "all"
RANDOMISATION = "randomisation"


def regimes_of(spec: GameSpec, rules: str) -> tuple[str, ...]:
    """Names of the regimes of a rule set, "default" first."""
    return tuple(dict.fromkeys((DEFAULT_REGIME, *spec.regimes.get(rules, ()))))


def regimes_named(spec: GameSpec, rules: str, names: Iterable[str]) -> tuple[str, ...]:
    """The regimes that a configuration names, "all" spelled out, each once."""
    known = regimes_of(spec, rules)
    return tuple(dict.fromkeys(one for name in names for one in (known if name == ALL_REGIMES else (name,))))


def randomised(spec: GameSpec, parameters: Mapping[str, Any], level: str) -> dict[str, Any]:
    """The parameters of a match at a level of randomisation; "" leaves them alone.

    Raises ValueError for a game that cannot randomise its matches; the game itself knows which levels there are.
    """
    if not level:
        return dict(parameters)
    if RANDOMISATION not in spec.per_match:
        raise ValueError(
            f"{spec.name} cannot be randomised in stages: expected {RANDOMISATION!r} among the parameters in which its "
            f"matches may differ, found {', '.join(map(repr, spec.per_match)) or 'none'}"
        )
    return {**parameters, RANDOMISATION: level}


def in_regime(spec: GameSpec, rules: str, parameters: Mapping[str, Any], regime: str) -> dict[str, Any]:
    """The parameters of a match in a regime: what it does not name is as configured, and nothing is randomised.

    Raises ValueError for an unknown regime, naming those there are.
    """
    expect(f"regime of {spec.name} {rules}", regime, regimes_of(spec, rules))
    found = dict(parameters)
    if RANDOMISATION in found and RANDOMISATION in spec.per_match:
        found[RANDOMISATION] = "none"
    for name, value in spec.regimes.get(rules, {}).get(regime, {}).items():
        merged = isinstance(value, Mapping) and isinstance(found.get(name), Mapping)
        found[name] = {**found[name], **value} if merged else value
    return found
