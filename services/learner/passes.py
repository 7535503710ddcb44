"""What a network says about every row of a batch, in passes that fit into the cache."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

from ..play import distribution
from ..play.network import Actor, Critic
from .crew import Crew, Task
from .gae import FloatArray

#: Rows per pass of a network: large enough for the matrix products, small enough for the cache.
PASS_ROWS = 2048


def evaluate(critic: Critic, observations: Tensor, crew: Crew) -> FloatArray:
    """V of every observation [N, obs] -> [N], on the CPU."""
    found = torch.empty(len(observations), device=observations.device)
    crew.run(values(critic, observations, found))
    return numbers(found)


def numbers(tensor: Tensor) -> FloatArray:
    """On the CPU, as NumPy has them."""
    found: FloatArray = tensor.cpu().numpy()
    return found


def values(critic: Critic, observations: Tensor, out: Tensor) -> list[Task]:
    """Tasks that fill `out` [N] with V of observations [N, obs]."""
    return [partial(_values, critic, *part) for part in _parts(observations, out)]


def log_probs(actor: Actor, observations: Tensor, actions: Tensor, out: Tensor) -> list[Task]:
    """Tasks that fill `out` [N] with the log-probabilities of actions [N, act] at observations [N, obs]."""
    return [partial(_log_probs, actor, *part) for part in _parts(observations, actions, out)]


def _parts(*columns: Tensor) -> Iterator[tuple[Tensor, ...]]:
    return zip(*(torch.split(one, PASS_ROWS) for one in columns), strict=True)


def _values(critic: Critic, observations: Tensor, out: Tensor) -> None:
    with torch.no_grad():
        out.copy_(critic(observations))


def _log_probs(actor: Actor, observations: Tensor, actions: Tensor, out: Tensor) -> None:
    with torch.no_grad():
        means, logits = actor(observations)
        out.copy_(distribution.log_prob(actions, means, actor.log_std, logits, actor.architecture.categorical))


def outputs(asked: Sequence[tuple[Actor, Tensor]], crew: Crew) -> list[tuple[Tensor, Tensor]]:
    """What each actor says about its observations [N, obs]: means [N, C] and logits [N, K].

    In passes of like sizes: a single row that is left over would round differently from the others.
    """
    split = [torch.tensor_split(seen, max(1, math.ceil(len(seen) / PASS_ROWS))) for _, seen in asked]
    found: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}

    def look(which: int, part: int) -> None:
        with torch.no_grad():
            found[which, part] = asked[which][0](split[which][part])

    crew.run([partial(look, which, part) for which, parts in enumerate(split) for part in range(len(parts))])
    said = [[found[which, part] for part in range(len(parts))] for which, parts in enumerate(split)]
    return [(torch.cat([one[0] for one in parts]), torch.cat([one[1] for one in parts])) for parts in said]


def distribution_columns(actor: Actor, observations: Tensor, crew: Crew) -> Tensor:
    """The same of one actor side by side: means | log standard deviations | logits."""
    ((means, logits),) = outputs([(actor, observations)], crew)
    return torch.cat((means, actor.log_std.detach().expand_as(means), logits), 1)
