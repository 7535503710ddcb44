"""The hand-written trunk against plain float64 autograd, for any shape."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ludus.play import mlp

#: Norm of the error over that of the exact result, or of the gradient that came in where its sum over rows cancels.
FP32_ERROR = 2e-6
#: Rounding to bfloat16 also decides on which side of ReLU's kink a few units in a thousand lie. A gradient of pure
#: noise, as here, shows every one of them.
BF16_COSINE = {"tanh": 0.9999, "relu": 0.998}

SHAPES = st.tuples(st.integers(1, 70), st.integers(1, 70), st.integers(1, 96))


def drawn(n: int, obs: int, hidden: int, seed: int) -> tuple[Tensor, list[Tensor], Tensor]:
    """Observations, the four parameters, a gradient of the result: float64."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    weights = [normal(hidden, obs) / math.sqrt(obs), 0.1 * normal(hidden)]
    weights += [normal(hidden, hidden) / math.sqrt(hidden), 0.1 * normal(hidden)]
    return normal(n, obs), weights, normal(n, hidden)


def plain(x: Tensor, weights: list[Tensor], activation: str) -> Tensor:
    phi = torch.tanh if activation == "tanh" else torch.relu
    return phi(phi(x @ weights[0].T + weights[1]) @ weights[2].T + weights[3])


def results(inputs: tuple[Tensor, list[Tensor], Tensor], activation: str, dtype: torch.dtype | None) -> list[Tensor]:
    """Output and the gradients of observations and parameters; `dtype` None is plain float64 autograd."""
    number = torch.float64 if dtype is None else torch.float32
    leaves = [tensor.to(number, copy=True).requires_grad_() for tensor in (inputs[0], *inputs[1])]
    x, *weights = leaves
    out = plain(x, weights, activation) if dtype is None else mlp.Trunk.apply(x, *weights, activation, dtype)
    out.backward(inputs[2].to(number))
    return [out.detach(), *(leaf.grad for leaf in leaves if leaf.grad is not None)]


def away_from_the_kink(inputs: tuple[Tensor, list[Tensor], Tensor]) -> bool:
    """Whether no ReLU is so near to zero that rounding decides about it."""
    x, weights, _ = inputs
    first = x @ weights[0].T + weights[1]
    second = first.relu() @ weights[2].T + weights[3]
    return min(first.abs().min().item(), second.abs().min().item()) > 1e-5


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@settings(max_examples=60, deadline=None)
@given(shape=SHAPES, seed=st.integers(0, 2**31))
def test_float32_is_the_exact_result_up_to_rounding(activation: str, shape: tuple[int, int, int], seed: int) -> None:
    inputs = drawn(*shape, seed)
    if activation == "relu" and not away_from_the_kink(inputs):
        return
    for exact, found in zip(results(inputs, activation, None), results(inputs, activation, torch.float32), strict=True):
        assert found.shape == exact.shape
        assert (found - exact).norm() <= FP32_ERROR * max(exact.norm(), inputs[2].norm())


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("shape", [(4096, 59, 256), (1024, 66, 64)])
def test_bfloat16_points_where_the_exact_result_does(activation: str, shape: tuple[int, int, int]) -> None:
    inputs = drawn(*shape, 5)
    names = ("result", "observations", "weight 1", "bias 1", "weight 2", "bias 2")
    found, exact = results(inputs, activation, torch.bfloat16), results(inputs, activation, None)
    for name, one, other in zip(names, found, exact, strict=True):
        assert one.dtype == torch.float32
        assert torch.cosine_similarity(one.double().flatten(), other.flatten(), 0) > BF16_COSINE[activation], name


def test_tanh_is_within_its_stated_error_and_lets_nan_through() -> None:
    x = torch.cat((torch.linspace(-12, 12, 200_001), torch.logspace(-30, 0, 10_001)))[:, None]
    identity, zero = torch.eye(1), torch.zeros(1)
    error = mlp.dense(x, identity, zero, "tanh", mlp.fuses(x)).double() - torch.tanh(x.double())
    assert error.abs().max() < 1.5e-7
    for activation in ("tanh", "relu"):
        assert mlp.dense(torch.tensor([[math.nan]]), identity, zero, activation, mlp.fuses(x)).isnan().all()
    ends = torch.tensor([[math.inf], [-math.inf]])
    assert mlp.dense(ends, identity, zero, "tanh", mlp.fuses(x)).flatten().tolist() == [1, -1]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_a_row_does_not_depend_on_its_company(activation: str, dtype: torch.dtype) -> None:
    """A simulator's 3 or 256 rows are the learner's 1 024: bit for bit, but for a single row."""
    x, weights, _ = drawn(1024, 59, 256, 7)
    layers = mlp.Layers(*(tensor.to(dtype) for tensor in weights))
    whole = mlp.forward(x.to(dtype), layers, activation).hidden_2
    for rows in (2, 3, 31, 64, 100, 256, 1000):
        assert torch.equal(mlp.forward(x[:rows].to(dtype), layers, activation).hidden_2, whole[:rows]), rows
    single = mlp.forward(x[:1].to(dtype), layers, activation).hidden_2
    torch.testing.assert_close(single, whole[:1], atol=3e-6 if dtype == torch.float32 else 0, rtol=0)


def test_observations_that_need_no_gradient_get_none() -> None:
    x, weights, gradient = (part for part in drawn(5, 3, 4, 1))
    leaves = [weight.float().requires_grad_() for weight in weights]
    mlp.Trunk.apply(x.float(), *leaves, "tanh", torch.float32).backward(gradient.float())
    assert x.grad is None
    assert all(leaf.grad is not None for leaf in leaves)
