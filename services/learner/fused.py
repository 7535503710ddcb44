"""The gradient of a minibatch without autograd inside the networks, by several threads.

A task takes a chunk of rows all the way: gathered from the batch, forward through both networks, the slope of the
objective, and back, while everything is in a core's cache. The chunks do not depend on the number of threads and their
gradients are added in their order: one thread and two give the same bits.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ..kernel.config import LearnerConfig
from ..play import mlp
from ..play.architecture import Architecture
from ..play.network import Actor, Critic
from .crew import Crew
from .gradient import Gradients
from .objective import Outputs, Scales, Terms
from .rows import Rows
from .slopes import slopes
from .state import State

#: Rows of a chunk: large enough that threads seldom wait for Python's lock, small enough that two share a minibatch.
CHUNK_ROWS = 2048


def gradients(config: LearnerConfig, state: State, crew: Crew) -> Gradients:
    """The fastest way to the gradient that the networks allow."""
    return FusedGradients(config, state, crew) if fits(config, state.architecture) else Gradients(config, state)


def fits(config: LearnerConfig, architecture: Architecture) -> bool:
    """Whether `FusedGradients` can be used, and shall be."""
    return config.engine == "fused" and not architecture.blocks


class FusedGradients(Gradients):
    """`Gradients` for plain networks. Not thread-safe; `crew` shares the work."""

    def __init__(self, config: LearnerConfig, state: State, crew: Crew) -> None:
        super().__init__(config, state)
        self._crew = crew

    def compute(self, rows: Rows, scales: Scales, chosen: Tensor | None = None) -> Terms:
        total = len(rows) if chosen is None else len(chosen)
        size = CHUNK_ROWS if rows.packed.device.type == "cpu" else total
        if chosen is None:
            parts: tuple[Tensor | slice, ...] = tuple(slice(at, at + size) for at in range(0, total, size))
        else:
            parts = torch.split(chosen, size)
        chunks = _Chunks(self._config, self._state, rows, scales, scales.loss / total)
        found: list[_Found | None] = [None] * len(parts)
        self._crew.run([partial(chunks.compute, part, index, found) for index, part in enumerate(parts)])
        return self._sum([one for one in found if one is not None], scales, total)

    def _sum(self, found: list[_Found], scales: Scales, total: int) -> Terms:
        """Add the chunks' gradients up in the optimizer's buffer, in order."""
        state = self._state
        state.optimizer.zero_gradient()
        parameters = [*_parameters(state.actor), *_parameters(state.critic), state.actor.log_std_raw]
        for one in found:
            for parameter, gradient in zip(parameters, one.gradients, strict=True):
                assert parameter.grad is not None
                parameter.grad.add_(gradient)
        if scales.loss != 1.0:
            state.optimizer.gradient.div_(scales.loss)
        return Terms(*(torch.stack([one.sums for one in found]).sum(0) / total).tolist())


class _Found(NamedTuple):
    """What a chunk gives."""

    gradients: tuple[Tensor, ...]
    sums: Tensor
    """[4]: the fields of Terms, summed over the rows"""


class _Chunks:
    """Both networks as they are during one minibatch."""

    def __init__(self, config: LearnerConfig, state: State, rows: Rows, scales: Scales, scale: float) -> None:
        """`scale`: what the gradient of a row's loss is multiplied with."""
        self._config, self._state, self._rows, self._scales, self._scale = config, state, rows, scales, scale
        self._actor, self._critic = _Pass(state.actor), _Pass(state.critic)
        raw, limits = state.actor.log_std_raw.detach(), state.architecture
        self._log_std = state.actor.log_std.detach()
        self._log_std_moves = (raw >= limits.log_std_min) & (raw <= limits.log_std_max)

    def compute(self, part: Tensor | slice, index: int, found: list[_Found | None]) -> None:
        with torch.no_grad():
            rows = self._rows.select(part) if isinstance(part, Tensor) else self._rows.cut(part)
            found[index] = self._compute(rows)

    def _compute(self, rows: Rows) -> _Found:
        state = self._state
        actor_seen, out = self._actor.forward(rows.observations)
        critic_seen, values = self._critic.forward(rows.observations)
        means, logits = state.actor.split(out)
        choices = state.architecture.categorical
        outputs = Outputs(means, self._log_std, logits, state.critic.finish(values), choices)
        slope = slopes(self._config, self._scales, outputs, rows)
        by_out = torch.cat((slope.means, slope.logits), 1).mul_(self._scale)
        by_value = (slope.values * (self._scale * state.critic.output_scale)).unsqueeze(1)
        gradients = (
            *self._actor.backward(actor_seen, by_out),
            *self._critic.backward(critic_seen, by_value),
            slope.log_std * self._log_std_moves * self._scale,
        )
        return _Found(gradients, slope.sums)


class _Pass:
    """One network, forward and back."""

    def __init__(self, network: Actor | Critic) -> None:
        self._trunk = network.trunk
        self._layers = network.trunk.layers()
        self._head = network.head.weight.detach(), network.head.bias.detach()
        self._head_cast = self._head[0].to(network.trunk.compute_dtype)

    def forward(self, observations: Tensor) -> tuple[mlp.Activations, Tensor]:
        """[n, obs] -> what `backward` needs, and the head's float32 output [n, k]."""
        x = self._trunk.prepare(observations).contiguous()
        seen = mlp.forward(x, self._layers, self._trunk.activation)
        return seen, F.linear(seen.hidden_2.float(), *self._head)

    def backward(self, seen: mlp.Activations, gradient: Tensor) -> tuple[Tensor, ...]:
        """Gradients in the order of `_parameters`, from that of the output [n, k]."""
        cast = gradient.to(self._head_cast.dtype)
        trunk, _ = mlp.backward(seen, self._layers, cast @ self._head_cast, self._trunk.activation)
        return (*trunk, cast.t() @ seen.hidden_2, gradient.sum(0))


def _parameters(network: Actor | Critic) -> tuple[Tensor, ...]:
    trunk, head = network.trunk, network.head
    assert trunk.hidden is not None
    hidden = trunk.hidden
    return trunk.input.weight, trunk.input.bias, hidden.weight, hidden.bias, head.weight, head.bias
