"""Behaviour cloning: an actor learns to answer as a bot does. The loss is pure; the rest is a plain training loop.

Mean squared error for the means of Gaussian components, cross-entropy for the logits of Bernoulli ones. The standard
deviations stay as they are initialised: a clone that goes on learning explores as much as a fresh policy does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ..play.demonstrations import Pairs
from ..play.network import Actor
from .state import State

BATCH = 1024
LEARNING_RATE = 1e-3
#: The rate of the last step is this share of the first: each round ends with a settled policy, for that one flies next.
FINAL_RATIO = 0.1
MAX_GRADIENT_NORM = 1.0


@dataclass(frozen=True, slots=True)
class Fit:
    """How an actor answers on some pairs."""

    loss: float
    steering: float
    """root mean squared difference of clamped means"""
    agreement: float
    """share of binary components that are the same"""


def cloning_loss(means: Tensor, logits: Tensor, actions: Tensor) -> Tensor:
    """Mean over N of squared errors [N, C] and cross-entropies [N, K], each summed over its components."""
    continuous = means.shape[1]
    squared = (means - actions[:, :continuous]).square().sum(1)
    crossed = F.binary_cross_entropy_with_logits(logits, actions[:, continuous:], reduction="none").sum(1)
    return (squared + crossed).mean()


def fit_actor(state: State, pairs: Pairs, epochs: int) -> Iterator[float]:
    """Train `state.actor` in place; yields the mean loss of each epoch. The learning rate falls linearly over them."""
    observations, actions = torch.from_numpy(pairs.observations), torch.from_numpy(pairs.actions)
    batches = -(-len(pairs) // BATCH)
    for epoch in range(epochs):
        order = torch.randperm(len(pairs), generator=state.generator)
        total = 0.0
        for number in range(batches):
            rows = order[number * BATCH : (number + 1) * BATCH]
            progress = (epoch * batches + number) / (epochs * batches)
            state.optimizer.zero_gradient()
            means, logits = state.actor(observations[rows])
            loss = cloning_loss(means, logits, actions[rows])
            loss.backward()  # type: ignore[no-untyped-call]
            state.optimizer.clip(MAX_GRADIENT_NORM, apart=True)
            state.optimizer.step(LEARNING_RATE * (1 - (1 - FINAL_RATIO) * progress))
            total += float(loss.detach()) * len(rows)
        yield total / len(pairs)


@torch.no_grad()
def measure(actor: Actor, pairs: Pairs) -> Fit:
    """On pairs it has not learned from. Raises ValueError without any."""
    if not len(pairs):
        raise ValueError("no pairs to measure on: expected at least one")
    actions = torch.from_numpy(pairs.actions)
    means, logits = actor(torch.from_numpy(pairs.observations))
    continuous = means.shape[1]
    off = means.clamp(-1, 1) - actions[:, :continuous]
    same = (logits > 0) == (actions[:, continuous:] > 0.5)
    return Fit(
        float(cloning_loss(means, logits, actions)),
        float(off.square().mean().sqrt()) if continuous else 0.0,
        float(same.float().mean()) if logits.shape[1] else 1.0,
    )
