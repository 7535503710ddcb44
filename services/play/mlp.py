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
    hidden_1 = dense(x, layers.weight_1, layers.bias_1, activation)
    return Activations(x, hidden_1, dense(hidden_1, layers.weight_2, layers.bias_2, activation))


def backward(seen: Activations, layers: Layers, gradient: Tensor, activation: str) -> tuple[Layers, Tensor]:
    """Gradients of weights and biases, and of h₁ before φ (for whoever needs that of x).

    `gradient` [n, h] is that of h₂, in the dtype of the layers; it is overwritten.
    """
    before_2 = _through(gradient, seen.hidden_2, activation)
    weight_2, bias_2 = before_2.t() @ seen.hidden_1, before_2.sum(0)
    before_1 = _through(before_2 @ layers.weight_2, seen.hidden_1, activation)
    # the product the other way round is a third faster for few inputs
    return Layers((seen.x.t() @ before_1).t(), before_1.sum(0), weight_2, bias_2), before_1


def dense(x: Tensor, weight: Tensor, bias: Tensor, activation: str) -> Tensor:
    """φ(x Wᵀ + b), [n, inputs] -> [n, outputs]."""
    if activation == "tanh":
        return _linear(x, weight, bias, "tanh") if _fuses(x.device.type, x.dtype) else F.linear(x, weight, bias).tanh_()
    # oneDNN's ReLU turns NaN into 0, which would hide broken weights: this one does not
    return _linear(x, weight, bias).relu_()


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


def _through(gradient: Tensor, hidden: Tensor, activation: str) -> Tensor:
    """The gradient before φ from that after it, in place; φ' follows from φ alone for both activations."""
    if activation == "tanh":
        return torch.ops.aten.tanh_backward.grad_input(gradient, hidden, grad_input=gradient)  # type: ignore[no-any-return]
    return torch.ops.aten.threshold_backward.grad_input(gradient, hidden, 0, grad_input=gradient)  # type: ignore[no-any-return]


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None, activation: str = "none") -> Tensor:
    """x Wᵀ + b, with an activation where `_fuses` says so."""
    if _fuses(x.device.type, x.dtype):
        return torch.ops.mkldnn._linear_pointwise(x.contiguous(), weight, bias, activation, [], "")  # type: ignore[no-any-return]
    return F.linear(x, weight, bias)


@cache
def _fuses(device: str, dtype: torch.dtype) -> bool:
    """Whether oneDNN does the product, its bias and its activation in one there."""
    if device != "cpu" or not torch._C._has_mkldnn:
        return False
    if not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return False
    return dtype == torch.float32 or (dtype == torch.bfloat16 and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()))
