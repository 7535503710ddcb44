"""Interval of a rate measured on a finite number of matches.

Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927) 209–212. Recommended
over the textbook interval by Brown, Cai and DasGupta, Statistical Science 16 (2001), because it keeps its coverage
near 0 and 1.
"""

from __future__ import annotations

from math import sqrt

#: Two-sided 95 % quantile of the normal distribution.
Z_95 = 1.959963984540054


def wilson_interval(successes: float, trials: int, z: float = Z_95) -> tuple[float, float]:
    """Lower and upper bound of the rate; (0, 1) without trials. Raises ValueError unless 0 <= successes <= trials.

    `successes` may be a sum of scores (a draw counts one half): the interval is then on the safe side, because a
    score in [0, 1] never varies more than a coin of the same mean.
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"expected 0 <= successes <= trials, found {successes} of {trials}")
    if trials == 0:
        return 0.0, 1.0
    rate = successes / trials
    spread = z * z / trials
    centre = (rate + spread / 2) / (1 + spread)
    half = z / (1 + spread) * sqrt(rate * (1 - rate) / trials + spread / (4 * trials))
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == trials else min(1.0, centre + half)
    return low, high
