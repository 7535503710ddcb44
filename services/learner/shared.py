"""The gradient of a minibatch, of which every rank computes a part."""

from __future__ import annotations

from dataclasses import astuple, replace

import torch

from ..kernel.config import LearnerConfig
from .gradient import Gradients
from .objective import Scales, Terms
from .ranks import Ranks
from .rows import Rows
from .state import State


class SharedGradients(Gradients):
    """`engine` computes this rank's part; gradient and terms are those of the whole minibatch."""

    def __init__(self, config: LearnerConfig, state: State, engine: Gradients, ranks: Ranks) -> None:
        super().__init__(config, state)
        self._engine, self._ranks = engine, ranks

    def compute(self, rows: Rows, scales: Scales) -> Terms:
        ranks, gradient = self._ranks, self._state.optimizer.gradient
        part = replace(rows, packed=torch.tensor_split(rows.packed, ranks.count)[ranks.number])
        if len(part):
            terms = self._engine.compute(part, scales).weighted(len(part) / len(rows))
            gradient.mul_(len(part) / len(rows))
        else:
            terms = Terms()
            gradient.zero_()
        return Terms(*ranks.add_up(gradient, astuple(terms)))
