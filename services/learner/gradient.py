"""The gradient of the objective over one minibatch, left in the optimizer's buffer."""

from __future__ import annotations

from torch import Tensor

from ..kernel.config import LearnerConfig
from .objective import Outputs, Scales, Terms, objective
from .rows import Rows
from .state import State


class Gradients:
    """Forward and backward through actor and critic. Not thread-safe."""

    def __init__(self, config: LearnerConfig, state: State) -> None:
        self._config = config
        self._state = state

    def compute(self, rows: Rows, scales: Scales) -> Terms:
        """Replace `state.optimizer.gradient` by the gradient over these rows. No weight is changed."""
        state = self._state
        means, logits = state.actor(rows.observations)
        loss, terms = self._loss(means, logits, state.critic(rows.observations), rows, scales)
        state.optimizer.zero_gradient()
        if scales.loss == 1.0:
            loss.backward()  # type: ignore[no-untyped-call]
        else:
            (loss * scales.loss).backward()  # type: ignore[no-untyped-call]
            state.optimizer.gradient.div_(scales.loss)
        return terms

    def _loss(self, means: Tensor, logits: Tensor, values: Tensor, rows: Rows, scales: Scales) -> tuple[Tensor, Terms]:
        state = self._state
        outputs = Outputs(means, state.actor.log_std, logits, values, state.architecture.categorical)
        return objective(self._config, scales, outputs, rows)
