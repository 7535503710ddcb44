"""Student's t interval of a mean."""

from __future__ import annotations

import math


def mean_interval(n: int, mean: float, m2: float) -> tuple[float, float]:
    """95 % interval of a mean from n values whose squared distances from it add up to `m2`; no width below two values.

    Student, "The probable error of a mean", Biometrika 6 (1908) 1–25.
    """
    if n < 2:
        return mean, mean
    from scipy.special import stdtrit  # only where something was measured: it takes a while to load

    half = float(stdtrit(n - 1, 0.975)) * math.sqrt(m2 / (n - 1) / n)
    return mean - half, mean + half
