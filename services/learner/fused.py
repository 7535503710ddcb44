"""The gradient of a minibatch without autograd inside the networks, by several threads.

A task takes one network and a part of the rows all the way: forward, the slope of the objective, and back. The parts do
not depend on the number of threads and each leaves its gradient in an array of its own, which are added up afterwards:
one thread and two give the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..kernel.config import LearnerConfig
from ..play import mlp
from ..play.architecture import Architecture
from ..play.network import Actor, Critic
from ..play.scripting import scripted
from .crew import Crew, Task
from .gradient import Gradients
from .objective import Outputs, Scales, Terms
from .rows import Rows
from .slopes import of_policy, of_value
from .state import State

#: Bytes of a column of a part: 4 096 rows in bf16, 2 048 in fp32. Large enough that what a matrix product costs
#: whatever its size weighs little, small enough that the threads share a minibatch evenly.
PART_BYTES = 8192


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
        self._networks: _Networks | None = None
        self._places: list[_Place] = []
        """by part; the first one's gradient is the optimizer's"""

    def compute(self, rows: Rows, scales: Scales) -> Terms:
        total, networks = len(rows), self._renewed()
        size = PART_BYTES // networks.dtype.itemsize if rows.packed.is_cpu else total
        parts = [rows.cut(slice(at, at + size)) for at in range(0, total, size)]
        self._make_room(len(parts))
        minibatch = _Minibatch(self._config, self._state, networks, scales, scales.loss / total)
        sums = rows.packed.new_empty(2, len(parts), len(fields(Terms)))
        tasks: list[Task] = []
        for part, place, actor_sums, critic_sums in zip(parts, self._places, *sums, strict=False):
            tasks.append(partial(minibatch.actor, part, place, actor_sums))
            tasks.append(partial(minibatch.critic, part, place, critic_sums))
        self._crew.run(tasks)
        gradient = self._state.optimizer.gradient
        for other in self._places[1 : len(parts)]:
            gradient.add_(other.gradient)
        if scales.loss != 1.0:
            gradient.div_(scales.loss)
        return Terms(*(sums.sum((0, 1)) / total).tolist())

    def _renewed(self) -> _Networks:
        """The networks as the last step left them."""
        dtype = self._state.actor.trunk.compute_dtype
        if self._networks is None or self._networks.dtype != dtype:
            self._networks = _Networks(self._state, dtype)
        self._networks.renew()
        return self._networks

    def _make_room(self, parts: int) -> None:
        gradient = self._state.optimizer.gradient
        while len(self._places) < parts:
            self._places.append(_Place.of(self._state, torch.zeros_like(gradient) if self._places else gradient))


class _Place(NamedTuple):
    """Where a part leaves its gradient: laid out as the optimizer's, and views of it."""

    gradient: Tensor
    actor: list[Tensor]
    """of its `_parameters`"""
    critic: list[Tensor]
    log_std: Tensor

    @classmethod
    def of(cls, state: State, gradient: Tensor) -> _Place:
        views = partial(state.optimizer.place, gradient)
        actor, critic = (list(map(views, _parameters(network))) for network in (state.actor, state.critic))
        return cls(gradient, actor, critic, views(state.actor.log_std_raw))


class _Minibatch:
    """What the tasks of one minibatch have in common."""

    def __init__(
        self, config: LearnerConfig, state: State, networks: _Networks, scales: Scales, scale: float
    ) -> None:
        """`scale`: what the gradient of a row's loss is multiplied with."""
        self._config, self._state, self._networks, self._scales, self._scale = config, state, networks, scales, scale
        raw, limits = state.actor.log_std_raw.detach(), state.architecture
        self._log_std = state.actor.log_std.detach()
        self._log_std_scale = ((raw >= limits.log_std_min) & (raw <= limits.log_std_max)) * scale

    def actor(self, rows: Rows, place: _Place, sums: Tensor) -> None:
        """Fill the actor's part of `place` with its gradients, and `sums` with its fields of `Terms`."""
        with torch.no_grad():
            seen, out = self._networks.actor.forward(rows.observations)
            means, logits = self._state.actor.split(out)
            choices = self._state.architecture.categorical
            outputs = Outputs(means, self._log_std, logits, rows.values, choices)
            slope = of_policy(self._config, self._scales, outputs, rows)
            self._networks.actor.backward(seen, slope.outputs, self._scale, place.actor)
            assert slope.log_std is not None
            torch.mul(slope.log_std, self._log_std_scale, out=place.log_std)
            sums.copy_(slope.sums)

    def critic(self, rows: Rows, place: _Place, sums: Tensor) -> None:
        """The same for the critic."""
        with torch.no_grad():
            critic = self._state.critic
            seen, out = self._networks.critic.forward(rows.observations)
            slope = of_value(self._config, self._scales, critic.finish(out), rows)
            scale = self._scale * float(critic.output_scale)
            self._networks.critic.backward(seen, slope.outputs, scale, place.critic)
            sums.copy_(slope.sums)


class _Networks:
    """Both networks in the dtype of the products: a copy of the optimizer's weights, made in one piece."""

    def __init__(self, state: State, dtype: torch.dtype) -> None:
        self.dtype = dtype
        self._flat = state.optimizer.flat
        self._copy = self._flat.to(dtype)  # itself in float32
        self.actor, self.critic = (_Pass(one, self._in_copy(state, one)) for one in (state.actor, state.critic))

    def _in_copy(self, state: State, network: Actor | Critic) -> list[Tensor]:
        return [state.optimizer.place(self._copy, one) for one in _parameters(network)]

    def renew(self) -> None:
        if self._copy is not self._flat:
            self._copy.copy_(self._flat)


class _Pass:
    """One network, forward and back."""

    def __init__(self, network: Actor | Critic, cast: Sequence[Tensor]) -> None:
        """`cast`: the `_parameters` in the dtype of the products."""
        self._trunk = network.trunk
        self._layers, self._head_cast = mlp.Layers(*cast[:4]), cast[4]
        self._head = network.head.weight.detach(), network.head.bias.detach()

    def forward(self, observations: Tensor) -> tuple[mlp.Activations, Tensor]:
        """[n, obs] -> what `backward` needs, and the head's float32 output [n, k]."""
        x = self._trunk.prepare(observations).contiguous()
        *hidden, out = _forward(x, self._layers, self._head, self._trunk.activation, mlp.fuses(x))
        return mlp.Activations(x, *hidden), out

    def backward(self, seen: mlp.Activations, gradient: Tensor, scale: float, places: list[Tensor]) -> None:
        """Fill `places`, in the order of `_parameters`, from `scale` times the gradient of the output [n, k]."""
        _backward(seen, self._layers.weight_2, self._head_cast, gradient, scale, self._trunk.activation, places)


@scripted
def _forward(
    x: Tensor,
    layers: tuple[Tensor, Tensor, Tensor, Tensor],
    head: tuple[Tensor, Tensor],
    activation: str,
    fused: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    hidden_1, hidden_2 = mlp.run(x, layers, activation, fused)
    return hidden_1, hidden_2, F.linear(hidden_2.float(), head[0], head[1])


@scripted
def _backward(
    seen: tuple[Tensor, Tensor, Tensor],
    weight_2: Tensor,
    head: Tensor,
    gradient: Tensor,
    scale: float,
    activation: str,
    places: list[Tensor],
) -> None:
    gradient = gradient * scale
    cast = gradient.to(head.dtype)
    trunk, _ = mlp.run_back(seen, weight_2, cast @ head, activation)
    found = [trunk[0], trunk[1], trunk[2], trunk[3], cast.t() @ seen[2], gradient.sum(0)]
    for place, one in zip(places, found):  # noqa: B905 TorchScript knows no `strict`
        place.copy_(one)


def _parameters(network: Actor | Critic) -> tuple[nn.Parameter, ...]:
    trunk, head = network.trunk, network.head
    assert trunk.hidden is not None
    hidden = trunk.hidden
    return trunk.input.weight, trunk.input.bias, hidden.weight, hidden.bias, head.weight, head.bias
