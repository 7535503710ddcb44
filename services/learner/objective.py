"""The objective of an update: from what the networks say about some rows to one loss. Pure.

N rows. A loss is a mean over its rows, so that a minibatch may be taken apart: the loss of the whole is the mean of the
losses of its parts, weighted by their rows.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..kernel.config import LearnerConfig
from ..play import distribution
from . import ppo
from .batch import Rows


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
class Terms:
    """The parts of a loss and what is watched beside them: means over the rows."""

    policy_loss: float = 0.0
    value_loss: float = 0.0
    kl: float = 0.0
    """k3 of the behaviour policy against the actor"""

    def weighted(self, weight: float) -> Terms:
        return Terms(weight * self.policy_loss, weight * self.value_loss, weight * self.kl)

    def __add__(self, other: Terms) -> Terms:
        return Terms(
            self.policy_loss + other.policy_loss, self.value_loss + other.value_loss, self.kl + other.kl
        )


def objective(config: LearnerConfig, outputs: Outputs, rows: Rows) -> tuple[Tensor, Terms]:
    """The loss of these rows, to be minimised, and its parts."""
    means, log_std, logits, choices = outputs.means, outputs.log_std, outputs.logits, outputs.categorical
    log_ratio = distribution.log_prob(rows.actions, means, log_std, logits, choices) - rows.log_probs
    policy = ppo.policy_loss(log_ratio, rows.advantages, config.clip, config.log_ratio_clamp)
    value = ppo.value_loss(outputs.values, rows.returns, rows.values, config.value_clip)
    loss = policy + config.value_coefficient * value
    if config.entropy_coefficient:
        loss = loss - config.entropy_coefficient * distribution.entropy(log_std, logits, choices).mean()
    kl = distribution.k3(log_ratio.detach())
    return loss, Terms(float(policy.detach()), float(value.detach()), float(kl))
