"""Actor and critic: two separate networks, of the same shape unless the architecture says otherwise.

N rows, obs inputs, h hidden width, C Gaussian components, L logits: one per Bernoulli component and one per choice of
each categorical component. With 0 blocks the trunk is
Linear-ReLU-Linear-ReLU; with blocks it is Linear-ReLU followed by x + Linear(ReLU(Linear(LayerNorm(x)))) per block.

The plain trunk is computed by hand (`mlp`), with and without gradient alike: acting and learning round the same way.

Precision: the matrix products of the hidden layers run in `compute_dtype` (inputs and weights are cast, gradients
flow back through the cast into float32 weights). The heads are float32 always: a simulator that acts with the same
`compute_dtype` gets the log-probabilities that the learner recomputes, whatever the number of rows.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from . import mlp
from .architecture import Architecture

__all__ = ["Actor", "Architecture", "Critic", "Dense", "Residual", "Standardise", "Trunk", "activate"]

TRUNK_GAIN = math.sqrt(2.0)
POLICY_GAIN = 0.01
VALUE_GAIN = 1.0
#: Standardised observations are cut off at so many standard deviations.
OBSERVATION_LIMIT = 10.0


class Dense(nn.Module):
    """y = x Wᵀ + b. `gain` of the orthogonal initialisation; the bias starts at zero."""

    def __init__(self, inputs: int, outputs: int, gain: float, generator: torch.Generator | None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        if self.weight.device.type != "meta":
            nn.init.orthogonal_(self.weight, gain, generator=generator)
        self._cast: tuple[Tensor, Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, *self.parameters_as(x.dtype))

    def parameters_as(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Weight and bias in `dtype`. A frozen network (one whose weights need no gradient) casts them once."""
        if dtype == self.weight.dtype:
            return self.weight, self.bias
        if self.weight.requires_grad:
            return self.weight.to(dtype), self.bias.to(dtype)
        if self._cast is None or (self._cast[0].dtype, self._cast[0].device) != (dtype, self.weight.device):
            self._cast = (self.weight.to(dtype), self.bias.to(dtype))
        return self._cast


class Residual(nn.Module):
    """x + Linear(ReLU(Linear(LayerNorm(x)))); the sum and the norm are float32."""

    def __init__(self, width: int, generator: torch.Generator | None) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.inner = Dense(width, width, TRUNK_GAIN, generator)
        self.outer = Dense(width, width, TRUNK_GAIN, generator)

    def forward(self, x: Tensor, activation: str, dtype: torch.dtype) -> Tensor:
        inner = activate(self.inner(self.norm(x).to(dtype)), activation)
        out: Tensor = x + self.outer(inner).float()
        return out


def activate(x: Tensor, activation: str) -> Tensor:
    return torch.tanh(x) if activation == "tanh" else F.relu(x)


class Standardise(nn.Module):
    """(x − mean) · scale, cut off at ±OBSERVATION_LIMIT. Statistics, not weights: they travel with them untrained."""

    mean: Tensor
    scale: Tensor
    """[size], 1 / standard deviation"""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))

    def forward(self, x: Tensor) -> Tensor:
        return ((x - self.mean) * self.scale).clamp(-OBSERVATION_LIMIT, OBSERVATION_LIMIT)


class Trunk(nn.Module):
    """The hidden layers: float32 [N, obs] -> float32 [N, h]."""

    def __init__(
        self, architecture: Architecture, compute_dtype: torch.dtype, generator: torch.Generator | None
    ) -> None:
        super().__init__()
        self.activation = architecture.activation
        self.compute_dtype = compute_dtype
        self.by_hand = True
        """whether a plain trunk is computed by `mlp` instead of operation by operation"""
        self.standardise = Standardise(architecture.obs_size) if architecture.normalise_observations else None
        self.input = Dense(architecture.obs_size, architecture.hidden, TRUNK_GAIN, generator)
        self.hidden: Dense | None = None
        if not architecture.blocks:
            self.hidden = Dense(architecture.hidden, architecture.hidden, TRUNK_GAIN, generator)
        self.blocks = nn.ModuleList(Residual(architecture.hidden, generator) for _ in range(architecture.blocks))

    def forward(self, obs: Tensor) -> Tensor:
        x = self.prepare(obs)
        if self.hidden is not None:
            return self._plain(x)
        x = activate(self.input(x), self.activation).float()
        for block in self.blocks:
            x = block(x, self.activation, self.compute_dtype)
        return x

    def prepare(self, obs: Tensor) -> Tensor:
        """float32 [N, obs] -> what the first layer takes: standardised where the network does, in the compute dtype."""
        if self.standardise is not None:
            obs = self.standardise(obs)
        return obs.to(self.compute_dtype)

    def layers(self) -> mlp.Layers:
        """Both layers of a plain trunk in the compute dtype, detached; casts once if the network is frozen."""
        assert self.hidden is not None, "a network of residual blocks has no two layers"
        parameters = (*self.input.parameters_as(self.compute_dtype), *self.hidden.parameters_as(self.compute_dtype))
        return mlp.Layers(*(tensor.detach() for tensor in parameters))

    def _plain(self, x: Tensor) -> Tensor:
        assert self.hidden is not None
        first, second = self.input, self.hidden
        if not self.by_hand:
            return activate(second(activate(first(x), self.activation)), self.activation).float()
        if torch.is_grad_enabled() and (first.weight.requires_grad or x.requires_grad):
            weights = (first.weight, first.bias, second.weight, second.bias)
            hidden: Tensor = mlp.Trunk.apply(x, *weights, self.activation, self.compute_dtype)  # type: ignore[no-untyped-call]
            return hidden
        return mlp.forward(x, self.layers(), self.activation).hidden_2.float()


class Actor(nn.Module):
    """The policy: observations -> parameters of the action distribution.

    `generator` seeds the initialisation; without it torch's global one is used. After `requires_grad_(False)` the
    weights must not change any more: their casts are kept.
    """

    def __init__(
        self,
        architecture: Architecture,
        compute_dtype: torch.dtype = torch.float32,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.trunk = Trunk(architecture, compute_dtype, generator)
        self.head = Dense(architecture.hidden, architecture.head_size, POLICY_GAIN, generator)
        self.log_std_raw = nn.Parameter(torch.full((architecture.continuous,), architecture.log_std_init))

    @property
    def log_std(self) -> Tensor:
        """[C], clamped to the architecture's limits; its gradient is zero outside them."""
        return self.log_std_raw.clamp(self.architecture.log_std_min, self.architecture.log_std_max)

    def forward(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """float32 [N, obs] -> means [N, C] (not squashed), logits [N, L], both float32."""
        return self.split(self.head(self.trunk(obs)))

    def split(self, out: Tensor) -> tuple[Tensor, Tensor]:
        """What the head gives [N, C + L] -> means [N, C], logits [N, L]."""
        continuous = self.architecture.continuous
        return out[:, :continuous], out[:, continuous:]


class Critic(nn.Module):
    """The value function: observations -> expected return."""

    return_mean: Tensor
    return_std: Tensor

    def __init__(
        self,
        architecture: Architecture,
        compute_dtype: torch.dtype = torch.float32,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.architecture = architecture
        sizes = architecture.of_critic
        self.trunk = Trunk(sizes, compute_dtype, generator)
        self.head = Dense(sizes.hidden, 1, VALUE_GAIN, generator)
        if architecture.normalise_returns:
            self.register_buffer("return_mean", torch.zeros(()))
            self.register_buffer("return_std", torch.ones(()))

    def forward(self, obs: Tensor) -> Tensor:
        """float32 [N, obs] -> float32 [N], in the units of the rewards."""
        return self.finish(self.head(self.trunk(obs)))

    @property
    def output_scale(self) -> Tensor | float:
        """How a value changes with what the head gives."""
        return self.return_std if self.architecture.normalise_returns else 1.0

    def finish(self, out: Tensor) -> Tensor:
        """What the head gives [N, 1] -> values [N] in the units of the rewards."""
        out = out.squeeze(-1)
        if self.architecture.normalise_returns:
            out = out * self.return_std + self.return_mean
        return out
