"""What is told of an update: how its passes went, how long they took, how far they led, and against whom."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from ..kernel.config import LearnerConfig
from . import reference, tools
from .batch import BatchFacts
from .crew import Crew
from .objective import Terms
from .slab import Slab
from .state import State


@dataclass(slots=True)
class Progress:
    """What the passes over a batch did. Sums over the minibatches that were applied."""

    minibatches: int = 0
    stopped: bool = False
    """the KL test ended the passes early"""
    kl_lag: float = 0.0
    """k3 before anything was applied: how far the policy has moved since the rollouts"""
    kl_last: float = 0.0
    """k3 of the minibatch looked at last: how far from the policy that the loss clips against"""
    policy_loss: float = 0.0
    value_loss: float = 0.0
    gradient_norm: float = 0.0
    gradient_norm_max: float = 0.0
    kl_penalty: float = 0.0
    skipped: int = 0
    """minibatches left out because their gradient overflowed in fp16"""
    nonfinite: int = 0
    """numbers that were not finite, in gradients and weights"""
    broken: str = ""
    """what was not finite; empty if nothing"""

    def stop(self, kl: float) -> None:
        """The passes end because of this KL."""
        self.stopped, self.kl_last = True, kl
        self.broken = "" if math.isfinite(kl) else "the policy gives no finite probabilities"

    def applied(self, terms: Terms, gradient_norm: float) -> None:
        """Count a minibatch."""
        self.minibatches += 1
        self.policy_loss += terms.policy_loss
        self.value_loss += terms.value_loss
        self.kl_penalty += terms.kl_penalty
        self.gradient_norm += gradient_norm
        self.gradient_norm_max = max(self.gradient_norm_max, gradient_norm)


@dataclass(slots=True)
class Report:
    """One update, as it is written to metrics, health and metrics.jsonl."""

    committed: bool
    reason: str
    """why it was taken back: a label of ludus_learner_updates_rejected_total, or empty"""
    detail: str
    """the same for people"""
    decisions: int
    metrics: dict[str, float] = field(default_factory=dict)
    """numbers by name (ludus_learner_<name>); one that does not exist for this update is absent"""
    wall_seconds: dict[str, float] = field(default_factory=dict)
    """by part: prepare, optimise, measure"""
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    against: tuple[tools.Against, ...] = ()
    """what KL was measured against"""


class Clock:
    """Wall and CPU seconds of the parts of an update, on this thread and its crew."""

    def __init__(self, crew: Crew) -> None:
        self.wall: dict[str, float] = {}
        self.cpu: dict[str, float] = {}
        self._crew = crew
        self._last = self._now()

    def lap(self, name: str) -> None:
        now = self._now()
        self.wall[name], self.cpu[name] = now[0] - self._last[0], now[1] - self._last[1]
        self._last = now

    def _now(self) -> tuple[float, float]:
        return time.perf_counter(), time.thread_time() + self._crew.helper_cpu_seconds


def metrics(
    slabs: Sequence[Slab],
    state: State,
    facts: BatchFacts,
    progress: Progress,
    moved: reference.Moved,
    errors: tuple[float, float],
) -> dict[str, float]:
    """By name; NaN for what does not exist for this update."""
    applied = progress.minibatches or math.nan  # averages over no minibatch do not exist
    lags = [state.counters.step - slab.behaviour.step for slab in slabs]
    return {
        "kl": moved.kl,
        **{f"kl_component_{index}": kl for index, kl in enumerate(moved.kl_components)},
        "k1": moved.k1,
        "k3": moved.k3,
        "kl_previous": moved.kl_previous,
        "kl_reference": moved.kl_reference,
        "kl_last_minibatch": progress.kl_last,
        "kl_lag": progress.kl_lag,
        "log_ratio_p99": moved.log_ratio_p99,
        "clip_fraction": moved.clip_fraction,
        "entropy": moved.entropy,
        **{f"action_std_{index}": float(std) for index, std in enumerate(state.actor.log_std.detach().exp())},
        "policy_loss": progress.policy_loss / applied,
        "value_loss": progress.value_loss / applied,
        "gradient_norm": progress.gradient_norm / applied,
        "gradient_norm_max": progress.gradient_norm_max,
        "minibatches": progress.minibatches,
        "minibatches_skipped": progress.skipped,
        "nonfinite_numbers": progress.nonfinite,
        "early_stop": float(progress.stopped),
        "explained_variance": facts.explained_variance,
        "advantage_std": facts.advantage_std,
        "importance_weight": facts.importance_weight,
        "rnd_reward": facts.rnd_reward,
        "episode_return": facts.episode_return,
        "episodes": facts.episodes,
        "lag_mean": sum(lags) / len(lags),
        "lag_max": max(lags),
        "ratio_error_p99": errors[0],
        "ratio_error_max": errors[1],
    }


def against(config: LearnerConfig, state: State, slabs: Sequence[Slab]) -> tuple[tools.Against, ...]:
    """The behaviour policies of the batch, oldest first, and the reference of the KL penalty."""
    refs = {(one.behaviour.epoch, one.behaviour.step): one.behaviour for one in slabs}
    behaviour = (
        tools.Against("behaviour", f"{ref.agent}@{ref.epoch}.{ref.step}", ref.sha256) for _, ref in sorted(refs.items())
    )
    penalty = tools.against(config, state)
    return (*behaviour, *((penalty,) if penalty else ()))


def finite(numbers: dict[str, float]) -> dict[str, float]:
    """Numbers only: NaN and infinity are not passed on to sums, plots or ratings."""
    return {name: float(value) for name, value in numbers.items() if math.isfinite(value)}


def distance(before: dict[str, torch.Tensor], state: State) -> float:
    """Euclidean norm of the change of all weights."""
    changes = [(tensor - before[name]).norm() for name, tensor in state.parameters().items()]
    return float(torch.stack(changes).norm())
