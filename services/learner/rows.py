"""One packed array of training rows.

N decisions. A row is: observation | raw action | [reference's distribution] | [proximal log-probability, weight] |
behaviour log-probability | advantage | return | old value. Side by side they are put into another order by one
`index_select` instead of six. What is in brackets is there when a KL penalty or a correction for staleness is on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from ..play import distribution
from .crew import Crew

#: Rows that one thread copies at a time.
SHUFFLED_ROWS = 4096


@dataclass(frozen=True, slots=True)
class Rows:
    """Columns of packed rows [N, obs + act + reference + 2 if corrected + 4]."""

    packed: Tensor
    obs_size: int
    act_size: int
    reference_size: int = 0
    """floats of the reference's distribution: means, log standard deviations, logits; 0 without a KL penalty"""
    corrected: bool = False
    """whether there are columns for rollouts of older versions"""

    def __len__(self) -> int:
        return self.packed.shape[0]

    def select(self, indices: Tensor) -> Rows:
        return replace(self, packed=self.packed.index_select(0, indices))

    def cut(self, part: slice) -> Rows:
        """A view of neighbouring rows."""
        return replace(self, packed=self.packed[part])

    def outcomes(self) -> Rows:
        """A copy without observations in which every column is contiguous: for what looks at columns, not at rows."""
        return replace(self, packed=self.packed[:, self.obs_size :].t().contiguous().t(), obs_size=0)

    @property
    def observations(self) -> Tensor:
        return self.packed[:, : self.obs_size]

    @property
    def actions(self) -> Tensor:
        return self.packed[:, self.obs_size : self.obs_size + self.act_size]

    @property
    def reference(self) -> Tensor:
        """[N, reference_size]"""
        start = self.obs_size + self.act_size
        return self.packed[:, start : start + self.reference_size]

    @property
    def proximal_log_probs(self) -> Tensor:
        """Of the actions under the policy that the loss clips against: the one before the update."""
        return self.packed[:, -6] if self.corrected else self.packed[:, -4]

    @property
    def weights(self) -> Tensor:
        """Importance of the rows, with a correction alone: proximal over behaviour probability, truncated."""
        return self.packed[:, -5]

    @property
    def log_probs(self) -> Tensor:
        """Of the actions under the policy that chose them."""
        return self.packed[:, -4]

    @property
    def kl_lag(self) -> float:
        """k3 of the policies that acted, and the one before the update; 0 where no columns say so."""
        return float(distribution.k3(self.proximal_log_probs - self.log_probs)) if self.corrected else 0.0

    @property
    def advantages(self) -> Tensor:
        return self.packed[:, -3]

    @property
    def returns(self) -> Tensor:
        return self.packed[:, -2]

    @property
    def values(self) -> Tensor:
        return self.packed[:, -1]


class Shuffler:
    """Puts rows of one kind into another order, by several threads; keeps its buffer from one time to the next."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._buffer = torch.empty(0, 0)

    def shuffle(self, rows: Rows, order: Tensor) -> Rows:
        """Copies of the rows of these numbers [N], valid until the next call."""
        packed = rows.packed
        if len(self._buffer) < len(order):
            self._buffer = packed.new_empty(len(order), packed.shape[1])
        target = self._buffer[: len(order)]
        parts = zip(torch.split(order, SHUFFLED_ROWS), torch.split(target, SHUFFLED_ROWS), strict=True)
        self._crew.run([partial(_copy, packed, *part) for part in parts])
        return replace(rows, packed=target)


def _copy(source: Tensor, numbers: Tensor, target: Tensor) -> None:
    torch.index_select(source, 0, numbers, out=target)
