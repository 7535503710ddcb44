"""Non-inferiority on the panel: points of a candidate minus those of the champion, on the same starts. Pure.

Evaluation starts are the same for every version, so the difference on one start against one opponent is free of the
luck of both. Where no start tells the two apart the plain interval has no width; so half a start won, half a start lost
and one without a difference are added: Agresti & Min, "Simple improved confidence intervals for comparing matched
proportions", Statistics in Medicine 24 (2005) 729–740.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

from ...kernel.wilson import Z_95

#: (opponent, seed) -> points in halves of both matches, 0 … 4.
Points = Mapping[tuple[str, int], int]
MOST_HALVES = 4


@dataclass(frozen=True, slots=True)
class Difference:
    """Points per match, candidate minus champion, between -1 and 1, with a 95 % interval of `pairs` starts."""

    pairs: int
    mean: float
    low: float
    high: float


def difference(candidate: Points, champion: Points) -> Difference:
    """Over the starts that both have played against the same opponent; (-1, 1) without any."""
    common = [key for key in candidate if key in champion]
    if not common:
        return Difference(0, 0.0, -1.0, 1.0)
    found = [(candidate[key] - champion[key]) / MOST_HALVES for key in common]
    n, total = len(found) + 2, sum(found)
    centre = total / n
    variance = (sum(value * value for value in found) + 1) / n - centre * centre
    half = Z_95 * sqrt(variance / n)
    return Difference(len(found), total / len(found), max(-1.0, centre - half), min(1.0, centre + half))
