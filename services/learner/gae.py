"""Generalised advantage estimation.

Schulman et al., "High-Dimensional Continuous Control Using Generalized Advantage Estimation", 2016, arXiv:1506.02438.
Shapes: T decisions, B match slots, time-major. Episodes follow one another inside a slot (auto-reset).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]


def gae(
    rewards_TB: FloatArray,
    values_TB: FloatArray,
    last_values_B: FloatArray,
    terminated_TB: BoolArray,
    truncated_TB: BoolArray,
    gamma: float,
    gae_lambda: float,
) -> tuple[FloatArray, FloatArray]:
    """Advantages [T, B] and returns [T, B] = advantages + values.

    δ_t = r_t + γ V(s_{t+1}) − V(s_t);  A_t = δ_t + γ λ A_{t+1} (equations 11 and 16).
    `last_values_B` is V of the observation after the last decision. A terminated decision has no future:
    V(s_{t+1}) = 0. A truncated one has a future, but its successor was replaced by the first observation of the next
    episode; V(s_t) stands in for V(s_{t+1}), which is exact up to one step of change, and exact with rewards from
    `with_final_values`. Neither lets anything through from the next episode.
    """
    steps = rewards_TB.shape[0]
    next_values_TB = np.concatenate((values_TB[1:], last_values_B[None]))
    next_values_TB = np.where(truncated_TB, values_TB, next_values_TB)
    next_values_TB = np.where(terminated_TB, np.float32(0), next_values_TB)
    deltas_TB = rewards_TB + np.float32(gamma) * next_values_TB - values_TB
    decay_TB = np.where(terminated_TB | truncated_TB, np.float32(0), np.float32(gamma * gae_lambda))
    advantages_TB = np.empty_like(deltas_TB)
    running_B = np.zeros_like(last_values_B)
    for t in range(steps - 1, -1, -1):
        running_B = deltas_TB[t] + decay_TB[t] * running_B
        advantages_TB[t] = running_B
    return advantages_TB, advantages_TB + values_TB


def with_final_values(
    rewards_TB: FloatArray,
    values_TB: FloatArray,
    final_values_N: FloatArray,
    terminated_TB: BoolArray,
    truncated_TB: BoolArray,
    gamma: float,
) -> FloatArray:
    """Rewards [T, B] with which `gae` bootstraps truncated decisions from what was really seen after them.

    `final_values_N` are V of those observations, in the order of `truncated_TB`. γ (V(s_{t+1}) − V(s_t)) is added, so
    that V(s_t) cancels out of δ_t. A decision that is terminated too has no future.
    """
    corrected_TB = rewards_TB.copy()
    difference_N = np.float32(gamma) * (final_values_N - values_TB[truncated_TB])
    corrected_TB[truncated_TB] += np.where(terminated_TB[truncated_TB], np.float32(0), difference_N)
    return corrected_TB


def normalised(advantages: FloatArray) -> FloatArray:
    """Mean 0 and standard deviation 1 over the whole batch."""
    centred = advantages - advantages.mean(dtype=np.float64).astype(np.float32)
    scaled: FloatArray = centred / (centred.std(dtype=np.float64).astype(np.float32) + np.float32(1e-8))
    return scaled


def explained_variance(values: FloatArray, returns: FloatArray) -> float:
    """1 − Var(returns − values) / Var(returns): 1 is a perfect critic, 0 one that knows the mean only."""
    variance = float(returns.var(dtype=np.float64))
    return 1.0 - float((returns - values).var(dtype=np.float64)) / variance if variance > 0 else 0.0
