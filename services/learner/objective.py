"""The objective of an update: from what the networks say about some rows to one loss. Pure.

N rows. A loss is a mean over its rows, so that a minibatch may be taken apart: the loss of the whole is the mean of the
losses of its parts, weighted by their rows.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from torch import Tensor

from ..kernel.config import LearnerConfig
from ..play import distribution
from . import ppo
from .rows import Rows


@dataclass(frozen=True, slots=True)
class Outputs:
    """What actor and critic say about rows."""

    means: Tensor
    """[N, C]"""
    log_std: Tensor
    """[C]"""
    logits: Tensor
    """[N, K] of the Bernoulli components, then those of the categorical ones"""
    values: Tensor
    """[N]"""
    categorical: tuple[int, ...] = ()
    """number of choices of every categorical component"""


@dataclass(frozen=True, slots=True)
class Scales:
    """What the loss is made with and changes from one update to the next."""

    kl_penalty: float = 0.0
    """coefficient of KL(reference ‖ actor)"""
    returns: float = 1.0
    """standard deviation of the returns: the critic's errors are measured in it"""
    loss: float = 1.0
    """of the backward pass alone, against underflow in fp16; the gradient is divided by it again"""


@dataclass(frozen=True, slots=True)
class Terms:
    """The parts of a loss and what is watched beside them: means over the rows."""

    policy_loss: float = 0.0
    value_loss: float = 0.0
    kl: float = 0.0
    """k3 of the policy that the loss clips against, and the actor: how far the update has come. Rows of an older policy
    count by their importance: alone they show twice as much where this update goes on in the direction of the last."""
    kl_penalty: float = 0.0
    """KL(reference ‖ actor), without its coefficient"""

    def weighted(self, weight: float) -> Terms:
        return Terms(*(weight * getattr(self, one.name) for one in fields(self)))

    def __add__(self, other: Terms) -> Terms:
        return Terms(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))


def objective(config: LearnerConfig, scales: Scales, outputs: Outputs, rows: Rows) -> tuple[Tensor, Terms]:
    """The loss of these rows, to be minimised, and its parts. The KL that is watched is never clamped or weighted."""
    means, log_std, logits, choices = outputs.means, outputs.log_std, outputs.logits, outputs.categorical
    log_probs = distribution.log_prob(rows.actions, means, log_std, logits, choices)
    weights = rows.weights if rows.corrected else None
    log_ratio = log_probs - rows.proximal_log_probs
    policy = ppo.policy_loss(log_ratio, rows.advantages, config.clip, config.log_ratio_clamp, weights)
    value = ppo.value_loss(outputs.values, rows.returns, rows.values, config.value_clip)
    if scales.returns != 1.0:
        value = value / scales.returns**2
    loss = policy + config.value_coefficient * value
    if config.entropy_coefficient:
        loss = loss - config.entropy_coefficient * distribution.entropy(log_std, logits, choices).mean()
    penalty = 0.0
    if rows.reference_size:
        reference = split(rows.reference, means.shape[1])
        mean_kl = distribution.kl(*reference, means, log_std, logits, choices).sum(-1).mean()
        penalty = float(mean_kl.detach())
        loss = loss + scales.kl_penalty * mean_kl
    kl = distribution.k3(log_ratio.detach(), weights)
    return loss, Terms(float(policy.detach()), float(value.detach()), float(kl), penalty)


def split(columns: Tensor, continuous: int) -> tuple[Tensor, Tensor, Tensor]:
    """Means [N, C], log standard deviations [N, C] and logits [N, K] of a distribution's columns."""
    return columns[:, :continuous], columns[:, continuous : 2 * continuous], columns[:, 2 * continuous :]
