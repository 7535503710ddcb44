"""What goes wrong in a drill. A fault changes what the field sends, or what the learner does, at its moment."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

import numpy as np
import torch

from ...learner.rows import Rows
from ...learner.slab import Slab
from ...learner.state import State, Versions
from .field import Array

#: Attempted updates before a fault: enough for every baseline and for checkpoints that count as healthy.
ONSET = 70
#: A trap goes off so long after each rollback.
TRAP = 25


@dataclass
class Moment:
    """Where the run is, for a fault."""

    state: State
    versions: Versions
    attempt: int = 0
    """updates tried since the start"""
    since: int = 0
    """of them, since the last rollback"""
    new_share: float = 0.0
    """of the matches that are of the second stage, which begins with step ONSET"""

    @property
    def began(self) -> bool:
        """The fault goes off with this update."""
        return self.attempt == ONSET

    @property
    def first_life(self) -> bool:
        """After the onset, before anything has been rolled back."""
        return self.attempt >= ONSET and self.since == self.attempt

    @property
    def trapped(self) -> bool:
        """So long after the last rollback, every time."""
        return self.attempt >= ONSET and (self.since == self.attempt or self.since >= TRAP)


class Fault(Protocol):
    """The hooks; `Nothing` does nothing in each."""

    staged: ClassVar[bool]
    """whether there is a second stage"""

    def observed(self, at: Moment, seen: Array) -> Array: ...
    def rewarded(self, at: Moment, rewards: Array) -> Array: ...
    def begins(self, at: Moment, slabs: list[Slab]) -> list[Slab]: ...
    def optimise(self, at: Moment, rows: Rows, rate: float) -> float: ...


class Nothing:
    """A healthy run."""

    staged: ClassVar[bool] = False

    def observed(self, at: Moment, seen: Array) -> Array:
        return seen

    def rewarded(self, at: Moment, rewards: Array) -> Array:
        return rewards

    def begins(self, at: Moment, slabs: list[Slab]) -> list[Slab]:
        """Before an update: it may spoil the state, or what is learned from."""
        return slabs

    def optimise(self, at: Moment, rows: Rows, rate: float) -> float:
        """Inside an update; returns the learning rate."""
        return rate


class RateExplodes(Nothing):
    def optimise(self, at: Moment, rows: Rows, rate: float) -> float:
        return rate * 1000 if at.began else rate


class AdvantagesExplode(Nothing):
    def optimise(self, at: Moment, rows: Rows, rate: float) -> float:
        if at.began:
            rows.advantages.mul_(1e4)
        return rate


class ObservationsScaled(Nothing):
    def observed(self, at: Moment, seen: Array) -> Array:
        return 10 * seen if at.first_life else seen


class OldLogProbs(Nothing):
    """Those of another version than the slab names."""

    def begins(self, at: Moment, slabs: list[Slab]) -> list[Slab]:
        return [replace(slab, log_probs_TB=_shaken(slab.log_probs_TB)) for slab in slabs] if at.began else slabs


class NotANumber(Nothing):
    """In one environment."""

    def observed(self, at: Moment, seen: Array) -> Array:
        if at.attempt == ONSET:
            seen = seen.copy()
            seen[3, 5, 7] = np.nan
        return seen


class RateCreeps(Nothing):
    """By 2 % with every update."""

    def optimise(self, at: Moment, rows: Rows, rate: float) -> float:
        return rate * 1.02 ** max(0, at.since - ONSET) if at.first_life else rate


class NoiseDies(Nothing):
    def begins(self, at: Moment, slabs: list[Slab]) -> list[Slab]:
        if at.began:
            parameters = at.state.parameters()
            (name,) = (name for name in parameters if name.endswith("log_std_raw"))
            parameters[name].fill_(math.log(1e-3))
        return slabs


class MomentsLost(Nothing):
    def begins(self, at: Moment, slabs: list[Slab]) -> list[Slab]:
        if at.began:
            at.state.optimizer.square.zero_()
        return slabs


class CriticJumps(Nothing):
    def begins(self, at: Moment, slabs: list[Slab]) -> list[Slab]:
        if at.began:
            spoil(at.state)
        return slabs


class ReferenceRefreshed(Nothing):
    """The version that made the rollouts is no longer the one in memory."""

    def begins(self, at: Moment, slabs: list[Slab]) -> list[Slab]:
        if at.began:
            other = copy.deepcopy(at.state.actor)
            with torch.no_grad():
                other.log_std.add_(0.2)
            for slab in slabs:
                at.versions.add(slab.behaviour.step, other)
        return slabs


class OpponentReplaced(Nothing):
    """Against a random one everything is worth more."""

    def rewarded(self, at: Moment, rewards: Array) -> Array:
        return rewards + np.float32(2.0) if at.attempt >= ONSET else rewards


class Trap(Nothing):
    """Goes off after every rollback."""

    def begins(self, at: Moment, slabs: list[Slab]) -> list[Slab]:
        if at.trapped and not self.cured(at):
            spoil(at.state)
        return slabs

    def cured(self, at: Moment) -> bool:
        return False


class TrapInMoments(Trap):
    """Until the optimizer has forgotten: it has made fewer steps than the run updates when an epoch begins."""

    def __init__(self) -> None:
        self._forgotten = False

    def begins(self, at: Moment, slabs: list[Slab]) -> list[Slab]:
        if at.since == 0:
            self._forgotten = int(at.state.optimizer.steps) < at.state.counters.step
        return super().begins(at, slabs)

    def cured(self, at: Moment) -> bool:
        return self._forgotten


class TrapOfRate(Trap):
    """Only where the learning rate is what it was: a gentler return is spared."""

    def __init__(self) -> None:
        self._rate = 0.0

    def optimise(self, at: Moment, rows: Rows, rate: float) -> float:
        self._rate = rate
        return rate

    def cured(self, at: Moment) -> bool:
        return self._rate < 0.3 * RATE


class TrapOfStage(Nothing):
    """Whenever the second stage takes most of the matches from one update to the next."""

    staged: ClassVar[bool] = True

    def __init__(self) -> None:
        self._share = 0.0

    def begins(self, at: Moment, slabs: list[Slab]) -> list[Slab]:
        if at.new_share - self._share > 0.5:
            spoil(at.state)
        self._share = at.new_share
        return slabs


class Noisy(Nothing):
    """Heavy tails in the rewards, and nothing wrong."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(5)

    def rewarded(self, at: Moment, rewards: Array) -> Array:
        return (rewards + 0.5 * self._rng.standard_t(3, rewards.shape)).astype(np.float32)


class Improves(Nothing):
    """The step becomes three times as long while there is something to learn: KL rises, and rightly so."""

    def optimise(self, at: Moment, rows: Rows, rate: float) -> float:
        return 3 * rate if at.attempt >= ONSET // 2 else rate / 3


#: Of the drills' configuration.
RATE = 1.5e-3


def spoil(state: State) -> None:
    """The critic answers a million too much."""
    bias = [tensor for name, tensor in state.critic.named_parameters() if name.endswith("bias")][-1]
    bias.data.add_(1e6)


def _shaken(log_probs: Array) -> Array:
    """As a policy would have given them that is a little different."""
    wave = np.sin(np.arange(log_probs.size)).reshape(log_probs.shape)
    shaken: Array = (log_probs + 0.3 * wave).astype(np.float32)
    return shaken
