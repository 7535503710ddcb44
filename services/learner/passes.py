"""What a network says about every row of a batch, in passes that fit into the cache."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from ..play import distribution
from ..play.network import Actor, Critic
from .crew import Crew
from .gae import FloatArray

#: Rows per pass of a network: large enough for the matrix products, small enough for the cache.
PASS_ROWS = 2048


def evaluate(critic: Critic, observations: Tensor, crew: Crew) -> FloatArray:
    """V of every observation [N, obs] -> [N], on the CPU."""
    values = torch.empty(len(observations), device=observations.device)
    parts = zip(torch.split(observations, PASS_ROWS), torch.split(values, PASS_ROWS), strict=True)
    crew.run([partial(_evaluate, critic, part, out) for part, out in parts])
    found: FloatArray = values.cpu().numpy()
    return found


def _evaluate(critic: Critic, observations: Tensor, out: Tensor) -> None:
    with torch.no_grad():
        out.copy_(critic(observations))


def log_probs(actor: Actor, observations: Tensor, actions: Tensor) -> Tensor:
    """[N] of actions [N, act] at observations [N, obs]."""
    with torch.no_grad():
        found = []
        for seen, chosen in zip(*(torch.split(one, PASS_ROWS) for one in (observations, actions)), strict=True):
            means, logits = actor(seen)
            choices = actor.architecture.categorical
            found.append(distribution.log_prob(chosen, means, actor.log_std, logits, choices))
        return torch.cat(found)


def distribution_columns(actor: Actor, observations: Tensor) -> Tensor:
    """What the actor says about observations [N, obs]: means | log standard deviations | logits."""
    with torch.no_grad():
        found = []
        for part in torch.split(observations, PASS_ROWS):
            means, logits = actor(part)
            found.append(torch.cat((means, actor.log_std.expand_as(means), logits), 1))
        return torch.cat(found)
