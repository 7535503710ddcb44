"""The stability tools around an update: what it is made with, what follows from it, and what a new beginning sets.

Everything they carry from one update to the next is in the state (`controls`, `reference`, `anchor`): an update that is
taken back takes them back, and a checkpoint holds them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ..kernel.config import LearnerConfig, RunConfig
from ..play.network import Actor
from . import adaptation, loss_scale
from .objective import Scales
from .optimizer import learning_rate
from .state import State

Beginning = Literal["start", "load", "stage", "rollback"]


@dataclass(frozen=True, slots=True)
class Against:
    """Which policy a KL was measured against."""

    kind: str
    """behaviour, previous, ema or frozen"""
    policy: str
    """agent@epoch.step; of an average, the newest version in it"""
    sha256: str
    """of the published file for the behaviour policy, of the weights for the others"""


def begin(state: State, config: RunConfig, why: Beginning) -> None:
    """Set the tools for a new beginning; call it before the first update after one, rollbacks included.

    Not for a resumed run: that goes on exactly where it was.
    """
    controls, learner = state.controls, config.learner
    controls.fp32_updates.fill_(config.network.fp32_updates)
    controls.loss_scale.fill_(loss_scale.INITIAL)
    if why != "start":
        controls.critic_only_updates.fill_(learner.critic_only_updates)
    if why in ("load", "stage") and learner.log_std_reset is not None:
        _reset_log_std(state, learner.log_std_reset)
    if why == "stage" and state.anchor is not None:
        controls.consolidate.fill_(1)
    if why != "rollback":
        controls.kl_penalty_updates.zero_()
        _take_reference(state, 0.0)
    state.settle()


def scales(config: LearnerConfig, state: State) -> Scales:
    """For the objective of the coming update."""
    controls, penalty = state.controls, config.kl_penalty
    kl_penalty = 0.0
    if penalty.coefficient:
        coefficient = float(controls.kl_coefficient) if penalty.adaptive else penalty.coefficient
        kl_penalty = adaptation.penalty_coefficient(penalty, coefficient, int(controls.kl_penalty_updates))
    returns = float(state.critic.return_std) if state.architecture.normalise_returns else 1.0
    return Scales(kl_penalty, returns, float(controls.loss_scale) if is_half(state) else 1.0)


def rate(config: LearnerConfig, state: State, total_updates: int) -> float:
    """Learning rate of the coming update."""
    scheduled = learning_rate(config, state.counters.step, total_updates, state.optimizer.flat.numel())
    return scheduled * float(state.controls.rate_factor) if config.adaptive_rate.target else scheduled


def moving(state: State) -> list[slice]:
    """Which of its groups of weights the optimizer moves."""
    groups = state.optimizer.groups
    return groups[1:] if int(state.controls.critic_only_updates) else groups


def is_half(state: State) -> bool:
    """Whether gradients may underflow."""
    return state.actor.trunk.compute_dtype == torch.float16


def consolidate(config: LearnerConfig, state: State, observations: Tensor) -> None:
    """EWC, if it is due: hold what mattered until now, judged by the observations [N, obs] of the batch in hand."""
    if state.anchor is None or not int(state.controls.consolidate):
        return
    chosen = torch.randperm(len(observations), generator=state.generator)[: config.ewc.samples]
    state.anchor.take(state.actor, observations[chosen.to(observations.device)], state.generator)
    state.controls.consolidate.zero_()


def committed(config: LearnerConfig, state: State) -> None:
    """An update is part of the run: count down, move the reference. Counters are those of the new version."""
    controls = state.controls
    controls.kl_penalty_updates.add_(1)
    for left in (controls.critic_only_updates, controls.fp32_updates):
        left.sub_(1).clamp_(min=0)
    if config.kl_penalty.reference == "ema":
        _take_reference(state, config.kl_penalty.ema_decay)
    state.settle()


def restore(state: State, before: dict[str, Tensor]) -> None:
    """Take an update back. What fp16 learned about the loss scale stays, or the next one would overflow again."""
    scale = float(state.controls.loss_scale)
    state.restore(before)
    state.controls.loss_scale.fill_(scale)


def adapt(config: LearnerConfig, state: State, kl: float, kl_reference: float) -> None:
    """Coefficients follow what an update measured, whether it was kept or taken back. NaN counts as too far.

    `kl`: to the policy before the update. That to the policy that acted is the way of several updates.
    """
    controls = state.controls
    if config.kl_penalty.coefficient and config.kl_penalty.adaptive:
        coefficient = float(controls.kl_coefficient)
        controls.kl_coefficient.fill_(adaptation.next_penalty_coefficient(config.kl_penalty, coefficient, kl_reference))
    if config.adaptive_rate.target:
        factor = float(controls.rate_factor)
        controls.rate_factor.fill_(adaptation.next_rate_factor(config.adaptive_rate, factor, kl))


def metrics(config: LearnerConfig, state: State) -> dict[str, float]:
    """The tools that are on, in numbers."""
    controls, found = state.controls, {}
    if config.kl_penalty.coefficient:
        found["kl_penalty_coefficient"] = scales(config, state).kl_penalty
    if config.adaptive_rate.target:
        found["learning_rate_factor"] = float(controls.rate_factor)
    if config.critic_only_updates:
        found["critic_only_updates_left"] = float(controls.critic_only_updates)
    if state.precision != "fp32" or int(controls.fp32_updates):
        found["fp32_updates_left"] = float(controls.fp32_updates)
    if is_half(state):
        found["loss_scale"] = float(controls.loss_scale)
    if state.anchor is not None:
        found["ewc_penalty"] = state.anchor.penalty(state.actor_weights, config.ewc.coefficient)
    return found


def against(config: LearnerConfig, state: State) -> Against | None:
    """The reference of the KL penalty in the coming update; None if there is no penalty."""
    if not config.kl_penalty.coefficient:
        return None
    controls, kind = state.controls, config.kl_penalty.reference
    version = (int(controls.reference_epoch), int(controls.reference_step))
    if kind == "previous":
        version = (state.counters.epoch, state.counters.step)
    return Against(kind, f"{config.agent}@{version[0]}.{version[1]}", weights_sha256(state.reference or state.actor))


def weights_sha256(actor: Actor) -> str:
    """Of the weights alone, in the order of their names."""
    digest = hashlib.sha256()
    for _, tensor in sorted(actor.state_dict().items()):
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _take_reference(state: State, decay: float) -> None:
    """reference ← decay · reference + (1 − decay) · actor"""
    if state.reference is None:
        return
    for old, new in zip(state.reference.state_dict().values(), state.actor.state_dict().values(), strict=True):
        old.lerp_(new, 1.0 - decay)
    state.controls.reference_epoch.fill_(state.counters.epoch)
    state.controls.reference_step.fill_(state.counters.step)


def _reset_log_std(state: State, value: float) -> None:
    """Action noise as at the beginning. Adam forgets where it was taking it."""
    limits = (state.architecture.log_std_min, state.architecture.log_std_max)
    with torch.no_grad():
        state.actor.log_std_raw.fill_(min(max(value, limits[0]), limits[1]))
    moments = state.moments()
    for kind in ("mean", "square"):
        moments[f"{kind}.actor.log_std_raw"].zero_()
