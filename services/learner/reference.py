"""Is the behaviour policy the one it is said to be, and how far did the update move from it?

The ratio of PPO is measured against the log-probabilities stamped on the rollouts. If the version named on the slab
does not reproduce them, every gradient would be wrong without anybody noticing. So a sample of each batch is recomputed
first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..play import distribution
from ..play.network import Actor
from .batch import Rows
from .slab import Slab
from .state import Versions

#: Rows of a batch that are recomputed and on which the closed-form KL is measured.
SAMPLE_ROWS = 8192
#: Allowed |ratio − 1| of 99 rows in 100. Equal arithmetic gives exactly 0; another kind of processor or another number
#: of rows rounds differently, in bf16 up to one unit in the last place of a few hidden activations.
P99_TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 1e-2}
#: Rounding has a tail: a single row, far from the mean at a small standard deviation, may be this many times worse.
TAIL_FACTOR = 20.0


class WrongReference(Exception):
    """The stamped log-probabilities are not those of the stamped version."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows of a batch with the action distribution of the version that made them."""

    rows: Rows
    means: Tensor
    log_std: Tensor
    """[n, C]: rows may come from different versions"""
    logits: Tensor
    categorical: tuple[int, ...] = ()
    """numbers of choices, see `distribution`"""


@dataclass(frozen=True, slots=True)
class Moved:
    """How far the new policy is from the behaviour policy, on a sample."""

    kl_components: tuple[float, ...]
    """closed form, per action component, in their order"""
    k1: float
    k3: float
    log_ratio_p99: float
    clip_fraction: float
    entropy: float

    @property
    def kl(self) -> float:
        return sum(self.kl_components)


def sample(slabs: Sequence[Slab], rows: Rows, versions: Versions) -> Sample:
    """Choose about SAMPLE_ROWS rows and evaluate the version of each slab on its own."""
    parts = []
    start = 0
    # an odd stride visits every match slot, whatever the number of slots
    stride = (len(rows) // SAMPLE_ROWS) | 1
    for slab in slabs:
        indices = torch.arange(start, start + slab.decisions, stride, device=rows.packed.device)
        start += slab.decisions
        chosen = rows.select(indices)
        actor = versions[slab.behaviour.step]
        with torch.no_grad():
            means, logits = actor(chosen.observations)
            parts.append((chosen.packed, means, actor.log_std.expand_as(means), logits))
    packed, means, log_std, logits = (torch.cat(column) for column in zip(*parts, strict=True))
    choices = actor.architecture.categorical
    return Sample(Rows(packed, rows.obs_size, rows.act_size), means, log_std, logits, choices)


def check(sampled: Sample, compute_dtype: torch.dtype) -> tuple[float, float]:
    """99th percentile and maximum of |ratio − 1| between the stamped and the recomputed log-probabilities.

    Raises WrongReference if they are too large to be rounding.
    """
    choices = sampled.categorical
    recomputed = distribution.log_prob(sampled.rows.actions, sampled.means, sampled.log_std, sampled.logits, choices)
    errors = torch.expm1(recomputed - sampled.rows.log_probs).abs()
    p99, worst = float(torch.quantile(errors, 0.99)), float(errors.max())
    tolerance = P99_TOLERANCE[compute_dtype]
    if not (p99 < tolerance and worst < TAIL_FACTOR * tolerance):
        raise WrongReference(
            f"the reference is wrong: rollouts carry log-probabilities that the policy version named on them does not "
            f"give (|ratio − 1| is {p99:.3g} for 99 rows in 100, {worst:.3g} at most; expected below {tolerance:g} and "
            f"{TAIL_FACTOR * tolerance:g}). Simulator and learner must use the same weights, network.precision and "
            "observation; set network.precision to 'fp32' if their processors differ."
        )
    return p99, worst


def measure(sampled: Sample, actor: Actor, clip: float) -> Moved:
    """Closed-form KL(behaviour ‖ actor) and the sampled estimates beside it."""
    with torch.no_grad():
        means, logits = actor(sampled.rows.observations)
        log_std, choices = actor.log_std, sampled.categorical
        behaviour = (sampled.means, sampled.log_std, sampled.logits)
        components = distribution.kl(*behaviour, means, log_std, logits, choices).mean(0)
        new_log_probs = distribution.log_prob(sampled.rows.actions, means, log_std, logits, choices)
        log_ratio = new_log_probs - sampled.rows.log_probs
        return Moved(
            kl_components=tuple(components.tolist()),
            k1=float(distribution.k1(log_ratio)),
            k3=float(distribution.k3(log_ratio)),
            log_ratio_p99=float(torch.quantile(log_ratio.abs(), 0.99)),
            clip_fraction=float((torch.expm1(log_ratio).abs() > clip).float().mean()),
            entropy=float(distribution.entropy(log_std, logits, choices).mean()),
        )
