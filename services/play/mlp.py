"""The two hidden layers of the plain network by hand: one pass forward, one back, nothing for autograd to record.

n rows, h hidden units, φ = ReLU or tanh:  h₁ = φ(x W₁ᵀ + b₁),  h₂ = φ(h₁ W₂ᵀ + b₂).

Everything here runs in the dtype of its arguments (float32 or bfloat16) and accumulates in float32. On a CPU, bias and
activation ride on the matrix product (oneDNN): its tanh is within 1.5e-7 of the exact one and costs an eighth of
torch's. A row's result does not depend on how many rows there are, except that a single row may round differently.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from .scripting import scripted


class Layers(NamedTuple):
    """Weights and biases of both layers, all in one dtype."""

    weight_1: Tensor
    """[h, obs]"""
    bias_1: Tensor
    weight_2: Tensor
    """[h, h]"""
    bias_2: Tensor


class Activations(NamedTuple):
    """What the backward pass needs, in the dtype of the layers."""

    x: Tensor
    """[n, obs]"""
    hidden_1: Tensor
    """[n, h]"""
    hidden_2: Tensor
    """[n, h]"""


def forward(x: Tensor, layers: Layers, activation: str) -> Activations:
    """Both layers. `x` [n, obs] has the dtype of the layers. Not differentiable; see `Trunk` for that."""
    return Activations(x, *run(x, layers, activation, fuses(x)))


def backward(seen: Activations, layers: Layers, gradient: Tensor, activation: str) -> tuple[Layers, Tensor]:
    """Gradients of weights and biases, and of h₁ before φ (for whoever needs that of x).

    `gradient` [n, h] is that of h₂, in the dtype of the layers; it is overwritten.
    """
    found, before_1 = run_back(seen, layers.weight_2, gradient, activation)
    return Layers(*found), before_1


def fuses(x: Tensor) -> bool:
    """Whether oneDNN does a product, its bias and its activation in one where this is."""
    return _fuses(x.device.type, x.dtype)


def dense(x: Tensor, weight: Tensor, bias: Tensor, activation: str, fused: bool) -> Tensor:
    """φ(x Wᵀ + b), [n, inputs] -> [n, outputs]. `fused`: what `fuses` says of x."""
    if not fused:
        out = F.linear(x, weight, bias)
    elif activation == "tanh":
        return torch.ops.mkldnn._linear_pointwise(x.contiguous(), weight, bias, "tanh", [], "")  # type: ignore[no-any-return]
    else:
        # oneDNN's ReLU turns NaN into 0, which would hide broken weights: the one below does not
        out = torch.ops.mkldnn._linear_pointwise(x.contiguous(), weight, bias, "none", [], "")
    return out.tanh_() if activation == "tanh" else out.relu_()


def _through(gradient: Tensor, hidden: Tensor, activation: str) -> Tensor:
    """The gradient before φ from that after it, in place; φ' follows from φ alone for both activations."""
    if activation == "tanh":
        return torch.ops.aten.tanh_backward(gradient, hidden, grad_input=gradient)  # type: ignore[no-any-return]
    return torch.ops.aten.threshold_backward(gradient, hidden, 0, grad_input=gradient)  # type: ignore[no-any-return]


@scripted
def run(
    x: Tensor, layers: tuple[Tensor, Tensor, Tensor, Tensor], activation: str, fused: bool
) -> tuple[Tensor, Tensor]:
    """`forward` for other scripted functions: h₁ and h₂."""
    weight_1, bias_1, weight_2, bias_2 = layers
    hidden_1 = dense(x, weight_1, bias_1, activation, fused)
    return hidden_1, dense(hidden_1, weight_2, bias_2, activation, fused)


@scripted
def run_back(
    seen: tuple[Tensor, Tensor, Tensor], weight_2: Tensor, gradient: Tensor, activation: str
) -> tuple[tuple[Tensor, Tensor, Tensor, Tensor], Tensor]:
    """`backward` for other scripted functions."""
    x, hidden_1, hidden_2 = seen
    before_2 = _through(gradient, hidden_2, activation)
    by_weight_2, by_bias_2 = before_2.t() @ hidden_1, before_2.sum(0)
    before_1 = _through(before_2 @ weight_2, hidden_1, activation)
    # the product the other way round is a third faster for few inputs
    by_weight_1 = (x.t() @ before_1).t()
    return (by_weight_1, before_1.sum(0), by_weight_2, by_bias_2), before_1


class Trunk(torch.autograd.Function):
    """`forward` and `backward` as one node of autograd's graph: float32 in and out, `dtype` in between."""

    @staticmethod
    def forward(
        ctx: Any,
        obs: Tensor,
        weight_1: Tensor,
        bias_1: Tensor,
        weight_2: Tensor,
        bias_2: Tensor,
        activation: str,
        dtype: torch.dtype,
    ) -> Tensor:
        layers = Layers(*(tensor.to(dtype) for tensor in (weight_1, bias_1, weight_2, bias_2)))
        seen = forward(obs.to(dtype), layers, activation)
        ctx.save_for_backward(*seen, *layers)
        ctx.activation, ctx.obs_dtype = activation, obs.dtype
        return seen.hidden_2.float()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        seen, layers = Activations(*ctx.saved_tensors[:3]), Layers(*ctx.saved_tensors[3:])
        own = gradient.to(layers.weight_1.dtype, copy=True)
        found, before_1 = backward(seen, layers, own, ctx.activation)
        obs = (before_1 @ layers.weight_1).to(ctx.obs_dtype) if ctx.needs_input_grad[0] else None
        return obs, *(tensor.float() for tensor in found), None, None


@cache
def _fuses(device: str, dtype: torch.dtype) -> bool:
    if device != "cpu" or not torch._C._has_mkldnn:
        return False
    if not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return False
    return dtype == torch.float32 or (dtype == torch.bfloat16 and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()))
