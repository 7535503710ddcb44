"""Reading the values of a game's parameters: ValueErrors that name the parameter and what it takes."""

from __future__ import annotations

from math import inf
from numbers import Real
from typing import Any

#: Of a float32. Not a number compares false with it.
LARGEST = 3.4028234e38


def number(name: str, value: Any, low: float = -inf, high: float = inf) -> float:
    """A finite number in the closed range."""
    real = isinstance(value, Real) and not isinstance(value, bool)
    if not real or not -LARGEST <= value <= LARGEST:
        raise ValueError(f"{name} must be a finite number, not {value!r:.80}")
    if not low <= float(value) <= high:
        raise ValueError(f"{name} must be in {low:g} … {high:g}, not {value!r}")
    return float(value)


def whole(name: str, value: Any, low: int, high: int) -> int:
    """A whole number in the closed range."""
    if number(name, value) != int(value) or not low <= value <= high:
        raise ValueError(f"{name} must be a whole number in {low} … {high}, not {value!r}")
    return int(value)


def flag(name: str, value: Any) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be True or False, not {value!r}")
    return value
