"""Running mean and variance. Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample
Variances", 1979, equations 2.1. n numbers per row.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

#: No standard deviation is taken to be smaller: a number that never changes stays what it is.
SMALLEST_STD = 1e-4


class Moments:
    """Statistics of all rows seen, in float64. With a `horizon` the weight of the past is capped at so many rows."""

    def __init__(self, size: int, horizon: float = math.inf) -> None:
        self._horizon = horizon
        self.count = torch.zeros((), dtype=torch.float64)
        self.mean = torch.zeros(size, dtype=torch.float64)
        self.variance = torch.ones(size, dtype=torch.float64)

    def update(self, rows: Tensor) -> None:
        """Take in rows [N, n]."""
        fresh = rows.detach().to("cpu", torch.float64)
        old, new = float(self.count), float(len(fresh))
        share = new / (old + new)
        change = fresh.mean(0) - self.mean
        spread = fresh.var(0, correction=0) * share + self.variance * (1 - share)
        self.variance.copy_(spread + change.square() * share * (1 - share))
        self.mean.add_(change * share)
        self.count.fill_(min(old + new, self._horizon))

    @property
    def std(self) -> Tensor:
        """[n]"""
        return self.variance.sqrt().clamp_min(SMALLEST_STD)

    def tensors(self, prefix: str) -> dict[str, Tensor]:
        """By name, live."""
        return {f"{prefix}.{name}": getattr(self, name) for name in ("count", "mean", "variance")}
