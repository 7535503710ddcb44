"""Statistics of observations and returns, and how they enter the networks.

Both are affine layers that the optimizer does not touch. They belong to the weights of a version: whoever plays it,
exports it or learns from it computes with the same numbers.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..play.network import Actor, Architecture, Critic
from .moments import Moments

#: Decisions after which the past of the returns weighs no more: they grow with the policy's skill.
RETURN_HORIZON = float(1 << 20)


class Normaliser:
    """The running statistics that an architecture asks for."""

    def __init__(self, architecture: Architecture) -> None:
        self._observations = Moments(architecture.obs_size) if architecture.normalise_observations else None
        self._returns = Moments(1, RETURN_HORIZON) if architecture.normalise_returns else None

    def see_observations(self, observations: Tensor, actor: Actor, critic: Critic) -> None:
        """Take in observations [N, obs]; from now on both networks standardise by the new statistics."""
        if self._observations is None:
            return
        self._observations.update(observations)
        for network in (actor, critic):
            layer = network.trunk.standardise
            assert layer is not None
            layer.mean.copy_(self._observations.mean)
            layer.scale.copy_(1 / self._observations.std)

    def see_returns(self, returns: Tensor, critic: Critic) -> None:
        """Take in returns [N]; the critic learns in the new units and still says the same values.

        van Hasselt et al., "Learning values across many orders of magnitude", 2016, arXiv:1602.07714, equation 3.
        """
        if self._returns is None:
            return
        old_mean, old_std = critic.return_mean.clone(), critic.return_std.clone()
        self._returns.update(returns[:, None])
        critic.return_mean.copy_(self._returns.mean[0])
        critic.return_std.copy_(self._returns.std[0])
        with torch.no_grad():
            critic.head.weight.mul_(old_std / critic.return_std)
            critic.head.bias.mul_(old_std).add_(old_mean - critic.return_mean).div_(critic.return_std)

    def tensors(self) -> dict[str, Tensor]:
        """By name, live."""
        named: dict[str, Tensor] = {}
        for name, moments in (("observations", self._observations), ("returns", self._returns)):
            if moments is not None:
                named |= moments.tensors(f"normaliser.{name}")
        return named
