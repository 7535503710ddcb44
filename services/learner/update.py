"""One update as a transaction: remember, optimise, measure, then commit or take back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch

from ..kernel.config import RunConfig
from ..kernel.intent import Overrides
from ..play.network import Actor
from ..play.weights import non_finite
from . import account, loss_scale, ppo, reference, tools
from .account import Progress, Report
from .batch import Batcher
from .crew import Crew
from .fused import fits, gradients
from .objective import Scales
from .ranks import Order, Ranks
from .rows import Rows, Shuffler
from .shared import SharedGradients
from .slab import Slab
from .state import State, Versions

#: An update whose measured KL is above this many times the target is taken back: the early stop looks before each step
#: and cannot see what the last one did.
KL_REJECT_FACTOR = 10.0


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
        self._shuffler = Shuffler(self._crew)

    def update(self, slabs: Sequence[Slab]) -> Report:
        """Learn from the slabs; afterwards the state is either a new committed version or what it was.

        Of one that is taken back only the random numbers remain used, and what the adaptive tools learned from it.
        Every slab's version must be in `versions`. Raises WrongReference (nothing is changed then).
        """
        state, config, clock = self._state, self._config, account.Clock(self._crew)
        before = state.remember()
        rows, facts = self._batcher.build(slabs)
        sampled = reference.sample(slabs, rows, self._versions, self._crew)
        try:
            errors = reference.check(sampled)
        except reference.WrongReference:
            state.restore(before)
            raise
        tools.consolidate(config, state, rows.observations)
        against = account.against(config, state, slabs)
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
        moved = reference.measure(sampled, state.actor, config.clip, self._crew, self._previous(slabs))
        lag = max(state.counters.step - slab.behaviour.step for slab in slabs)
        reason, detail = self._objection(progress, moved, lag)
        metrics = account.metrics(slabs, state, facts, progress, moved, errors) | extra
        metrics["update_norm"] = account.distance(before, state)
        metrics["reward_mean"] = facts.reward_mean * config.reward_scale
        if reason:
            tools.restore(state, before)
            state.counters.undone += 1
        else:
            self._commit(len(rows))
        tools.adapt(config, state, moved.kl_previous, moved.kl_reference)
        clock.lap("measure")
        return Report(not reason, reason, detail, len(rows), account.finite(metrics), clock.wall, clock.cpu, against)

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
        progress = Progress(kl_lag=rows.kl_lag)
        if not ppo.is_safe(progress.kl_lag, KL_REJECT_FACTOR * self._config.target_kl):
            progress.stop(progress.kl_lag)
            return progress
        for _ in range(max(1, round(self._config.epochs * self.overrides.epochs))):
            order = torch.randperm(len(rows), generator=self._state.generator)
            shuffled = self._shuffler.shuffle(rows, order.to(rows.packed.device))
            for start in range(0, len(rows), self._config.minibatch):
                minibatch = shuffled.cut(slice(start, start + self._config.minibatch))
                if not self._step(minibatch, rate, scales, progress):
                    return progress
        return progress

    def _step(self, rows: Rows, rate: float, scales: Scales, progress: Progress) -> bool:
        """One minibatch. False if the passes end here; then it was not applied."""
        config, state, optimizer = self._config, self._state, self._state.optimizer
        if scales.loss != 1.0:
            scales = replace(scales, loss=float(state.controls.loss_scale))
        terms = self._gradients.compute(rows, scales)
        progress.kl_last = terms.kl
        if not rows.corrected and not progress.minibatches:
            progress.kl_lag = min(terms.kl, KL_REJECT_FACTOR * config.target_kl)
        limit = config.target_kl if rows.corrected else ppo.stop_limit(config.target_kl, progress.kl_lag)
        if not ppo.is_safe(terms.kl, limit):
            progress.stop(terms.kl)
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

    def _objection(self, progress: Progress, moved: reference.Moved, lag: int) -> tuple[str, str]:
        """Why the new weights must not be kept, as label and text; both empty if they may. `lag`: the longest."""
        if progress.broken:
            return "not_finite", progress.broken
        if broken := non_finite(self._state.tensors()):
            progress.nonfinite += int((~torch.isfinite(self._state.optimizer.flat)).sum())
            return "not_finite", f"not finite after the update: {', '.join(broken[:4])}"
        if not progress.minibatches:
            # Very old rollouts: the policy has moved on too far. Newer ones will do.
            return "no_minibatch", f"KL was {progress.kl_last:.3g} before the first minibatch"
        limit = KL_REJECT_FACTOR * self._config.target_kl
        # the way to a policy several versions ago is as much longer, and KL goes with its square
        far = {
            "behaviour policy": (moved.kl, limit * max(1.0, (lag + 1) / 2) ** 2),
            "policy before the update": (moved.kl_previous, limit),
        }
        for whom, (kl, bound) in far.items():
            if self._guard and not ppo.is_safe(kl, bound):
                return "kl", f"KL to the {whom} is {kl:.3g}, not below {bound:.3g}"
        return "", ""

    def _previous(self, slabs: Sequence[Slab]) -> Actor | None:
        """The policy before the update, where it is another one than that of the rollouts."""
        step = self._state.counters.step
        return self._versions[step] if any(slab.behaviour.step != step for slab in slabs) else None
