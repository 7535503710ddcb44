"""Random network distillation: a reward for observations that a predictor has not learned yet.

Burda et al., "Exploration by Random Network Distillation", 2018, arXiv:1810.12894. A predictor learns the outputs of a
fixed random network; its error on an observation is the intrinsic reward. Observations are standardised and cut off
at ±5 (section 2.4), errors divided by their running standard deviation. N rows.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from ..kernel.toolbox import RndConfig
from ..play.network import Dense
from .moments import Moments
from .optimizer import FlatAdam

LIMIT = 5.0
ADAM_EPSILON = 1e-8
GAIN = 2.0**0.5


class Rnd:
    """Target, predictor and their statistics, all on the CPU."""

    def __init__(self, config: RndConfig, obs_size: int, generator: torch.Generator) -> None:
        self._config = config
        sizes = (obs_size, config.hidden, config.hidden, config.embedding)
        self._target, self._predictor = (_network(sizes, generator) for _ in range(2))
        self._target.requires_grad_(False)
        self._optimizer = FlatAdam([list(self._predictor.parameters())], ADAM_EPSILON)
        self._observations = Moments(obs_size)
        self._errors = Moments(1)

    def rewards(self, observations: Tensor) -> Tensor:
        """Intrinsic rewards [N] of observations [N, obs], with the coefficient; their statistics are taken in."""
        self._observations.update(observations)
        with torch.no_grad():
            errors = self._error(self._standard(observations))
        self._errors.update(errors[:, None])
        return errors * (self._config.coefficient / float(self._errors.std))

    def learn(self, observations: Tensor, generator: torch.Generator) -> float:
        """One pass of the predictor over observations [N, obs]; returns its mean error."""
        total, standard = 0.0, self._standard(observations)
        order = torch.randperm(len(standard), generator=generator)
        for indices in torch.split(order, self._config.minibatch):
            loss = self._error(standard.index_select(0, indices)).mean()
            self._optimizer.zero_gradient()
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimizer.step(self._config.learning_rate)
            total += float(loss.detach()) * len(indices)
        return total / len(standard)

    def tensors(self) -> dict[str, Tensor]:
        """Everything that changes and everything random, by name, live."""
        named = {f"rnd.target.{name}": tensor for name, tensor in self._target.state_dict().items()}
        predictor = {f"predictor.{name}": tensor for name, tensor in self._predictor.state_dict().items()}
        named |= {f"rnd.{name}": tensor for name, tensor in predictor.items()}
        named |= {f"rnd.{name}": tensor for name, tensor in self._optimizer.moments(list(predictor)).items()}
        return named | self._observations.tensors("rnd.observations") | self._errors.tensors("rnd.errors")

    def _standard(self, observations: Tensor) -> Tensor:
        moments = self._observations
        return ((observations - moments.mean.float()) / moments.std.float()).clamp(-LIMIT, LIMIT)

    def _error(self, standard: Tensor) -> Tensor:
        """Mean square of the difference of the embeddings, [N]."""
        difference: Tensor = self._predictor(standard) - self._target(standard)
        return difference.square().mean(1)


def _network(sizes: tuple[int, ...], generator: torch.Generator) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [Dense(inputs, outputs, GAIN, generator), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
