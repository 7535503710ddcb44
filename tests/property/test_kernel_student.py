"""The interval of a mean, against scipy, and by how often it holds the truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ludus.kernel.student import mean_interval


@given(st.lists(st.floats(-1000, 1000), min_size=2, max_size=40))
def test_it_is_that_of_scipy(values: list[float]) -> None:
    array = np.array(values)
    mean = float(array.mean())
    low, high = mean_interval(len(values), mean, float(((array - mean) ** 2).sum()))
    spread = stats.sem(array)
    half = stats.t.ppf(0.975, len(values) - 1) * spread
    assert (low, high) == (pytest.approx(mean - half, abs=1e-6), pytest.approx(mean + half, abs=1e-6))


@pytest.mark.parametrize("n", [0, 1])
def test_one_value_has_no_width(n: int) -> None:
    assert mean_interval(n, 3.0, 0.0) == (3.0, 3.0)


def test_it_holds_the_mean_in_19_of_20_samples() -> None:
    rng = np.random.default_rng(1)
    held = 0
    for sample in rng.normal(5, 2, (2000, 6)):
        low, high = mean_interval(6, float(sample.mean()), float(((sample - sample.mean()) ** 2).sum()))
        held += low <= 5 <= high
    assert stats.binomtest(held, 2000, 0.95).pvalue > 1e-3
