"""Proximal policy optimisation: the loss and the numbers that tell whether it is still safe. Pure functions.

Schulman et al., "Proximal Policy Optimization Algorithms", 2017, arXiv:1707.06347. N rows of one minibatch.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def policy_loss(
    log_ratio_N: Tensor, advantages_N: Tensor, clip: float, log_ratio_clamp: float, weights_N: Tensor | None = None
) -> Tensor:
    """−mean w min(r A, clip(r, 1−ε, 1+ε) A), equation 7, with r = exp(log ratio).

    The log ratio is clamped before the exponential, so that one absurd row cannot overflow the gradient of all.
    Weights make it the decoupled objective: r is then that to the policy before the update, and w the ratio of that one
    to the policy that acted. Hilton, Cobbe and Schulman, "Batch size-invariance for policy optimization", 2022,
    arXiv:2110.00641, equation 3.
    """
    ratio_N = log_ratio_N.clamp(-log_ratio_clamp, log_ratio_clamp).exp()
    gains_N = torch.minimum(ratio_N * advantages_N, ratio_N.clamp(1 - clip, 1 + clip) * advantages_N)
    return -(gains_N if weights_N is None else weights_N * gains_N).mean()


def value_loss(values_N: Tensor, returns_N: Tensor, old_values_N: Tensor, clip: float) -> Tensor:
    """½ mean (V − R)². With clip > 0: ½ mean max((V − R)², (V_old + clip(V − V_old, ±ε) − R)²)."""
    errors_N = (values_N - returns_N).square()
    if clip > 0:
        near_N = old_values_N + (values_N - old_values_N).clamp(-clip, clip)
        errors_N = torch.maximum(errors_N, (near_N - returns_N).square())
    return 0.5 * errors_N.mean()


def stop_limit(target: float, kl_lag: float) -> float:
    """KL to the policy that acted at which an update has come `target` far from the one before it, at the most.

    (√target + √lag)²: KL goes with the square of the distance, and both ways may lead in the same direction. With the
    sum of both instead, an update in the direction of the last one ends after a step or two, and so do all that follow.
    """
    return (math.sqrt(target) + math.sqrt(kl_lag)) ** 2


def is_safe(kl: float, limit: float) -> bool:
    """Whether the policy is near enough to go on. Written so that NaN is not: NaN < limit is false."""
    return kl < limit
