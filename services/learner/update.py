"""One update as a transaction: remember, optimise, measure, then commit or take back."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from ..kernel.config import RunConfig
from ..play import distribution
from ..play.weights import non_finite
from . import optimizer, ppo, reference
from .batch import Batcher, BatchFacts, Rows
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
    broken: str = ""
    """what was not finite; empty if nothing"""


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


class Updater:
    """Applies updates to a state. Not thread-safe: one update at a time."""

    def __init__(self, config: RunConfig, state: State, versions: Versions) -> None:
        self._config = config.learner
        self._total_updates = config.total_updates
        self._state = state
        self._versions = versions
        architecture = state.architecture
        self._batcher = Batcher(config.learner, architecture.obs_size, architecture.act_size)

    def update(self, slabs: Sequence[Slab]) -> Report:
        """Learn from the slabs; afterwards the state is either a new committed version or exactly what it was.

        Every slab's version must be in `versions`. Raises WrongReference (nothing is changed then).
        """
        state, clock = self._state, _Clock()
        rows, facts = self._batcher.build(slabs, state.critic)
        sampled = reference.sample(slabs, rows, self._versions)
        errors = reference.check(sampled, state.actor.trunk.compute_dtype)
        clock.lap("prepare")
        before = state.remember()
        rate = optimizer.learning_rate(self._config, state.counters.step, self._total_updates)
        progress = self._optimise(rows, rate)
        clock.lap("optimise")
        moved = reference.measure(sampled, state.actor, self._config.clip)
        reason, detail = self._objection(progress, moved)
        metrics = _metrics(slabs, state, facts, progress, moved, errors)
        metrics |= {"learning_rate": rate, "reward_mean": facts.reward_mean * self._config.reward_scale}
        if reason:
            state.restore(before)
            state.counters.undone += 1
        else:
            metrics["update_norm"] = _distance(before, state)
            self._commit(len(rows))
        clock.lap("measure")
        return Report(not reason, reason, detail, len(rows), _finite(metrics), clock.wall, clock.cpu)

    def _commit(self, decisions: int) -> None:
        counters = self._state.counters
        counters.step += 1
        counters.decisions += decisions
        self._versions.add(counters.step, self._state.actor)

    def _optimise(self, rows: Rows, rate: float) -> Progress:
        """The epochs over the batch: a fresh permutation each, the last short minibatch kept."""
        progress = Progress()
        for _ in range(self._config.epochs):
            order = torch.randperm(len(rows), generator=self._state.generator)
            for indices in torch.split(order.to(rows.packed.device), self._config.minibatch):
                if not self._step(rows.select(indices), rate, progress):
                    return progress
        return progress

    def _step(self, rows: Rows, rate: float, progress: Progress) -> bool:
        """One minibatch. False if the passes end here; then it was not applied."""
        config, state = self._config, self._state
        means, logits = state.actor(rows.observations)
        log_std, choices = state.actor.log_std, state.architecture.categorical
        log_ratio = distribution.log_prob(rows.actions, means, log_std, logits, choices) - rows.log_probs
        progress.kl_last = float(distribution.k3(log_ratio.detach()))
        if not progress.minibatches:
            progress.kl_lag = min(progress.kl_last, KL_REJECT_FACTOR * config.target_kl)
        if not ppo.is_safe(progress.kl_last, config.target_kl + progress.kl_lag):
            progress.stopped = True
            progress.broken = "" if math.isfinite(progress.kl_last) else "the policy gives no finite probabilities"
            return False
        policy = ppo.policy_loss(log_ratio, rows.advantages, config.clip, config.log_ratio_clamp)
        value = ppo.value_loss(state.critic(rows.observations), rows.returns, rows.values, config.value_clip)
        loss = policy + config.value_coefficient * value
        if config.entropy_coefficient:
            loss = loss - config.entropy_coefficient * distribution.entropy(log_std, logits, choices).mean()
        state.optimizer.zero_gradient()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = state.optimizer.clip(config.max_gradient_norm, apart=config.separate_gradient_norms)
        if not math.isfinite(norm):
            progress.broken = "a gradient is not finite"
            return False
        state.optimizer.step(rate)
        progress.minibatches += 1
        progress.policy_loss += float(policy.detach())
        progress.value_loss += float(value.detach())
        progress.gradient_norm += norm
        progress.gradient_norm_max = max(progress.gradient_norm_max, norm)
        return True

    def _objection(self, progress: Progress, moved: reference.Moved) -> tuple[str, str]:
        """Why the new weights must not be kept, as label and text; both empty if they may."""
        if progress.broken:
            return "not_finite", progress.broken
        if broken := non_finite(self._state.tensors()):
            return "not_finite", f"not finite after the update: {', '.join(broken[:4])}"
        if not progress.minibatches:
            # Very old rollouts: the policy has moved on too far. Newer ones will do.
            return "no_minibatch", f"KL was {progress.kl_last:.3g} before the first minibatch"
        limit = KL_REJECT_FACTOR * self._config.target_kl
        if not ppo.is_safe(moved.kl, limit):
            return "kl", f"KL to the behaviour policy is {moved.kl:.3g}, not below {limit:.3g}"
        return "", ""


class _Clock:
    """Wall and CPU seconds of the parts of an update, on this thread."""

    def __init__(self) -> None:
        self.wall: dict[str, float] = {}
        self.cpu: dict[str, float] = {}
        self._last = (time.perf_counter(), time.thread_time())

    def lap(self, name: str) -> None:
        now = (time.perf_counter(), time.thread_time())
        self.wall[name], self.cpu[name] = now[0] - self._last[0], now[1] - self._last[1]
        self._last = now


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
        "early_stop": float(progress.stopped),
        "explained_variance": facts.explained_variance,
        "advantage_std": facts.advantage_std,
        "episode_return": facts.episode_return,
        "episodes": facts.episodes,
        "lag_mean": sum(lags) / len(lags),
        "lag_max": max(lags),
        "ratio_error_p99": errors[0],
        "ratio_error_max": errors[1],
    }


def _finite(metrics: dict[str, float]) -> dict[str, float]:
    """Numbers only: NaN and infinity are not passed on to sums, plots or ratings."""
    return {name: float(value) for name, value in metrics.items() if math.isfinite(value)}


def _distance(before: dict[str, torch.Tensor], state: State) -> float:
    """Euclidean norm of the change of all weights."""
    changes = [(tensor - before[name]).norm() for name, tensor in state.weights().items()]
    return float(torch.stack(changes).norm())
