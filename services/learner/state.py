"""Everything an update changes: networks, optimizer, random numbers, counters. A checkpoint holds exactly this."""

from __future__ import annotations

import copy
from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import Tensor

from ..kernel.config import LearnerConfig
from ..play.network import Actor, Architecture, Critic
from .optimizer import FlatAdam


@dataclass(slots=True)
class Counters:
    """Where the run is. `step` counts committed updates."""

    epoch: int = 0
    step: int = 0
    decisions: int = 0
    undone: int = 0
    """updates that were measured and taken back"""
    seconds: float = 0.0
    """spent on the run by its learners, in all epochs"""


class State:
    """Networks and optimizer, by name. `tensors` are the live ones: a state is restored by copying into them."""

    def __init__(
        self,
        architecture: Architecture,
        config: LearnerConfig,
        compute_dtype: torch.dtype,
        *,
        seed: int,
    ) -> None:
        self.generator = torch.Generator().manual_seed(seed % 2**63)
        self.architecture = architecture
        self.actor = Actor(architecture, compute_dtype, self.generator).to(config.device)
        self.critic = Critic(architecture, compute_dtype, self.generator).to(config.device)
        groups = [list(network.parameters()) for network in (self.actor, self.critic)]
        self.optimizer = FlatAdam(groups, config.adam_epsilon)
        self.counters = Counters()

    def weights(self) -> dict[str, Tensor]:
        """`actor.*` and `critic.*`, live."""
        named = {f"actor.{name}": tensor for name, tensor in self.actor.named_parameters()}
        named |= {f"critic.{name}": tensor for name, tensor in self.critic.named_parameters()}
        return {name: tensor.detach() for name, tensor in named.items()}

    def moments(self) -> dict[str, Tensor]:
        """Adam's state by parameter name, live."""
        return self.optimizer.moments(list(self.weights()))

    def tensors(self) -> dict[str, Tensor]:
        return self.weights() | self.moments()

    def remember(self) -> dict[str, Tensor]:
        """A copy to come back to."""
        return {name: tensor.clone() for name, tensor in self.tensors().items()}

    def restore(self, copy_of: dict[str, Tensor]) -> None:
        """Take back everything since `remember`. Random numbers go on: the next attempt shall not be the same one."""
        for name, tensor in self.tensors().items():
            tensor.copy_(copy_of[name])


class Versions:
    """The newest committed actors, by step: the references that rollouts in flight were made with."""

    def __init__(self, max_lag: int) -> None:
        self._kept = max_lag + 1
        self._actors: OrderedDict[int, Actor] = OrderedDict()

    def add(self, step: int, actor: Actor) -> None:
        """Keep a copy of `actor` as version `step`; the oldest beyond the bound is let go."""
        frozen = copy.deepcopy(actor).requires_grad_(False)
        self._actors[step] = frozen
        while len(self._actors) > self._kept:
            self._actors.popitem(last=False)

    def __contains__(self, step: int) -> bool:
        return step in self._actors

    def __getitem__(self, step: int) -> Actor:
        return self._actors[step]
