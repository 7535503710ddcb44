"""Elastic weight consolidation: what mattered for the policy before a change is held where it was.

Kirkpatrick et al., "Overcoming catastrophic forgetting in neural networks", 2017, arXiv:1612.00796, equation 3. The
weights of the actor lie side by side in one vector of P numbers.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, func

from ..play import distribution
from ..play.network import Actor

#: Rows whose gradients are held at the same time.
CHUNK = 64


class Anchor:
    """θ* and the diagonal of the Fisher information, [P] each; it holds nothing before the first `take`."""

    def __init__(self, weights: Tensor) -> None:
        self.weights = weights.clone()
        self.fisher = torch.zeros_like(weights)

    def take(self, actor: Actor, observations: Tensor, generator: torch.Generator) -> None:
        """Hold the actor as it is, by what its weights mean for these observations [N, obs]."""
        self.fisher.copy_(fisher_diagonal(actor, observations, generator))
        self.weights.copy_(flat(dict(actor.named_parameters())))

    def penalty(self, weights: Tensor, coefficient: float) -> float:
        """½ λ Σ F (θ − θ*)²"""
        return 0.5 * coefficient * float((self.fisher * (weights - self.weights).square()).sum())

    def add_gradient(self, gradient: Tensor, weights: Tensor, coefficient: float) -> None:
        """Add λ F (θ − θ*) to `gradient` [P]."""
        gradient.addcmul_(self.fisher, weights - self.weights, value=coefficient)

    def tensors(self) -> dict[str, Tensor]:
        """By name, live."""
        return {"ewc.weights": self.weights, "ewc.fisher": self.fisher}


def fisher_diagonal(actor: Actor, observations: Tensor, generator: torch.Generator) -> Tensor:
    """Mean over rows of (∂ log π(a|s) / ∂θ)², [P], with one action per row drawn from the policy itself.

    Row by row: the square of a summed gradient would be that of the batch, not of a decision.
    """
    exact, choices = copy.deepcopy(actor), actor.architecture.categorical
    exact.trunk.compute_dtype = torch.float32
    exact.trunk.by_hand = False  # gradients row by row need operations that torch can vectorise itself
    parameters = {name: tensor.detach() for name, tensor in exact.named_parameters()}
    with torch.no_grad():
        means, logits = exact(observations)
        drawn = distribution.sample(means.cpu(), exact.log_std.cpu(), logits.cpu(), generator, choices)
        actions = drawn.to(means.device)

    def log_prob(weights: dict[str, Tensor], observation: Tensor, action: Tensor) -> Tensor:
        low, high = actor.architecture.log_std_min, actor.architecture.log_std_max
        means, logits = func.functional_call(exact, weights, (observation[None],))
        log_std = weights["log_std_raw"].clamp(low, high)
        return distribution.log_prob(action[None], means, log_std, logits, choices).sum()

    per_row = func.vmap(func.grad(log_prob), in_dims=(None, 0, 0))
    total = torch.zeros_like(flat(parameters))
    for start in range(0, len(observations), CHUNK):
        rows = slice(start, start + CHUNK)
        gradients = per_row(parameters, observations[rows], actions[rows])
        total += flat({name: gradient.square().sum(0) for name, gradient in gradients.items()})
    return total / len(observations)


def flat(named: dict[str, Tensor]) -> Tensor:
    """The tensors side by side, [P]."""
    return torch.cat([tensor.detach().reshape(-1) for tensor in named.values()])
