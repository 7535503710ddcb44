"""The game of the drills: a regression in disguise.

Observations are random, the reward is highest when the action equals a simple function of them, so that learning shows
within seconds. A fixed opponent answers the same, less well.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch

from ...api.v1.policy_pb2 import PolicyRef
from ...api.v1.rollout_pb2 import Rollout
from ...kernel.tensors import to_tensor
from ...play import distribution
from ...play.network import Actor

Array = npt.NDArray[np.float32]
Change = Callable[[Array], Array]

SLABS, SLOTS, STEPS = 2, 32, 16
BATCH = SLABS * SLOTS * STEPS
MATCHES = 2000
#: The fixed opponent misses by this standard deviation, and presses the wrong button this often.
OPPONENT_DEVIATION, OPPONENT_SLIP = 0.35, 0.2


class Field:
    """Plays with an actor; everything random comes from the seed."""

    def __init__(self, run: str, seed: int) -> None:
        self._run, self._seed = run, seed
        self._rng = np.random.default_rng(seed)
        self._generator = torch.Generator().manual_seed(seed)
        self._sent = 0

    def slab(self, actor: Actor, ref: PolicyRef, observed: Change, rewarded: Change) -> Rollout:
        """One message of rollouts; the two changes are a fault's."""
        shape, size = (STEPS, SLOTS), actor.architecture.obs_size
        seen = self._rng.standard_normal((*shape, size), dtype=np.float32)
        observations = observed(seen)
        actions, log_probs = _act(actor, observations.reshape(-1, size), self._generator)
        actions_TBA = actions.reshape(*shape, -1)
        self._sent += 1
        return Rollout(
            rollout_id=f"{ref.epoch}.{ref.step}.{self._sent}",
            run=self._run,
            behaviour=ref,
            observations=to_tensor(observations),
            actions=to_tensor(actions_TBA),
            log_probs=to_tensor(log_probs.reshape(shape)),
            rewards=to_tensor(rewarded(score(seen, actions_TBA))),
            terminated=to_tensor(np.ones(shape, np.uint8)),
            truncated=to_tensor(np.zeros(shape, np.uint8)),
            last_observations=to_tensor(self._rng.standard_normal((SLOTS, size), dtype=np.float32)),
            simulator="drill",
        )

    def wins(self, actor: Actor) -> int:
        """Of MATCHES against the fixed opponent, always the same ones."""
        rng, generator = np.random.default_rng(self._seed), torch.Generator().manual_seed(self._seed)
        observations = rng.standard_normal((MATCHES, actor.architecture.obs_size), dtype=np.float32)
        actions, _ = _act(actor, observations, generator)
        other = np.empty_like(actions)
        other[:, :2] = aim(observations) + OPPONENT_DEVIATION * rng.standard_normal((MATCHES, 2), dtype=np.float32)
        slips = rng.random(MATCHES) < OPPONENT_SLIP
        other[:, 2] = (observations[:, 3] > 0) ^ slips
        return int((score(observations, actions) > score(observations, other)).sum())


def aim(observations: Array) -> Array:
    answer: Array = np.tanh(observations[..., :2])
    return answer


def score(observations: Array, actions: Array) -> Array:
    """Of each answer; 1 at best."""
    missed = np.square(actions[..., :2] - aim(observations)).sum(-1)
    right = actions[..., 2] == (observations[..., 3] > 0)
    answer: Array = (right - missed).astype(np.float32)
    return answer


def _act(actor: Actor, observations: Array, generator: torch.Generator) -> tuple[Array, Array]:
    with torch.inference_mode():
        means, logits = actor(torch.from_numpy(observations))
        actions = distribution.sample(means, actor.log_std, logits, generator)
        log_probs = distribution.log_prob(actions, means, actor.log_std, logits)
    return actions.numpy(), log_probs.numpy()
