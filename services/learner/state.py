"""Everything an update changes: networks, optimizer, random numbers, counters. A checkpoint holds exactly this."""

from __future__ import annotations

import copy
from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import Tensor

from ..kernel.config import LearnerConfig
from ..play.network import Actor, Architecture, Critic
from ..play.precision import NAMES
from .controls import Controls
from .ewc import Anchor
from .normalise import Normaliser
from .optimizer import FlatAdam
from .rnd import Rnd


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
    beginnings: int = 0
    """how often an exploiter has begun anew"""

    @property
    def window(self) -> int:
        """Number of the batch that comes next, from 0: those before it are in the state or were taken back."""
        return self.step + self.undone


class State:
    """Networks, optimizer and tools, by name. `tensors` are the live ones: a state is restored by copying into them."""

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
        self.compute_dtype = compute_dtype
        """of the hidden layers, once the updates in float32 are over"""
        self.actor = Actor(architecture, compute_dtype, self.generator).to(config.device)
        self.critic = Critic(architecture, compute_dtype, self.generator).to(config.device)
        groups = [list(network.parameters()) for network in (self.actor, self.critic)]
        self.optimizer = FlatAdam(groups, config.adam_epsilon)
        self.counters = Counters()
        self.controls = Controls()
        self.controls.kl_coefficient.fill_(config.kl_penalty.coefficient)
        self.normaliser = Normaliser(architecture)
        penalty, ewc, rnd = config.kl_penalty, config.ewc, config.rnd
        self.reference = copy.deepcopy(self.actor) if penalty.coefficient and penalty.reference != "previous" else None
        """what the KL penalty holds the policy near; not frozen in torch's sense, because it moves"""
        self.anchor = Anchor(self.actor_weights) if ewc.coefficient else None
        self.rnd = Rnd(rnd, architecture.obs_size, self.generator) if rnd.coefficient else None
        self.simulator_state = b""
        """in lockstep: the ArenaState with which window `counters.window` begins; empty before the first"""

    @property
    def actor_weights(self) -> Tensor:
        """All of the actor's weights in one vector, live."""
        return self.optimizer.flat[self.optimizer.groups[0]]

    @property
    def precision(self) -> str:
        """Of the hidden layers right now, by name."""
        return NAMES[self.actor.trunk.compute_dtype]

    def settle(self) -> None:
        """Give the networks the precision that the controls ask for. To be called when either may have changed."""
        dtype = torch.float32 if int(self.controls.fp32_updates) else self.compute_dtype
        for network in (self.actor, self.critic, self.reference):
            if network is not None:
                network.trunk.compute_dtype = dtype

    def parameters(self) -> dict[str, Tensor]:
        """What the optimizer moves, `actor.*` and `critic.*`, live."""
        named = {f"actor.{name}": tensor for name, tensor in self.actor.named_parameters()}
        named |= {f"critic.{name}": tensor for name, tensor in self.critic.named_parameters()}
        return {name: tensor.detach() for name, tensor in named.items()}

    def weights(self) -> dict[str, Tensor]:
        """The same with the statistics that travel with them, live."""
        named = {f"actor.{name}": tensor for name, tensor in self.actor.named_buffers()}
        named |= {f"critic.{name}": tensor for name, tensor in self.critic.named_buffers()}
        return self.parameters() | named

    def moments(self) -> dict[str, Tensor]:
        """What training needs beside the weights: Adam's state by parameter name, and that of the tools. Live."""
        named = self.optimizer.moments(list(self.parameters())) | self.controls.tensors() | self.normaliser.tensors()
        if self.reference is not None:
            named |= {f"reference.{name}": tensor for name, tensor in self.reference.state_dict().items()}
        for tool in (self.anchor, self.rnd):
            if tool is not None:
                named |= tool.tensors()
        return named

    def tensors(self) -> dict[str, Tensor]:
        return self.weights() | self.moments()

    def remember(self) -> dict[str, Tensor]:
        """A copy to come back to."""
        return {name: tensor.clone() for name, tensor in self.tensors().items()}

    def restore(self, copy_of: dict[str, Tensor]) -> None:
        """Take back everything since `remember`. Random numbers go on: the next attempt shall not be the same one."""
        for name, tensor in self.tensors().items():
            tensor.copy_(copy_of[name])
        self.settle()


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

    def forget(self) -> None:
        """After a rollback: nothing of the old epoch is a reference any more."""
        self._actors.clear()

    def __contains__(self, step: int) -> bool:
        return step in self._actors

    def __getitem__(self, step: int) -> Actor:
        return self._actors[step]
