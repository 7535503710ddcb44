"""Several seeds as one number with an interval. Pure.

Interquartile mean and stratified bootstrap: Agarwal et al., "Deep reinforcement learning at the edge of the statistical
precipice", NeurIPS 2021. The mean of the middle half is hardly moved by one seed that failed or one that was lucky,
and wastes less than the median does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

BOOTSTRAPS = 2000
#: Bounds of a two-sided 95 % interval.
PERCENTILES = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval, of n seeds."""

    value: float
    low: float
    high: float
    n: int


def interquartile_mean(scores: FloatArray) -> FloatArray:
    """Mean of the middle half over the last axis; of values on the edge of it, the share that lies inside."""
    ordered = np.sort(scores, axis=-1)
    n = ordered.shape[-1]
    ends = np.arange(n + 1) / n
    inside = np.clip(np.minimum(ends[1:], 0.75) - np.maximum(ends[:-1], 0.25), 0.0, None)
    found: FloatArray = ordered @ inside / inside.sum()
    return found


def resampled(scores_ST: FloatArray, rng: np.random.Generator, times: int = BOOTSTRAPS) -> FloatArray:
    """Interquartile means of `times` bootstraps. Rows are seeds, columns references; each reference draws
    its own seeds."""
    seeds, references = scores_ST.shape
    drawn = rng.integers(seeds, size=(times, seeds, references))
    samples = np.take_along_axis(scores_ST[None], drawn, axis=1)
    return interquartile_mean(samples.reshape(times, -1))


def summarise(scores_ST: FloatArray, seed: int = 0) -> Estimate:
    """Over all seeds and references. With one seed there is no interval: it is (-inf, inf)."""
    if scores_ST.ndim != 2 or not scores_ST.size:
        raise ValueError(f"expected seeds × references, found shape {scores_ST.shape}")
    value = float(interquartile_mean(scores_ST.reshape(-1)))
    if len(scores_ST) == 1:
        return Estimate(value, -np.inf, np.inf, 1)
    low, high = np.percentile(resampled(scores_ST, np.random.default_rng(seed)), PERCENTILES)
    return Estimate(value, float(low), float(high), len(scores_ST))


def difference(one_ST: FloatArray, other_ST: FloatArray, seed: int = 0) -> Estimate:
    """How much better the first is than the second; n is that of the smaller."""
    value = float(interquartile_mean(one_ST.reshape(-1)) - interquartile_mean(other_ST.reshape(-1)))
    n = min(len(one_ST), len(other_ST))
    if n == 1:
        return Estimate(value, -np.inf, np.inf, n)
    rng = np.random.default_rng(seed)
    low, high = np.percentile(resampled(one_ST, rng) - resampled(other_ST, rng), PERCENTILES)
    return Estimate(value, float(low), float(high), n)


def verdict(found: Estimate) -> str:
    """What may be said about a difference."""
    if found.n == 1:
        return "one seed: no verdict"
    if found.low > 0:
        return "better"
    return "worse" if found.high < 0 else "no difference shown"
