"""Student's t interval of a mean."""

from __future__ import annotations

import math

from .wilson import Z_95

#: 97.5 % quantiles for 1, 2, 3 and 4 degrees of freedom, where the expansion below is not good enough.
_FEW = (12.706205, 4.302653, 3.182446, 2.776445)


def t_quantile(degrees: int) -> float:
    """Two-sided 95 % quantile of Student's t, to within 1e-4 relative.

    Fisher and Cornish's expansion (Abramowitz and Stegun, "Handbook of Mathematical Functions", 26.7.5). Raises
    ValueError below one degree of freedom.
    """
    if degrees < 1:
        raise ValueError(f"expected at least 1 degree of freedom, found {degrees}")
    if degrees <= len(_FEW):
        return _FEW[degrees - 1]
    z, n = Z_95, degrees
    return (
        z
        + (z**3 + z) / (4 * n)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * n**4)
    )


def mean_interval(n: int, mean: float, m2: float) -> tuple[float, float]:
    """95 % interval of a mean from n values with sum of squared distances `m2`; the mean alone below two values."""
    if n < 2:
        return mean, mean
    half = t_quantile(n - 1) * math.sqrt(m2 / (n - 1) / n)
    return mean - half, mean + half
