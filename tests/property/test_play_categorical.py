"""Categorical action components, alone and beside others, against torch.distributions and scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats
from torch.distributions import Bernoulli, Categorical, Normal, kl_divergence

from ludus.play import distribution

SHAPES = st.tuples(st.integers(0, 2), st.integers(0, 2), st.lists(st.integers(1, 5), min_size=1, max_size=3))


def parameters(
    seed: int, continuous: int, binary: int, choices: list[int], scale: float = 2.0
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """means [6, C], log_std [C], logits [6, K + Σn] in float64."""
    generator = torch.Generator().manual_seed(seed)
    means = torch.randn(6, continuous, generator=generator, dtype=torch.float64)
    log_std = torch.randn(continuous, generator=generator, dtype=torch.float64) * 0.5 - 1
    logits = torch.randn(6, binary + sum(choices), generator=generator, dtype=torch.float64) * scale
    return means, log_std, logits


def parts(
    means: torch.Tensor, log_std: torch.Tensor, logits: torch.Tensor, choices: list[int]
) -> tuple[Normal, Bernoulli, list[Categorical]]:
    """The same distribution, put together by torch."""
    binary, *rest = torch.split(logits, [logits.shape[-1] - sum(choices), *choices], -1)
    gaussian = Normal(means, log_std.exp().expand_as(means), validate_args=False)
    return gaussian, Bernoulli(logits=binary), [Categorical(logits=one) for one in rest]


@settings(max_examples=60, deadline=None)
@given(shape=SHAPES, seed=st.integers(0, 2**31))
def test_log_prob_entropy_and_kl_are_those_of_torch(shape: tuple[int, int, list[int]], seed: int) -> None:
    continuous, binary, choices = shape
    p, q = parameters(seed, *shape), parameters(seed + 1, *shape)
    actions = distribution.sample(*p, torch.Generator().manual_seed(seed), choices)
    gaussian, bernoulli, categoricals = parts(*p, choices)
    others = parts(*q, choices)
    first = continuous + binary

    expected = gaussian.log_prob(actions[:, :continuous]).sum(-1) + bernoulli.log_prob(
        actions[:, continuous:first]
    ).sum(-1)
    expected += sum(one.log_prob(actions[:, first + k]) for k, one in enumerate(categoricals))
    torch.testing.assert_close(distribution.log_prob(actions, *p, choices), expected)

    entropies = [gaussian.entropy().sum(-1), bernoulli.entropy().sum(-1), *(one.entropy() for one in categoricals)]
    torch.testing.assert_close(distribution.entropy(p[1], p[2], choices), sum(entropies))

    found = distribution.kl(*p, *q, choices)
    columns = [kl_divergence(gaussian, others[0]), kl_divergence(bernoulli, others[1])]
    columns += [kl_divergence(one, other)[:, None] for one, other in zip(categoricals, others[2], strict=True)]
    assert found.shape == (6, first + len(choices))
    torch.testing.assert_close(found, torch.cat(columns, -1))


@given(st.lists(st.floats(-30, 30), min_size=2, max_size=6), st.lists(st.floats(-30, 30), min_size=6, max_size=6))
def test_a_categorical_component_is_that_of_scipy(p: list[float], q: list[float]) -> None:
    q = q[: len(p)]
    log_p, log_q = special.log_softmax(p), special.log_softmax(q)
    logits_p, logits_q = (torch.tensor([values], dtype=torch.float64) for values in (p, q))
    nothing, none = torch.empty(1, 0, dtype=torch.float64), torch.empty(0, dtype=torch.float64)
    for choice in range(len(p)):
        action = torch.tensor([[float(choice)]], dtype=torch.float64)
        found = distribution.log_prob(action, nothing, none, logits_p, [len(p)])
        assert found.item() == pytest.approx(log_p[choice], abs=1e-9)
    found = distribution.entropy(none, logits_p, [len(p)])
    assert found.item() == pytest.approx(stats.entropy(np.exp(log_p)), abs=1e-9)
    expected = special.rel_entr(np.exp(log_p), np.exp(log_q)).sum()
    assert distribution.kl_categorical(logits_p, logits_q).item() == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(st.lists(st.floats(-30, 30), min_size=2, max_size=6))
def test_kl_in_float32_is_never_negative_and_zero_from_itself(values: list[float]) -> None:
    logits = torch.tensor([values])
    assert distribution.kl_categorical(logits, logits).item() == 0.0
    assert distribution.kl_categorical(logits, logits + 1e-4 * torch.arange(len(values))).item() >= 0.0
    assert distribution.kl_categorical(logits * math.nan, logits).isnan().all()


def test_choices_are_drawn_as_often_as_their_probabilities_say() -> None:
    probabilities = torch.tensor([0.5, 0.3, 0.2, 0.0, 0.9, 0.1])
    n = 100_000
    logits = torch.cat((torch.zeros(1), probabilities.log())).expand(n, 7)
    means, log_std = torch.zeros(n, 1), torch.zeros(1)
    drawn = distribution.sample(means, log_std, logits, torch.Generator().manual_seed(5), (4, 2))
    again = distribution.sample(means, log_std, logits, torch.Generator().manual_seed(5), (4, 2))
    assert torch.equal(drawn, again)
    assert drawn.shape == (n, 4)
    counts = np.bincount(drawn[:, 2].int(), minlength=4)
    assert counts[3] == 0, "an impossible choice is never drawn"
    assert stats.chisquare(counts[:3], n * np.array([0.5, 0.3, 0.2])).pvalue > 1e-3
    assert stats.binomtest(int(drawn[:, 3].sum()), n, 0.1).pvalue > 1e-3
    joint = np.bincount((drawn[:, 2] * 2 + drawn[:, 3]).int(), minlength=6)[:6].reshape(3, 2)
    assert stats.chi2_contingency(joint).pvalue > 1e-3, "components are independent"


def test_the_draws_of_the_other_components_do_not_depend_on_categorical_ones() -> None:
    """Policies without categorical components act as they always did."""
    means, log_std, logits = torch.randn(5, 2), torch.zeros(2), torch.randn(5, 1)
    generator = torch.Generator().manual_seed(2)
    noise, uniform = torch.randn(5, 2, generator=generator), torch.rand(5, 1, generator=generator)
    found = distribution.sample(means, log_std, logits, torch.Generator().manual_seed(2))
    assert torch.equal(found, torch.cat((means + noise, (uniform < logits.sigmoid()).float()), -1))


def test_mode_is_the_likeliest_choice() -> None:
    means, logits = torch.tensor([[3.0]]), torch.tensor([[-0.1, 0.0, 2.0, 1.0, 5.0, 4.0]])
    assert distribution.mode(means, logits, (3, 2)).tolist() == [[1.0, 0.0, 1.0, 0.0]]


def test_gradients_reach_every_logit() -> None:
    logits = torch.tensor([[0.3, -0.2, 0.1]], dtype=torch.float64, requires_grad=True)
    nothing, none = torch.empty(1, 0, dtype=torch.float64), torch.empty(0, dtype=torch.float64)

    def function(values: torch.Tensor) -> torch.Tensor:
        action = torch.tensor([[1.0]], dtype=torch.float64)
        return distribution.log_prob(action, nothing, none, values, [3]) + distribution.entropy(none, values, [3])

    assert torch.autograd.gradcheck(function, logits)


def test_forgotten_categorical_components_are_noticed() -> None:
    """Two logits of one choice must not pass for two Bernoulli components."""
    with pytest.raises(ValueError, match="expected actions of 2 components, found 1"):
        distribution.log_prob(torch.zeros(4, 1), torch.empty(4, 0), torch.empty(0), torch.zeros(4, 2))
