"""Is the behaviour policy the one it is said to be, and how far did the update move from it?

The ratio of PPO is measured against the log-probabilities stamped on the rollouts. If the version named on the slab
does not reproduce them, every gradient would be wrong without anybody noticing. So a sample of each batch is recomputed
first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..play import distribution
from ..play.network import Actor
from .crew import Crew
from .objective import split
from .passes import outputs
from .rows import Rows
from .slab import Slab
from .state import Versions

#: Rows of a batch that are recomputed and on which the closed-form KL is measured.
SAMPLE_ROWS = 8192
#: Allowed |ratio − 1| of every row. Equal arithmetic gives exactly 0, whatever the number of rows (a single row is
#: multiplied by another routine, which differs in the last places); another kind of processor rounds differently.
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 1e-2, torch.float16: 1e-2}


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
    categorical: tuple[int, ...]
    """numbers of choices, see `distribution`"""
    compute_dtype: torch.dtype
    """coarsest one of the versions"""


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
    kl_previous: float
    """closed-form KL(policy before the update ‖ actor): late rollouts may pull back and forth, each time near them"""
    kl_reference: float
    """closed-form KL(reference ‖ actor) of the KL penalty; NaN without one"""

    @property
    def kl(self) -> float:
        return sum(self.kl_components)


def sample(slabs: Sequence[Slab], rows: Rows, versions: Versions, crew: Crew) -> Sample:
    """Choose about SAMPLE_ROWS rows and evaluate the version of each slab on its own."""
    parts, start = [], 0
    # an odd stride visits every match slot, whatever the number of slots
    stride = (len(rows) // SAMPLE_ROWS) | 1
    for slab in slabs:
        indices = torch.arange(start, start + slab.decisions, stride, device=rows.packed.device)
        start += slab.decisions
        parts.append(rows.select(indices))
    actors = [versions[slab.behaviour.step] for slab in slabs]
    found = outputs([(actor, part.observations) for actor, part in zip(actors, parts, strict=True)], crew)
    means, logits = (torch.cat(column) for column in zip(*found, strict=True))
    log_std = [actor.log_std.detach().expand(len(part), -1) for actor, part in zip(actors, parts, strict=True)]
    coarsest = max({actor.trunk.compute_dtype for actor in actors}, key=TOLERANCE.__getitem__)
    chosen = replace(rows, packed=torch.cat([part.packed for part in parts]))
    return Sample(chosen, means, torch.cat(log_std), logits, actors[0].architecture.categorical, coarsest)


def check(sampled: Sample) -> tuple[float, float]:
    """99th percentile and maximum of |ratio − 1| between the stamped and the recomputed log-probabilities.

    Before the first minibatch the policy of the newest version is the actor's: this is its ratio.

    Raises WrongReference if they are too large to be rounding.
    """
    choices = sampled.categorical
    recomputed = distribution.log_prob(sampled.rows.actions, sampled.means, sampled.log_std, sampled.logits, choices)
    errors = torch.expm1(recomputed - sampled.rows.log_probs).abs()
    p99, worst = float(torch.quantile(errors, 0.99)), float(errors.max())
    tolerance = TOLERANCE[sampled.compute_dtype]
    if not worst < tolerance:
        raise WrongReference(
            f"the reference is wrong: rollouts carry log-probabilities that the policy version named on them does not "
            f"give (|ratio − 1| is up to {worst:.3g}, {p99:.3g} for 99 rows in 100; expected below {tolerance:g}). "
            "Simulator and learner must use the same weights, network.precision and observation, and processors that "
            "round alike."
        )
    return p99, worst


def measure(sampled: Sample, actor: Actor, clip: float, crew: Crew, previous: Actor | None = None) -> Moved:
    """Closed-form KL(behaviour ‖ actor) and the sampled estimates beside it.

    `previous`: the policy before the update, if it is not the one that made all of the batch.
    """
    with torch.no_grad():
        seen = sampled.rows.observations
        (means, logits), *before = outputs([(one, seen) for one in (actor, previous) if one is not None], crew)
        log_std, choices = actor.log_std, sampled.categorical
        new = (means, log_std, logits)
        behaviour = (sampled.means, sampled.log_std, sampled.logits)
        components = distribution.kl(*behaviour, *new, choices).mean(0)
        kl_previous = float(components.sum())
        if previous is not None:
            ((old_means, old_logits),) = before
            kl_previous = _mean_kl((old_means, previous.log_std, old_logits), new, choices)
        new_log_probs = distribution.log_prob(sampled.rows.actions, *new, choices)
        log_ratio = new_log_probs - sampled.rows.log_probs
        return Moved(
            kl_components=tuple(components.tolist()),
            k1=float(distribution.k1(log_ratio)),
            k3=float(distribution.k3(log_ratio)),
            log_ratio_p99=float(torch.quantile(log_ratio.abs(), 0.99)),
            clip_fraction=float((torch.expm1(log_ratio).abs() > clip).float().mean()),
            entropy=float(distribution.entropy(log_std, logits, choices).mean()),
            kl_previous=kl_previous,
            kl_reference=_kl_reference(sampled, new),
        )


def _kl_reference(sampled: Sample, new: tuple[Tensor, Tensor, Tensor]) -> float:
    if not sampled.rows.reference_size:
        return math.nan
    reference = split(sampled.rows.reference, new[0].shape[1])
    return _mean_kl(reference, new, sampled.categorical)


def _mean_kl(
    old: tuple[Tensor, Tensor, Tensor], new: tuple[Tensor, Tensor, Tensor], categorical: tuple[int, ...]
) -> float:
    return float(distribution.kl(*old, *new, categorical).sum(-1).mean())
