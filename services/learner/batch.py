"""Slabs -> packed rows with values, advantages and returns, and what is known about them beforehand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from ..kernel.config import LearnerConfig
from . import passes
from .crew import Crew, Task
from .gae import FloatArray, explained_variance, gae, normalised, with_final_values
from .rows import Rows
from .slab import Slab
from .state import State
from .vtrace import vtrace


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
    importance_weight: float = math.nan
    """mean truncated weight of rollouts of older versions; NaN without a correction"""
    rnd_reward: float = math.nan
    """mean intrinsic reward per decision; NaN without RND"""


class Batcher:
    """Builds batches; keeps its buffer from one to the next. `state` is the live one."""

    def __init__(self, config: LearnerConfig, state: State, crew: Crew) -> None:
        self._config = config
        self._crew = crew
        self._state = state
        architecture = state.architecture
        penalty = bool(config.kl_penalty.coefficient)
        self._obs_size, self._act_size = architecture.obs_size, architecture.act_size
        self._reference_size = architecture.continuous + architecture.head_size if penalty else 0
        self._corrected = config.correction == "vtrace"
        width = self._obs_size + self._act_size + self._reference_size + (6 if self._corrected else 4)
        self._buffer = torch.empty(0, width)

    def build(self, slabs: Sequence[Slab]) -> tuple[Rows, BatchFacts]:
        """Copy the slabs, evaluate the critic, estimate advantages. The rows are valid until the next call.

        Statistics of the state's normaliser and RND take the batch in.
        """
        state, config = self._state, self._config
        rows = self._pack(slabs)
        state.normaliser.see_observations(rows.observations, state.actor, state.critic)
        values_N, last_values, ratios_N = self._look(slabs, rows)
        rewards = [slab.rewards_TB * np.float32(config.reward_scale) for slab in slabs]
        bonuses = self._bonuses(slabs) if state.rnd is not None else []
        rewards = [reward + bonus for reward, bonus in zip(rewards, bonuses, strict=True)] if bonuses else rewards
        advantages_N, returns_N = self._advantages(slabs, rewards, values_N, last_values, ratios_N)
        state.normaliser.see_returns(torch.from_numpy(returns_N), state.critic)
        facts = self._facts(slabs, values_N, advantages_N, returns_N)
        if self._corrected:
            facts = replace(facts, importance_weight=float(rows.weights.mean()))
        if bonuses:
            facts = replace(facts, rnd_reward=float(np.concatenate(bonuses, axis=None).mean()))
        scaled_N = normalised(advantages_N)
        if config.advantage_clip:
            scaled_N = scaled_N.clip(-config.advantage_clip, config.advantage_clip)
        columns = np.stack((scaled_N, returns_N, values_N), axis=1)
        rows.packed[:, -3:] = torch.from_numpy(columns).to(rows.packed.device)
        if rows.reference_size:
            rows.reference.copy_(
                passes.distribution_columns(state.reference or state.actor, rows.observations, self._crew)
            )
        return rows, facts

    def _pack(self, slabs: Sequence[Slab]) -> Rows:
        """The slabs' own columns; the others are filled in later."""
        packed = self.room(sum(slab.decisions for slab in slabs))
        self._copy(slabs, packed.numpy())
        return self.rows(packed)

    def room(self, total: int) -> torch.Tensor:
        """For so many packed rows, on the CPU; valid until the next call."""
        if self._buffer.shape[0] < total:
            self._buffer = torch.empty(total, self._buffer.shape[1])
        return self._buffer[:total]

    def rows(self, packed: torch.Tensor) -> Rows:
        """Packed rows with names, where the networks are."""
        device = self._state.critic.head.weight.device
        return Rows(packed.to(device), self._obs_size, self._act_size, self._reference_size, self._corrected)

    def _copy(self, slabs: Sequence[Slab], packed: FloatArray) -> None:
        start = 0
        for slab in slabs:
            part = packed[start : start + slab.decisions]
            part[:, : self._obs_size] = slab.observations_TBO.reshape(-1, self._obs_size)
            part[:, self._obs_size : self._obs_size + self._act_size] = slab.actions_TBA.reshape(-1, self._act_size)
            part[:, -4] = slab.log_probs_TB.reshape(-1)
            start += slab.decisions

    def _bonuses(self, slabs: Sequence[Slab]) -> list[FloatArray]:
        """Intrinsic rewards [T, B] per slab, for the observation a decision led to; none where an episode ended."""
        rnd = self._state.rnd
        assert rnd is not None
        found = []
        for slab in slabs:
            after = np.concatenate((slab.observations_TBO[1:], slab.last_observations_BO[None]))
            bonus: FloatArray = rnd.rewards(torch.from_numpy(after.reshape(-1, self._obs_size))).numpy()
            ended = slab.terminated_TB | slab.truncated_TB
            found.append(np.where(ended, np.float32(0), bonus.reshape(ended.shape)))
        return found

    def _look(self, slabs: Sequence[Slab], rows: Rows) -> tuple[FloatArray, FloatArray, FloatArray | None]:
        """Values [N] of the rows, and of what each slot saw last; with a correction its ratios [N], see `_correct`."""
        state, device = self._state, rows.packed.device
        last = torch.from_numpy(np.concatenate([slab.last_observations_BO for slab in slabs])).to(device)
        found, last_found = (torch.empty(len(seen), device=device) for seen in (rows, last))
        tasks = passes.values(state.critic, rows.observations, found) + passes.values(state.critic, last, last_found)
        if self._corrected:
            tasks += self._proximal(slabs, rows)
        self._crew.run(tasks)
        ratios_N = self._correct(rows) if self._corrected else None
        return passes.numbers(found), passes.numbers(last_found), ratios_N

    def _proximal(self, slabs: Sequence[Slab], rows: Rows) -> list[Task]:
        """Tasks that fill the column of proximal log-probabilities.

        What the newest version played needs none: its own log-probabilities are those it was stamped with.
        """
        rows.packed[:, -6] = rows.log_probs
        tasks, start = [], 0
        for slab in slabs:
            part = slice(start, start + slab.decisions)
            start += slab.decisions
            if slab.behaviour.step != self._state.counters.step:
                made = rows.cut(part)
                tasks += passes.log_probs(self._state.actor, made.observations, made.actions, made.proximal_log_probs)
        return tasks

    def _correct(self, rows: Rows) -> FloatArray:
        """Fill the column of weights; returns proximal over behaviour probability [N]."""
        ratios_N = (rows.proximal_log_probs - rows.log_probs).exp()
        rows.packed[:, -5] = ratios_N.clamp_max(self._config.vtrace.rho_max)
        return passes.numbers(ratios_N)

    def _advantages(
        self,
        slabs: Sequence[Slab],
        rewards: Sequence[FloatArray],
        values_N: FloatArray,
        last_values: FloatArray,
        ratios_N: FloatArray | None,
    ) -> tuple[FloatArray, FloatArray]:
        """Slab by slab, in row order: GAE, or V-trace where there are importance ratios."""
        config, advantages, returns = self._config, [], []
        start = slot = 0
        for slab, rewards_TB in zip(slabs, rewards, strict=True):
            shape, end = rewards_TB.shape, start + slab.decisions
            values_TB, last_B = values_N[start:end].reshape(shape), last_values[slot : slot + shape[1]]
            ends = (slab.terminated_TB, slab.truncated_TB)
            if (final_values := self._final_values(slab)) is not None:
                rewards_TB = with_final_values(rewards_TB, values_TB, final_values, *ends, config.gamma)
            common = (rewards_TB, values_TB, last_B, *ends)
            if ratios_N is None:
                estimated = gae(*common, config.gamma, config.gae_lambda)
            else:
                limits = (config.vtrace.rho_max, config.vtrace.trace_max)
                ratios_TB = ratios_N[start:end].reshape(shape)
                estimated = vtrace(*common, ratios_TB, config.gamma, config.gae_lambda, *limits)
            advantages.append(estimated[0].reshape(-1))
            returns.append(estimated[1].reshape(-1))
            start, slot = end, slot + shape[1]
        return np.concatenate(advantages), np.concatenate(returns)

    def _final_values(self, slab: Slab) -> FloatArray | None:
        """[N] of the observations after its truncated decisions; None where there are none, or they are not known."""
        finals = slab.final_observations_NO
        if finals is None or not len(finals):
            return None
        critic = self._state.critic
        return passes.evaluate(critic, torch.from_numpy(finals.copy()).to(critic.head.weight.device), self._crew)

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
