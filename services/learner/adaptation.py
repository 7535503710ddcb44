"""Coefficients that follow the measured KL. Pure functions.

Both are written so that a KL that is not a number counts as too large.
"""

from __future__ import annotations

from ..kernel.toolbox import AdaptiveRateConfig, KlPenaltyConfig

KL_FACTOR = 1.5


def penalty_coefficient(config: KlPenaltyConfig, coefficient: float, update: int) -> float:
    """β of update number `update` (from 0) since the warm-up began: a linear rise to the whole `coefficient`."""
    return coefficient * min(1.0, (update + 1) / (config.warmup_updates + 1))


def next_penalty_coefficient(config: KlPenaltyConfig, coefficient: float, kl: float) -> float:
    """× 1.5 above 1.5 × target, ÷ 1.5 below half of it, within the limits.

    After Schulman et al., "Proximal Policy Optimization Algorithms", 2017, arXiv:1707.06347, section 4, with 1.5 in the
    place of 2.
    """
    if not kl <= 1.5 * config.target:
        return min(coefficient * KL_FACTOR, config.max_coefficient)
    if kl < 0.5 * config.target:
        return max(coefficient / KL_FACTOR, config.min_coefficient)
    return coefficient


def next_rate_factor(config: AdaptiveRateConfig, factor: float, kl: float) -> float:
    """Slower above twice the target, faster below half of it, within the limits.

    Rudin et al., "Learning to Walk in Minutes Using Massively Parallel Deep Reinforcement Learning", 2021,
    arXiv:2109.11978, appendix.
    """
    if not kl <= 2.0 * config.target:
        return max(factor / config.factor, config.min_ratio)
    if kl < 0.5 * config.target:
        return min(factor * config.factor, config.max_ratio)
    return factor
