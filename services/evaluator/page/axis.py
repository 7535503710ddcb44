"""Round numbers for axes. Pure.

Steps of 1, 2 or 5 times a power of ten: Heckbert, "Nice numbers for graph labels", Graphics Gems (1990) 61–63.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, log10

Point = tuple[float, float]


def nice_ticks(low: float, high: float, about: int = 4) -> list[float]:
    """About so many round values that enclose [low, high]."""
    if high - low <= max(1e-9 * max(abs(low), abs(high)), 1e-12):
        low, high = (low - 0.5, low + 0.5) if abs(low) < 1e-9 else (low - abs(low) / 2, low + abs(low) / 2)
    step = _nice((high - low) / max(about, 1))
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [round(k * step, 15) for k in range(first, last + 1)]


def decades(low: float, high: float) -> list[float]:
    """Powers of ten that enclose [low, high], both above 0."""
    first, last = floor(log10(low) + 1e-9), ceil(log10(high) - 1e-9)
    return [10.0**k for k in range(first, max(last, first + 1) + 1)]


def _nice(raw: float) -> float:
    power = 10.0 ** floor(log10(raw))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * (1 - 1e-9))


def short(value: float) -> str:
    """`0`, `0.05`, `1.2k`, `3M`."""
    if value == 0:
        return "0"
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def thin(points: Sequence[Point], most: int = 200) -> tuple[list[Point], list[Point]]:
    """At most so many points, each the mean of its neighbours; beside them their lowest and highest value."""
    size = max(1, ceil(len(points) / most))
    groups = [points[at : at + size] for at in range(0, len(points), size)]
    means = [(sum(x for x, _ in group) / len(group), sum(y for _, y in group) / len(group)) for group in groups]
    return means, [(min(y for _, y in group), max(y for _, y in group)) for group in groups]
