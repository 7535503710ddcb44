"""The learner's updater and publisher with a fault in them, and a record of what became of it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import NamedTuple

import torch

from ...api.v1.policy_pb2 import PolicyRef
from ...kernel.bus import Bus
from ...kernel.config import RunConfig
from ...learner.account import Progress, Report
from ...learner.ppo import is_safe
from ...learner.publisher import Publisher, Turn
from ...learner.reference import WrongReference
from ...learner.rows import Rows
from ...learner.slab import Slab
from ...learner.state import State, Versions
from ...learner.update import KL_REJECT_FACTOR, Updater
from ...play import distribution
from ...play.network import Actor
from ...play.weights import Manifest, from_bytes, non_finite
from .faults import Fault, Moment

PROBES = 512


class Tried(NamedTuple):
    """One update, by number from the start."""

    attempt: int
    answer: str
    """taken back, stopped early, stopped or nothing"""


class Onset(NamedTuple):
    """When the fault went off."""

    step: int
    time: float
    """Unix time, as in events"""


class Saboteur(Updater):
    """Updates as usual, but for the fault."""

    def __init__(self, config: RunConfig, state: State, versions: Versions, fault: Fault) -> None:
        super().__init__(config, state, versions)
        self.at = Moment(state, versions)
        self.tried: list[Tried] = []
        self.onset = Onset(0, float("inf"))
        self._fault = fault
        self._epoch = 0

    def update(self, slabs: Sequence[Slab]) -> Report:
        at = self.at
        at.attempt += 1
        at.since += 1
        if self._epoch not in (0, at.state.counters.epoch):
            at.since = 0
        self._epoch = at.state.counters.epoch
        if at.began:
            self.onset = Onset(at.state.counters.step, time.time())
        try:
            report = super().update(self._fault.begins(at, list(slabs)))
        except WrongReference:
            self.tried.append(Tried(at.attempt, "stopped"))
            raise
        early = "stopped early" if report.metrics.get("early_stop") else "nothing"
        self.tried.append(Tried(at.attempt, early if report.committed else "taken back"))
        return report

    def _optimise(self, rows: Rows, rate: float, scales: object) -> Progress:
        return super()._optimise(rows, self._fault.optimise(self.at, rows, rate), scales)  # type: ignore[arg-type]


class Inspector(Publisher):
    """Publishes as usual and looks at everything that leaves: how far is it from what left before?"""

    def __init__(self, bus: Bus, agent: str, target_kl: float) -> None:
        super().__init__(bus, agent)
        self.published = 0
        self.bad: list[int] = []
        """steps of versions that no update may bring"""
        self.last: Actor | None = None
        self._epoch = 0
        self._limit = KL_REJECT_FACTOR * target_kl
        self._probes = torch.Generator().manual_seed(11)

    async def publish(
        self, data: bytes, manifest: Manifest, parent: PolicyRef | None, turn: Turn | None = None
    ) -> PolicyRef:
        actor, _ = from_bytes(data, compute_dtype=torch.float32)
        broken = bool(non_finite(dict(actor.named_parameters())))
        if self.last is not None and manifest.epoch == self._epoch:
            broken = broken or not is_safe(self._distance(self.last, actor), self._limit)
        self.published += 1
        self.bad += [manifest.step] if broken else []
        ref = await super().publish(data, manifest, parent, turn)
        self.last, self._epoch = actor, manifest.epoch
        return ref

    def _distance(self, before: Actor, after: Actor) -> float:
        """Closed-form KL(before ‖ after) on fresh observations."""
        with torch.inference_mode():
            seen = torch.randn(PROBES, before.architecture.obs_size, generator=self._probes)
            (means, logits), (others, other_logits) = before(seen), after(seen)
            parts = distribution.kl(means, before.log_std, logits, others, after.log_std, other_logits)
            total = float(parts.sum(-1).mean())
        return total if math.isfinite(total) else math.inf
