"""Returns and advantages from rollouts of older versions.

Espeholt et al., "IMPALA: Scalable Distributed Deep-RL with Importance Weighted Actor-Learner Architectures", 2018,
arXiv:1802.01561, equation 1, with λ in the trace as in its remark 2. Shapes as in `gae`: T decisions, B match slots.
"""

from __future__ import annotations

import numpy as np

from .gae import BoolArray, FloatArray


def vtrace(
    rewards_TB: FloatArray,
    values_TB: FloatArray,
    last_values_B: FloatArray,
    terminated_TB: BoolArray,
    truncated_TB: BoolArray,
    ratios_TB: FloatArray,
    gamma: float,
    gae_lambda: float,
    rho_max: float,
    trace_max: float,
) -> tuple[FloatArray, FloatArray]:
    """Advantages [T, B] and returns [T, B] under the policy that learns. `ratios_TB` = π(a|s) / behaviour(a|s).

    With ρ = min(ρ̄, ratio) and c = min(c̄, ratio): the correction of a value is Δ_t = ρ_t δ_t + γ λ c_t Δ_{t+1}, a return
    V_t + Δ_t. An advantage is that of an action already taken, A_t = δ_t + γ λ Δ_{t+1}: its own weight belongs to the
    loss. Ratios of 1 give the numbers of `gae` bit for bit. Ends of episodes are those of `gae`.
    """
    next_values_TB = np.concatenate((values_TB[1:], last_values_B[None]))
    next_values_TB = np.where(truncated_TB, values_TB, next_values_TB)
    next_values_TB = np.where(terminated_TB, np.float32(0), next_values_TB)
    deltas_TB = rewards_TB + np.float32(gamma) * next_values_TB - values_TB
    decay_TB = np.where(terminated_TB | truncated_TB, np.float32(0), np.float32(gamma * gae_lambda))
    rho_TB = np.minimum(ratios_TB, np.float32(rho_max))
    trace_TB = np.minimum(ratios_TB, np.float32(trace_max))
    advantages_TB, returns_TB = np.empty_like(deltas_TB), np.empty_like(deltas_TB)
    running_B = np.zeros_like(last_values_B)
    for t in range(rewards_TB.shape[0] - 1, -1, -1):
        following_B = decay_TB[t] * running_B
        advantages_TB[t] = deltas_TB[t] + following_B
        running_B = rho_TB[t] * deltas_TB[t] + trace_TB[t] * following_B
        returns_TB[t] = running_B + values_TB[t]
    return advantages_TB, returns_TB
