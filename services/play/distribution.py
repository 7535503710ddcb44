"""The action distribution: independent Gaussian components, then independent Bernoulli components.

Shapes: `...` is any leading shape (N rows, or V versions x N rows), C Gaussian and K Bernoulli components.
means [..., C], log_std broadcastable to means ([C], or [V, 1, C]), logits [..., K], actions [..., C + K].

Gaussian samples are stored raw and clamped only by the game; log-probabilities are those of the raw sample. A Bernoulli
component is 1.0 or 0.0. All functions are pure, keep the dtype of `means` and differentiate where that makes sense.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)
_GAUSSIAN_ENTROPY = 0.5 + _HALF_LOG_TWO_PI


def sample(means: Tensor, log_std: Tensor, logits: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Draw raw actions [..., C + K]. Uses one normal draw and one uniform draw from `generator`."""
    noise = torch.randn(means.shape, generator=generator, dtype=means.dtype, device=means.device)
    uniform = torch.rand(logits.shape, generator=generator, dtype=logits.dtype, device=logits.device)
    return torch.cat((torch.addcmul(means, noise, log_std.exp()), (uniform < logits.sigmoid()).to(means.dtype)), -1)


def mode(means: Tensor, logits: Tensor) -> Tensor:
    """Deterministic actions [..., C + K]: means clamped to [-1, 1]; 1.0 where the logit is above 0."""
    return torch.cat((means.clamp(-1.0, 1.0), (logits > 0).to(means.dtype)), -1)


def log_prob(actions: Tensor, means: Tensor, log_std: Tensor, logits: Tensor) -> Tensor:
    """log p(actions) [...], summed over components; actions are raw samples [..., C + K]."""
    continuous = means.shape[-1]
    standard = (actions[..., :continuous] - means) * (-log_std).exp()
    gaussian = -0.5 * standard.square() - log_std - _HALF_LOG_TWO_PI
    # log p(b) = b * logit - softplus(logit), for b in {0, 1}
    bernoulli = actions[..., continuous:] * logits - F.softplus(logits)
    return gaussian.sum(-1) + bernoulli.sum(-1)


def entropy(log_std: Tensor, logits: Tensor) -> Tensor:
    """Differential entropy of the Gaussian part plus entropy of the Bernoulli part, in nats, [...]."""
    # H(b) = softplus(logit) - logit * sigmoid(logit)
    bernoulli = F.softplus(logits) - logits * logits.sigmoid()
    return (log_std + _GAUSSIAN_ENTROPY).sum(-1) + bernoulli.sum(-1)


def kl(
    means_p: Tensor, log_std_p: Tensor, logits_p: Tensor, means_q: Tensor, log_std_q: Tensor, logits_q: Tensor
) -> Tensor:
    """Closed-form KL(p ‖ q) per component, [..., C + K], in nats; its sum over the last axis is that of the actions."""
    return torch.cat((kl_gaussian(means_p, log_std_p, means_q, log_std_q), kl_bernoulli(logits_p, logits_q)), -1)


def kl_gaussian(means_p: Tensor, log_std_p: Tensor, means_q: Tensor, log_std_q: Tensor) -> Tensor:
    """KL(N(μp, σp²) ‖ N(μq, σq²)) = log σq/σp + (σp² + (μp − μq)²) / 2σq² − ½, per component."""
    # expm1 keeps the difference of nearly equal standard deviations exact
    spread = 2 * (log_std_p - log_std_q)
    distance = ((means_p - means_q) * (-log_std_q).exp()).square()
    return 0.5 * (torch.expm1(spread) - spread + distance)


def kl_bernoulli(logits_p: Tensor, logits_q: Tensor) -> Tensor:
    """KL(B(σ(p)) ‖ B(σ(q))) = σ(p)(p − q) − softplus(p) + softplus(q), per component; never negative."""
    exact = logits_p.sigmoid() * (logits_p - logits_q) - F.softplus(logits_p) + F.softplus(logits_q)
    return exact.clamp_min(0.0)  # rounding of nearly equal logits would give about -1e-8; NaN stays NaN


def k1(log_ratio: Tensor) -> Tensor:
    """Unbiased estimate of KL(behaviour ‖ new) from the behaviour's samples: mean of −log r, r = new / old."""
    return -log_ratio.mean()


def k3(log_ratio: Tensor) -> Tensor:
    """Unbiased, never negative estimate of KL(behaviour ‖ new): mean of r − 1 − log r.

    Schulman, "Approximating KL divergence", 2020, http://joschu.net/blog/kl-approx.html
    """
    return (torch.expm1(log_ratio) - log_ratio).mean()
