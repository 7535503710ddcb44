"""The gradient of a minibatch without autograd inside the networks, by several threads.

Autograd sees the objective only, a function of the networks' outputs [N, k]; what comes before is done by hand
(`play.mlp`) in chunks of rows that fit into a core's cache. The chunks do not depend on the number of threads and their
gradients are added in their order: one thread and two give the same bits.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from ..kernel.config import LearnerConfig
from ..play import mlp
from ..play.architecture import Architecture
from ..play.network import Actor, Critic
from .batch import Rows
from .crew import Crew
from .gradient import Gradients
from .objective import Scales, Terms
from .state import State

#: Rows of a chunk: small enough for a core's second-level cache, large enough for the matrix products.
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

    def compute(self, rows: Rows, scales: Scales) -> Terms:
        state = self._state
        actor, critic = (_Pass(network, rows.observations) for network in (state.actor, state.critic))
        self._crew.run([*actor.forward_tasks(), *critic.forward_tasks()])
        out, values = (torch.cat(network.outputs).requires_grad_() for network in (actor, critic))
        loss, terms = self._loss(*state.actor.split(out), state.critic.finish(values), rows, scales)
        state.optimizer.zero_gradient()
        (loss * scales.loss).backward()  # type: ignore[no-untyped-call]
        self._crew.run([*actor.backward_tasks(out), *critic.backward_tasks(values)])
        actor.add_gradients()
        critic.add_gradients()
        if scales.loss != 1.0:
            state.optimizer.gradient.div_(scales.loss)
        return terms


class _Pass:
    """One network over the rows of one minibatch, chunk by chunk."""

    def __init__(self, network: Actor | Critic, observations: Tensor) -> None:
        trunk, head = network.trunk, network.head
        assert trunk.hidden is not None
        self._activation = trunk.activation
        self._layers = trunk.layers()
        self._head = head.weight.detach(), head.bias.detach()
        self._head_cast = self._head[0].to(trunk.compute_dtype)
        rows = CHUNK_ROWS if observations.device.type == "cpu" else len(observations)
        self._chunks = torch.split(trunk.prepare(observations), rows)
        self._seen: list[mlp.Activations | None] = [None] * len(self._chunks)
        self.outputs: list[Tensor] = [observations] * len(self._chunks)
        """[n, k] float32 per chunk, after the forward tasks"""
        self._gradients: list[tuple[Tensor, ...]] = [()] * len(self._chunks)
        self._parameters = (
            *(trunk.input.weight, trunk.input.bias, trunk.hidden.weight, trunk.hidden.bias),
            *(head.weight, head.bias),
        )

    def forward_tasks(self) -> list[partial[None]]:
        return [partial(self._forward, index) for index in range(len(self._chunks))]

    def backward_tasks(self, out: Tensor) -> list[partial[None]]:
        """`out` [N, k] carries its gradient."""
        assert out.grad is not None, "the objective does not depend on this network"
        parts = torch.split(out.grad, [len(chunk) for chunk in self._chunks])
        return [partial(self._backward, index, part) for index, part in enumerate(parts)]

    def add_gradients(self) -> None:
        """Add the chunks' gradients to those of the parameters, in order."""
        for chunk in self._gradients:
            for parameter, gradient in zip(self._parameters, chunk, strict=True):
                assert parameter.grad is not None
                parameter.grad.add_(gradient)

    def _forward(self, index: int) -> None:
        seen = mlp.forward(self._chunks[index], self._layers, self._activation)
        self._seen[index] = seen
        self.outputs[index] = F.linear(seen.hidden_2.float(), *self._head)

    def _backward(self, index: int, gradient: Tensor) -> None:
        seen = self._seen[index]
        assert seen is not None
        cast = gradient.to(self._head_cast.dtype)
        trunk, _ = mlp.backward(seen, self._layers, cast @ self._head_cast, self._activation)
        self._gradients[index] = (*trunk, cast.t() @ seen.hidden_2, gradient.sum(0))
