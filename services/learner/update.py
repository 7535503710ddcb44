"""One update as a transaction: remember, optimise, measure, then commit or take back."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch

from ..kernel.config import LearnerConfig, RunConfig
from ..kernel.intent import Overrides
from ..play.network import Actor
from ..play.weights import non_finite
from . import loss_scale, ppo, reference, tools
from .batch import Batcher, BatchFacts
from .crew import Crew
from .fused import fits, gradients
from .objective import Scales, Terms
from .ranks import Order, Ranks
from .rows import Rows
from .shared import SharedGradients
from .slab import Slab
from .state import State, Versions

#: An update whose measured KL is above this many times the target is taken back: the early stop looks before each step
#: and cannot see what the last one did.
KL_REJECT_FACTOR = 10.0


@dataclass(slots=True)
class Progress:
    """What the passes over a batch did. Sums over the minibatches that were applied."""

    minibatches: int = 0
    stopped: bool = False
    """the KL test ended the passes early"""
    kl_lag: float = 0.0
    """k3 of the first minibatch, before anything was applied: how far the policy has moved since the rollouts"""
    kl_last: float = 0.0
    """k3 of the minibatch looked at last"""
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


class Updater:
    """Applies updates to a state. Not thread-safe: one update at a time.

    Of several `ranks` number 0 calls `update`, the others `assist` at the same time.
    """

    def __init__(self, config: RunConfig, state: State, versions: Versions, ranks: Ranks | None = None) -> None:
        self._config = config.learner
        self._total_updates = config.total_updates
        self._guard = config.health.guard
        self._state = state
        self._versions = versions
        # without the fused engine every matrix product uses all threads by itself
        shared = fits(config.learner, state.architecture) and config.learner.device == "cpu"
        self._crew = Crew(config.learner.threads if shared else 1)
        self._ranks = ranks
        self._gradients = gradients(config.learner, state, self._crew)
        if ranks:
            self._gradients = SharedGradients(config.learner, state, self._gradients, ranks)
        self.overrides = Overrides()
        """what a remedy multiplies the configuration by; not part of the state, so that no checkpoint brings it back"""
        self._batcher = Batcher(config.learner, state, self._crew)

    def update(self, slabs: Sequence[Slab]) -> Report:
        """Learn from the slabs; afterwards the state is either a new committed version or what it was.

        Of one that is taken back only the random numbers remain used, and what the adaptive tools learned from it.
        Every slab's version must be in `versions`. Raises WrongReference (nothing is changed then).
        """
        state, config, clock = self._state, self._config, _Clock(self._crew)
        before = state.remember()
        rows, facts = self._batcher.build(slabs)
        sampled = reference.sample(slabs, rows, self._versions)
        try:
            errors = reference.check(sampled)
        except reference.WrongReference:
            state.restore(before)
            raise
        tools.consolidate(config, state, rows.observations)
        against = _against(config, state, slabs)
        clock.lap("prepare")
        scales, rate = tools.scales(config, state), tools.rate(config, state, self._total_updates)
        scales = replace(scales, kl_penalty=scales.kl_penalty * self.overrides.kl)
        rate *= self.overrides.rate
        extra = tools.metrics(config, state) | {"learning_rate": rate}
        if self._ranks:
            self._ranks.give(Order(len(rows), self.overrides.epochs, rate, scales), state, rows.packed)
        progress = self._optimise(rows, rate, scales)
        if self._ranks:
            self._ranks.compare(state.optimizer.flat)
        if state.rnd is not None:
            extra["rnd_error"] = state.rnd.learn(rows.observations.cpu(), state.generator)
        clock.lap("optimise")
        moved = reference.measure(sampled, state.actor, config.clip, self._previous(slabs))
        reason, detail = self._objection(progress, moved)
        metrics = _metrics(slabs, state, facts, progress, moved, errors) | extra
        metrics |= {"update_norm": _distance(before, state), "reward_mean": facts.reward_mean * config.reward_scale}
        if reason:
            tools.restore(state, before)
            state.counters.undone += 1
        else:
            self._commit(len(rows))
        tools.adapt(config, state, moved.kl, moved.kl_reference)
        clock.lap("measure")
        return Report(not reason, reason, detail, len(rows), _finite(metrics), clock.wall, clock.cpu, against)

    def assist(self) -> bool:
        """Take part in one update of rank 0, from its weights and with its batch. False if there are no more."""
        assert self._ranks
        taken = self._ranks.take(self._state, self._batcher.room)
        if taken is None:
            return False
        order, packed = taken
        self.overrides = Overrides(epochs=order.epochs)
        self._optimise(self._batcher.rows(packed), order.rate, order.scales)
        self._ranks.compare(self._state.optimizer.flat)
        return True

    def _commit(self, decisions: int) -> None:
        counters = self._state.counters
        counters.step += 1
        counters.decisions += decisions
        tools.committed(self._config, self._state)
        self._versions.add(counters.step, self._state.actor)

    def _optimise(self, rows: Rows, rate: float, scales: Scales) -> Progress:
        """The epochs over the batch: a fresh permutation each, the last short minibatch kept."""
        progress = Progress()
        for _ in range(max(1, round(self._config.epochs * self.overrides.epochs))):
            order = torch.randperm(len(rows), generator=self._state.generator)
            for indices in torch.split(order.to(rows.packed.device), self._config.minibatch):
                if not self._step(rows, indices, rate, scales, progress):
                    return progress
        return progress

    def _step(self, rows: Rows, chosen: torch.Tensor, rate: float, scales: Scales, progress: Progress) -> bool:
        """One minibatch. False if the passes end here; then it was not applied."""
        config, state, optimizer = self._config, self._state, self._state.optimizer
        if scales.loss != 1.0:
            scales = replace(scales, loss=float(state.controls.loss_scale))
        terms = self._gradients.compute(rows, scales, chosen)
        progress.kl_last = terms.kl
        if not progress.minibatches:
            progress.kl_lag = min(terms.kl, KL_REJECT_FACTOR * config.target_kl)
        if not ppo.is_safe(terms.kl, config.target_kl + progress.kl_lag):
            progress.stopped = True
            progress.broken = "" if math.isfinite(terms.kl) else "the policy gives no finite probabilities"
            return False
        if state.anchor is not None:
            part = optimizer.groups[0]
            state.anchor.add_gradient(optimizer.gradient[part], state.actor_weights, config.ewc.coefficient)
        norm = optimizer.clip(config.max_gradient_norm, apart=config.separate_gradient_norms)
        if not math.isfinite(norm):
            return self._overflow(progress)
        if tools.is_half(state):
            loss_scale.clean(state.controls)
        optimizer.step(rate, tools.moving(state))
        progress.applied(terms, norm)
        return True

    def _overflow(self, progress: Progress) -> bool:
        """A gradient is not finite. In fp16 that is the loss scale's fault first: the minibatch is left out."""
        if tools.is_half(self._state) and loss_scale.overflow(self._state.controls):
            progress.skipped += 1
            return True
        gradient = self._state.optimizer.gradient
        progress.nonfinite += int((~torch.isfinite(gradient)).sum())
        progress.broken = "a gradient is not finite"
        return False

    def _objection(self, progress: Progress, moved: reference.Moved) -> tuple[str, str]:
        """Why the new weights must not be kept, as label and text; both empty if they may."""
        if progress.broken:
            return "not_finite", progress.broken
        if broken := non_finite(self._state.tensors()):
            progress.nonfinite += int((~torch.isfinite(self._state.optimizer.flat)).sum())
            return "not_finite", f"not finite after the update: {', '.join(broken[:4])}"
        if not progress.minibatches:
            # Very old rollouts: the policy has moved on too far. Newer ones will do.
            return "no_minibatch", f"KL was {progress.kl_last:.3g} before the first minibatch"
        limit = KL_REJECT_FACTOR * self._config.target_kl
        far = {"behaviour policy": moved.kl, "policy before the update": moved.kl_previous}
        for whom, kl in far.items():
            if self._guard and not ppo.is_safe(kl, limit):
                return "kl", f"KL to the {whom} is {kl:.3g}, not below {limit:.3g}"
        return "", ""

    def _previous(self, slabs: Sequence[Slab]) -> Actor | None:
        """The policy before the update, where it is another one than that of the rollouts."""
        step = self._state.counters.step
        return self._versions[step] if any(slab.behaviour.step != step for slab in slabs) else None


class _Clock:
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


def _metrics(
    slabs: Sequence[Slab],
    state: State,
    facts: BatchFacts,
    progress: Progress,
    moved: reference.Moved,
    errors: tuple[float, float],
) -> dict[str, float]:
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


def _against(config: LearnerConfig, state: State, slabs: Sequence[Slab]) -> tuple[tools.Against, ...]:
    """The behaviour policies of the batch, oldest first, and the reference of the KL penalty."""
    refs = {(one.behaviour.epoch, one.behaviour.step): one.behaviour for one in slabs}
    behaviour = (
        tools.Against("behaviour", f"{ref.agent}@{ref.epoch}.{ref.step}", ref.sha256) for _, ref in sorted(refs.items())
    )
    penalty = tools.against(config, state)
    return (*behaviour, *((penalty,) if penalty else ()))


def _finite(metrics: dict[str, float]) -> dict[str, float]:
    """Numbers only: NaN and infinity are not passed on to sums, plots or ratings."""
    return {name: float(value) for name, value in metrics.items() if math.isfinite(value)}


def _distance(before: dict[str, torch.Tensor], state: State) -> float:
    """Euclidean norm of the change of all weights."""
    changes = [(tensor - before[name]).norm() for name, tensor in state.parameters().items()]
    return float(torch.stack(changes).norm())
