"""Slabs -> one packed array of training rows.

N decisions. A row is: observation | raw action | behaviour log-probability | advantage | return | old value. Keeping
them side by side makes a minibatch one `index_select` instead of six.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..kernel.config import LearnerConfig
from ..play.network import Critic
from .gae import FloatArray, explained_variance, gae, normalised, with_final_values
from .slab import Slab

#: Rows per pass of the critic: large enough for the matrix products, small enough for the cache.
VALUE_ROWS = 8192


@dataclass(frozen=True, slots=True)
class Rows:
    """Columns of packed rows [N, obs + act + 4]."""

    packed: Tensor
    obs_size: int
    act_size: int

    def __len__(self) -> int:
        return self.packed.shape[0]

    def select(self, indices: Tensor) -> Rows:
        return Rows(self.packed.index_select(0, indices), self.obs_size, self.act_size)

    @property
    def observations(self) -> Tensor:
        return self.packed[:, : self.obs_size]

    @property
    def actions(self) -> Tensor:
        return self.packed[:, self.obs_size : self.obs_size + self.act_size]

    @property
    def log_probs(self) -> Tensor:
        return self.packed[:, -4]

    @property
    def advantages(self) -> Tensor:
        return self.packed[:, -3]

    @property
    def returns(self) -> Tensor:
        return self.packed[:, -2]

    @property
    def values(self) -> Tensor:
        return self.packed[:, -1]


@dataclass(frozen=True, slots=True)
class BatchFacts:
    """What is known about a batch before anything is learned from it."""

    explained_variance: float
    advantage_std: float
    reward_mean: float
    """per decision, as the game gave it"""
    episodes: int
    episode_return: float
    """undiscounted reward per finished episode; NaN if none finished"""


class Batcher:
    """Builds batches; keeps its buffer from one to the next."""

    def __init__(self, config: LearnerConfig, obs_size: int, act_size: int) -> None:
        self._config = config
        self._obs_size = obs_size
        self._act_size = act_size
        self._buffer = torch.empty(0, obs_size + act_size + 4)

    def build(self, slabs: Sequence[Slab], critic: Critic) -> tuple[Rows, BatchFacts]:
        """Copy the slabs, evaluate the critic, estimate advantages. The rows are valid until the next call."""
        total = sum(slab.decisions for slab in slabs)
        if self._buffer.shape[0] < total:
            self._buffer = torch.empty(total, self._buffer.shape[1])
        packed = self._buffer[:total]
        self._copy(slabs, packed.numpy())
        device = critic.head.weight.device
        rows = Rows(packed.to(device), self._obs_size, self._act_size)
        values_N = evaluate(critic, rows.observations)
        last = torch.from_numpy(np.concatenate([slab.last_observations_BO for slab in slabs]))
        finals = [self._final_values(slab, critic) for slab in slabs]
        advantages_N, returns_N = self._advantages(slabs, values_N, evaluate(critic, last.to(device)), finals)
        facts = self._facts(slabs, values_N, advantages_N, returns_N)
        columns = np.stack((normalised(advantages_N), returns_N, values_N), axis=1)
        rows.packed[:, -3:] = torch.from_numpy(columns).to(device)
        return rows, facts

    def _copy(self, slabs: Sequence[Slab], packed: FloatArray) -> None:
        start = 0
        for slab in slabs:
            part = packed[start : start + slab.decisions]
            part[:, : self._obs_size] = slab.observations_TBO.reshape(-1, self._obs_size)
            part[:, self._obs_size : -4] = slab.actions_TBA.reshape(-1, self._act_size)
            part[:, -4] = slab.log_probs_TB.reshape(-1)
            start += slab.decisions

    def _advantages(
        self,
        slabs: Sequence[Slab],
        values_N: FloatArray,
        last_values: FloatArray,
        finals: Sequence[FloatArray | None],
    ) -> tuple[FloatArray, FloatArray]:
        """GAE slab by slab, in row order. `finals`: values after the truncated decisions of each slab."""
        advantages, returns = [], []
        start = slot = 0
        for slab, final_values in zip(slabs, finals, strict=True):
            steps, slots = slab.rewards_TB.shape
            values_TB = values_N[start : start + slab.decisions].reshape(steps, slots)
            rewards_TB = slab.rewards_TB * np.float32(self._config.reward_scale)
            if final_values is not None:
                rewards_TB = with_final_values(
                    rewards_TB, values_TB, final_values, slab.terminated_TB, slab.truncated_TB, self._config.gamma
                )
            advantages_TB, returns_TB = gae(
                rewards_TB,
                values_TB,
                last_values[slot : slot + slots],
                slab.terminated_TB,
                slab.truncated_TB,
                self._config.gamma,
                self._config.gae_lambda,
            )
            advantages.append(advantages_TB.reshape(-1))
            returns.append(returns_TB.reshape(-1))
            start, slot = start + slab.decisions, slot + slots
        return np.concatenate(advantages), np.concatenate(returns)

    def _final_values(self, slab: Slab, critic: Critic) -> FloatArray | None:
        """[N] of the observations after its truncated decisions; None where there are none, or they are not known."""
        finals = slab.final_observations_NO
        if finals is None or not len(finals):
            return None
        return evaluate(critic, torch.from_numpy(finals.copy()).to(critic.head.weight.device))

    def _facts(
        self, slabs: Sequence[Slab], values_N: FloatArray, advantages_N: FloatArray, returns_N: FloatArray
    ) -> BatchFacts:
        reward = sum(float(slab.rewards_TB.sum(dtype=np.float64)) for slab in slabs)
        episodes = sum(int((slab.terminated_TB | slab.truncated_TB).sum()) for slab in slabs)
        return BatchFacts(
            explained_variance=explained_variance(values_N, returns_N),
            advantage_std=float(advantages_N.std(dtype=np.float64)),
            reward_mean=reward / len(values_N),
            episodes=episodes,
            episode_return=reward / episodes if episodes else float("nan"),
        )


def evaluate(critic: Critic, observations: Tensor) -> FloatArray:
    """V of every observation [N, obs] -> [N], on the CPU."""
    with torch.no_grad():
        values: FloatArray = torch.cat([critic(part) for part in torch.split(observations, VALUE_ROWS)]).cpu().numpy()
    return values
