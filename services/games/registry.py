"""Finding games by name: the bundled ones, those of the entry-point group `ludus.games`, and by scheme (`gym:...`).

An entry point names a module with `SPEC: GameSpec` and `make(rules, batch, seed, device, **parameters) -> Game`, and
possibly `check(rules, **parameters)`, which raises ValueError for values that `make` would refuse.
The module must be cheap to import: it loads its engine inside `make`.
"""

from __future__ import annotations

import sys
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from numbers import Integral
from types import ModuleType
from typing import Any

from .adapter import SCHEMES, Adapter, adapter
from .game import Game, GameSpec

BUNDLED = {"dogfight": "ludus.games.dogfight", "pursuit": "ludus.games.pursuit"}
ENTRY_POINT_GROUP = "ludus.games"


def names() -> list[str]:
    """Names of all games that can be made, but for those of other libraries, which are made from their names."""
    return sorted({*BUNDLED, *_announced(tuple(sys.path))})


@cache
def _announced(path: tuple[str, ...]) -> dict[str, EntryPoint]:
    """Entry points by name, as long as modules are looked for in the same places: finding them reads every package."""
    return {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}


def expect(kind: str, value: str, known: list[str] | tuple[str, ...]) -> str:
    """Return `value` if it is known; otherwise raise a ValueError that names the choices and the nearest one."""
    if value in known:
        return value
    near = get_close_matches(value, known, n=1) if isinstance(value, str) else []
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"unknown {kind} {value!r}: expected one of {', '.join(map(repr, known))}.{hint}")


def _module(name: str) -> ModuleType | Adapter:
    if isinstance(name, str) and (foreign := adapter(name)):
        return foreign
    try:
        expect("game", name, names())
    except ValueError as error:
        others = ", ".join(f"{scheme}:NAME" for scheme in SCHEMES)
        raise ValueError(f"{error} Environments of other libraries: {others}.") from error
    if name in BUNDLED:
        return import_module(BUNDLED[name])
    point = _announced(tuple(sys.path))[name]
    try:
        module = point.load()
    except (ImportError, AttributeError) as error:
        raise ValueError(f"game {name!r} cannot be loaded from {point.value!r}: {error}") from error
    if not isinstance(module, ModuleType) or not isinstance(getattr(module, "SPEC", None), GameSpec):
        raise ValueError(f"game {name!r}: {point.value!r} must be a module with SPEC, a ludus.games.GameSpec")
    return module


def spec(name: str) -> GameSpec:
    """The specification of a game. Raises ValueError for an unknown name."""
    found = _module(name).SPEC
    assert isinstance(found, GameSpec)
    return found


def check(name: str, *, rules: str, **parameters: Any) -> None:
    """Refuse what `make` would refuse, without building anything.

    Raises ValueError naming what was expected.
    """
    game_spec = spec(name)
    expect(f"rule set of {name}", rules, game_spec.rules)
    for key in parameters:
        expect(f"parameter of {name}", key, list(game_spec.parameters))
    check_values = getattr(_module(name), "check", None)
    if check_values is not None:
        check_values(rules=rules, **parameters)


def make(
    name: str, *, rules: str = "", batch: int = 256, seed: int = 0, device: str = "cpu", **parameters: Any
) -> Game:
    """Build a batch of matches. `rules` defaults to the game's first rule set.

    Raises ValueError for an unknown game, rule set or parameter, naming what was expected.
    """
    rules = rules or spec(name).rules[0]
    check(name, rules=rules, **parameters)
    batch, seed = _whole("batch", batch, 1, 2**31 - 1), _whole("seed", seed, 0, 2**64 - 1)
    game: Game = _module(name).make(rules=rules, batch=batch, seed=seed, device=device, **parameters)
    return game


def _whole(name: str, value: object, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or not low <= int(value) <= high:
        raise ValueError(f"{name} must be a whole number in {low} … {high}, not {value!r}")
    return int(value)
