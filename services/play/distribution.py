"""The action distribution: independent Gaussian, then Bernoulli, then categorical components.

Shapes: `...` is any leading shape (N rows, or V versions x N rows); C Gaussian, K Bernoulli, M categorical components;
means [..., C], log_std broadcastable to means ([C], or [V, 1, C]), actions [..., C + K + M]. `categorical` holds the
numbers of choices n_1 … n_M; logits [..., K + n_1 + … + n_M]: one per Bernoulli component, then one per choice.

Gaussian samples are stored raw and clamped only by the game; log-probabilities are those of the raw sample. A Bernoulli
component is 1.0 or 0.0, a categorical one the index of the choice as a float. All functions are pure, keep the dtype of
`means` and differentiate where that makes sense.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)
_GAUSSIAN_ENTROPY = 0.5 + _HALF_LOG_TWO_PI


def sample(
    means: Tensor,
    log_std: Tensor,
    logits: Tensor,
    generator: torch.Generator | None = None,
    categorical: Sequence[int] = (),
) -> Tensor:
    """Draw raw actions [..., C + K + M].

    Uses one normal draw per Gaussian component, then one uniform draw per logit from `generator`. A choice is the
    largest logit after Gumbel noise (Maddison, Tarlow and Minka, "A* Sampling", 2014, arXiv:1411.0030, section 2).
    """
    noise = torch.randn(means.shape, generator=generator, dtype=means.dtype, device=means.device)
    uniform = torch.rand(logits.shape, generator=generator, dtype=logits.dtype, device=logits.device)
    binary, *choices = _split(logits, categorical)
    hits, *tickets = _split(uniform, categorical)
    parts = [torch.addcmul(means, noise, log_std.exp()), (hits < binary.sigmoid()).to(means.dtype)]
    for one, ticket in zip(choices, tickets, strict=True):
        parts.append((one - (-ticket.log()).log()).argmax(-1, keepdim=True).to(means.dtype))
    return torch.cat(parts, -1)


def mode(means: Tensor, logits: Tensor, categorical: Sequence[int] = ()) -> Tensor:
    """Deterministic actions [..., C + K + M]: means clamped to [-1, 1]; 1.0 where a logit is above 0; best choices."""
    binary, *choices = _split(logits, categorical)
    parts = [means.clamp(-1.0, 1.0), (binary > 0).to(means.dtype)]
    return torch.cat([*parts, *(one.argmax(-1, keepdim=True).to(means.dtype) for one in choices)], -1)


def log_prob(
    actions: Tensor, means: Tensor, log_std: Tensor, logits: Tensor, categorical: Sequence[int] = ()
) -> Tensor:
    """log p(actions) [...], summed over components; actions are raw samples [..., C + K + M].

    Raises ValueError if the sizes do not fit together.
    """
    continuous = means.shape[-1]
    binary, *choices = _split(logits, categorical)
    first = continuous + binary.shape[-1]
    if actions.shape[-1] != first + len(choices):
        raise ValueError(f"expected actions of {first + len(choices)} components, found {actions.shape[-1]}")
    standard = (actions[..., :continuous] - means) * (-log_std).exp()
    gaussian = -0.5 * standard.square() - log_std - _HALF_LOG_TWO_PI
    # log p(b) = b * logit - softplus(logit), for b in {0, 1}
    bernoulli = actions[..., continuous:first] * binary - F.softplus(binary)
    total = gaussian.sum(-1) + bernoulli.sum(-1)
    for index, one in enumerate(choices, first):
        chosen = actions[..., index : index + 1].long()
        total = total + one.log_softmax(-1).gather(-1, chosen).squeeze(-1)
    return total


def entropy(log_std: Tensor, logits: Tensor, categorical: Sequence[int] = ()) -> Tensor:
    """Differential entropy of the Gaussian part plus entropy of the discrete parts, in nats, [...]."""
    binary, *choices = _split(logits, categorical)
    # H(b) = softplus(logit) - logit * sigmoid(logit)
    bernoulli = F.softplus(binary) - binary * binary.sigmoid()
    total = (log_std + _GAUSSIAN_ENTROPY).sum(-1) + bernoulli.sum(-1)
    for one in choices:
        log_p = one.log_softmax(-1)
        total = total - (log_p.exp() * log_p).sum(-1)
    return total


def kl(
    means_p: Tensor,
    log_std_p: Tensor,
    logits_p: Tensor,
    means_q: Tensor,
    log_std_q: Tensor,
    logits_q: Tensor,
    categorical: Sequence[int] = (),
) -> Tensor:
    """Closed-form KL(p ‖ q) per component, [..., C + K + M], in nats; summed over the last axis that of the actions."""
    binary_p, *choices_p = _split(logits_p, categorical)
    binary_q, *choices_q = _split(logits_q, categorical)
    parts = [kl_gaussian(means_p, log_std_p, means_q, log_std_q), kl_bernoulli(binary_p, binary_q)]
    parts += [kl_categorical(p, q).unsqueeze(-1) for p, q in zip(choices_p, choices_q, strict=True)]
    return torch.cat(parts, -1)


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


def kl_categorical(logits_p: Tensor, logits_q: Tensor) -> Tensor:
    """KL(p ‖ q) = Σ p (log p − log q) over the choices, [..., n] -> [...]; never negative."""
    log_p, log_q = logits_p.log_softmax(-1), logits_q.log_softmax(-1)
    return (log_p.exp() * (log_p - log_q)).sum(-1).clamp_min(0.0)


def _split(logits: Tensor, categorical: Sequence[int]) -> tuple[Tensor, ...]:
    """[..., K + n_1 + … + n_M] -> [..., K], [..., n_1], …, [..., n_M]."""
    if not categorical:
        return (logits,)
    return torch.split(logits, [logits.shape[-1] - sum(categorical), *categorical], -1)


def k1(log_ratio: Tensor) -> Tensor:
    """Unbiased estimate of KL(behaviour ‖ new) from the behaviour's samples: mean of −log r, r = new / old."""
    return -log_ratio.mean()


def k3(log_ratio: Tensor, weights: Tensor | None = None) -> Tensor:
    """Unbiased, never negative estimate of KL(behaviour ‖ new): mean of r − 1 − log r, times `weights` if given.

    Schulman, "Approximating KL divergence", 2020, http://joschu.net/blog/kl-approx.html
    """
    distance = torch.expm1(log_ratio) - log_ratio
    return (distance if weights is None else distance * weights).mean()
