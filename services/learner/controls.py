"""Numbers that the learner's tools carry from one update to the next.

Each is a tensor without dimensions, like Adam's count of steps: so they are remembered, taken back and written into
checkpoints together with everything else an update changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import torch
from torch import Tensor


def _count() -> Tensor:
    return torch.zeros((), dtype=torch.int64)


def _number() -> Tensor:
    return torch.ones((), dtype=torch.float64)


@dataclass(frozen=True, slots=True)
class Controls:
    """Read with `int()` or `float()`, written with `fill_`."""

    kl_coefficient: Tensor = field(default_factory=_number)
    """of the KL penalty, before its warm-up"""
    kl_penalty_updates: Tensor = field(default_factory=_count)
    """updates with the penalty since its warm-up began"""
    reference_epoch: Tensor = field(default_factory=_count)
    reference_step: Tensor = field(default_factory=_count)
    """version the penalty's reference was last taken from"""
    rate_factor: Tensor = field(default_factory=_number)
    """of the scheduled learning rate"""
    critic_only_updates: Tensor = field(default_factory=_count)
    """updates left in which the critic alone moves"""
    fp32_updates: Tensor = field(default_factory=_count)
    """updates left in float32, before the configured precision"""
    consolidate: Tensor = field(default_factory=_count)
    """1 if the next update begins by noting which weights matter (EWC)"""
    loss_scale: Tensor = field(default_factory=_number)
    """fp16 alone"""
    clean_minibatches: Tensor = field(default_factory=_count)
    """fp16 alone: since the loss scale last changed"""

    def tensors(self) -> dict[str, Tensor]:
        """By name, live."""
        return {f"control.{one.name}": getattr(self, one.name) for one in fields(self)}
