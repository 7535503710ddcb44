"""The action distribution against scipy in float64, and against numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad

from ludus.play import distribution

MEANS = st.floats(-3, 3)
LOG_STDS = st.floats(-2, 0)
LOGITS = st.floats(-30, 30)
ACTIONS = st.floats(-5, 5)


def row(*values: float) -> torch.Tensor:
    return torch.tensor([values], dtype=torch.float64)


@given(mean=MEANS, log_std=LOG_STDS, logit=LOGITS, action=ACTIONS, shot=st.booleans())
def test_log_prob_is_that_of_scipy(mean: float, log_std: float, logit: float, action: float, shot: bool) -> None:
    found = distribution.log_prob(row(action, float(shot)), row(mean), torch.tensor([log_std]).double(), row(logit))
    expected = stats.norm.logpdf(action, mean, math.exp(np.float64(np.float32(log_std))))
    expected += -np.logaddexp(0, -logit if shot else logit)
    assert found.item() == pytest.approx(expected, rel=1e-6, abs=1e-6)


@given(log_std=LOG_STDS, logit=LOGITS)
def test_entropy_is_that_of_scipy(log_std: float, logit: float) -> None:
    found = distribution.entropy(row(log_std)[0], row(logit)).item()
    probability = 1 / (1 + math.exp(-logit))
    expected = stats.norm.entropy(0, math.exp(log_std)) + stats.bernoulli.entropy(probability)
    # torch's softplus is the identity above 20, which drops up to exp(-20) = 2.1e-9
    assert found == pytest.approx(expected, abs=3e-9)


@settings(max_examples=40, deadline=None)
@given(p=st.tuples(MEANS, LOG_STDS), q=st.tuples(MEANS, LOG_STDS))
def test_kl_of_gaussians_is_the_integral(p: tuple[float, float], q: tuple[float, float]) -> None:
    found = distribution.kl_gaussian(row(p[0]), row(p[1]), row(q[0]), row(q[1])).item()
    first, second = (stats.norm(mean, math.exp(log_std)) for mean, log_std in (p, q))
    expected, _ = quad(
        lambda x: first.pdf(x) * (first.logpdf(x) - second.logpdf(x)), p[0] - 9 * first.std(), p[0] + 9 * first.std()
    )
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-8)


@given(p=LOGITS, q=LOGITS)
def test_kl_of_bernoullis_is_the_sum(p: float, q: float) -> None:
    found = distribution.kl_bernoulli(row(p), row(q)).item()
    yes, other = 1 / (1 + math.exp(-p)), 1 / (1 + math.exp(-q))
    expected = yes * (np.logaddexp(0, -q) - np.logaddexp(0, -p)) + (1 - yes) * (np.logaddexp(0, q) - np.logaddexp(0, p))
    assert 0 <= other <= 1
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-8)  # torch takes softplus(x) = x above 20
    assert found >= 0


@given(parameters=st.tuples(MEANS, LOG_STDS, LOGITS), other=st.tuples(MEANS, LOG_STDS, st.floats(-6, 6)))
def test_kl_is_never_negative_in_float32_and_zero_from_itself(
    parameters: tuple[float, float, float], other: tuple[float, float, float]
) -> None:
    p, q = ([torch.tensor([[value]]) for value in triple] for triple in (parameters, other))
    assert (distribution.kl(*p, *q) >= 0).all()
    assert distribution.kl(*p, *p).tolist() == [[0.0, 0.0]]


def test_sampled_estimates_agree_with_the_closed_form() -> None:
    generator = torch.Generator().manual_seed(1)
    p = (torch.tensor([0.2, -0.1]), torch.tensor([-1.0, -0.7]), torch.tensor([0.4]))
    q = (torch.tensor([0.3, -0.2]), torch.tensor([-0.9, -0.8]), torch.tensor([0.1]))
    means, logits = p[0].expand(400_000, 2), p[2].expand(400_000, 1)
    actions = distribution.sample(means, p[1], logits, generator)
    log_ratio = distribution.log_prob(actions, q[0], q[1], q[2]) - distribution.log_prob(actions, p[0], p[1], p[2])
    exact = distribution.kl(*p, *q).sum().item()
    assert distribution.k1(log_ratio).item() == pytest.approx(exact, abs=4e-3)
    assert distribution.k3(log_ratio).item() == pytest.approx(exact, abs=2e-3)
    assert exact == pytest.approx(0.0861, abs=1e-4)


def test_samples_have_the_stated_moments_and_are_reproducible() -> None:
    means = torch.tensor([1.5, -2.0]).expand(200_000, 2)
    logits = torch.full((200_000, 1), -1.0)
    log_std = torch.tensor([-2.0, 0.0])
    drawn = distribution.sample(means, log_std, logits, torch.Generator().manual_seed(3))
    again = distribution.sample(means, log_std, logits, torch.Generator().manual_seed(3))
    assert torch.equal(drawn, again)
    torch.testing.assert_close(drawn[:, :2].mean(0), means[0], atol=0.01, rtol=0)
    torch.testing.assert_close(drawn[:, :2].std(0), log_std.exp(), atol=0.01, rtol=0)
    assert drawn[:, 2].mean().item() == pytest.approx(1 / (1 + math.e), abs=0.005)
    assert set(drawn[:, 2].unique().tolist()) == {0.0, 1.0}
    assert (drawn[:, 0] > 1).any(), "samples are raw: the game clamps, not the policy"


def test_numbers_worked_out_by_hand() -> None:
    """N(0, 1) at 1: −½ − ½ ln 2π = −1.418939; Bernoulli with logit ln 3 (p = ¾): ln ¾ = −0.287682."""
    found = distribution.log_prob(row(1.0, 1.0), row(0.0), torch.zeros(1).double(), row(math.log(3)))
    assert found.item() == pytest.approx(-1.4189385332 - 0.2876820724, abs=1e-9)
    # KL(N(0, 1) ‖ N(1, 1)) = ½
    assert distribution.kl_gaussian(row(0.0), row(0.0), row(1.0), row(0.0)).item() == pytest.approx(0.5)
    # KL(B(½) ‖ B(¾)) = ½ ln(4/3)
    assert distribution.kl_bernoulli(row(0.0), row(math.log(3))).item() == pytest.approx(0.5 * math.log(4 / 3))


def test_mode_is_the_clamped_mean_and_the_likelier_choice() -> None:
    means, logits = torch.tensor([[0.3, -1.7], [2.0, 0.0]]), torch.tensor([[0.1], [0.0]])
    assert distribution.mode(means, logits).tolist() == [[pytest.approx(0.3), -1.0, 1.0], [1.0, 0.0, 0.0]]


def test_leading_dimensions_are_free() -> None:
    """A bank of versions evaluates [V, N, …] with one log_std per version."""
    means, log_std, logits = torch.randn(3, 5, 2), torch.randn(3, 1, 2), torch.randn(3, 5, 1)
    actions = distribution.sample(means, log_std, logits)
    together = distribution.log_prob(actions, means, log_std, logits)
    for k in range(3):
        alone = distribution.log_prob(actions[k], means[k], log_std[k], logits[k])
        torch.testing.assert_close(together[k], alone)


def test_nan_stays_nan() -> None:
    nan = torch.tensor([[float("nan")]])
    zero = torch.zeros(1, 1)
    assert distribution.kl(nan, zero, zero, zero, zero, zero).isnan().any()
    assert distribution.kl(zero, zero, nan, zero, zero, zero).isnan().any()
    assert distribution.k3(torch.tensor([float("nan"), 0.0])).isnan()
