"""The slope of the objective: how it changes with what the networks say about some rows. Pure.

By hand for what training mostly uses: Gaussian and Bernoulli actions, no KL penalty. That takes a third of the
operations that autograd needs for the same numbers, and what is not covered is left to it. n rows.
"""

from __future__ import annotations

import math
from dataclasses import fields
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ..kernel.config import LearnerConfig
from .objective import Outputs, Scales, Terms, objective
from .rows import Rows

_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


class Slopes(NamedTuple):
    """Gradients of the sum of the rows' losses, and sums of what is watched."""

    means: Tensor
    """[n, C]"""
    log_std: Tensor
    """[C]"""
    logits: Tensor
    """[n, K]"""
    values: Tensor
    """[n]"""
    sums: Tensor
    """[4]: the fields of `Terms`, summed over the rows"""


def slopes(config: LearnerConfig, scales: Scales, outputs: Outputs, rows: Rows) -> Slopes:
    """The derivative of `len(rows) * objective(...)` with respect to the outputs, which carry no gradient."""
    discrete_entropy = config.entropy_coefficient and outputs.logits.shape[1]
    if outputs.categorical or rows.reference_size or discrete_entropy:
        return _by_autograd(config, scales, outputs, rows)
    return _by_hand(config, scales, outputs, rows)


def _by_autograd(config: LearnerConfig, scales: Scales, outputs: Outputs, rows: Rows) -> Slopes:
    given = (outputs.means, outputs.log_std, outputs.logits, outputs.values)
    means, log_std, logits, values = leaves = [one.detach().requires_grad_() for one in given]
    with torch.enable_grad():
        leaf_outputs = Outputs(means, log_std, logits, values, outputs.categorical)
        loss, terms = objective(config, scales, leaf_outputs, rows)
        means, log_std, logits, values = torch.autograd.grad(loss * len(rows), leaves, materialize_grads=True)
    sums = values.new_tensor([getattr(terms, one.name) * len(rows) for one in fields(Terms)])
    return Slopes(means, log_std, logits, values, sums)


def _by_hand(config: LearnerConfig, scales: Scales, outputs: Outputs, rows: Rows) -> Slopes:
    """d log p / d μ = z / σ,  / d log σ = z² − 1,  / d logit = b − sigmoid(logit), with z = (a − μ) / σ."""
    log_std, continuous = outputs.log_std, outputs.means.shape[1]
    binary, precision = rows.actions[:, continuous:], (-log_std).exp()
    standard = (rows.actions[:, :continuous] - outputs.means) * precision
    square = standard.square()
    log_probs = square.sum(1).mul_(-0.5).sub_(log_std.sum() + continuous * _HALF_LOG_TWO_PI)
    if binary.shape[1]:
        log_probs += (binary * outputs.logits - F.softplus(outputs.logits)).sum(1)
    by_log_prob, policy_loss = _policy(config, log_probs - rows.proximal_log_probs, rows)
    by_value, value_loss = _value(config, scales, outputs.values, rows)
    log_ratio = log_probs.sub_(rows.log_probs)
    kl = torch.expm1(log_ratio).sub_(log_ratio).sum()
    by_log_std = torch.mv(square.t(), by_log_prob) - by_log_prob.sum()
    column = by_log_prob.unsqueeze(1)
    return Slopes(
        means=standard.mul_(precision).mul_(column),
        log_std=by_log_std - config.entropy_coefficient * len(rows),
        logits=(binary - outputs.logits.sigmoid()).mul_(column) if binary.shape[1] else outputs.logits,
        values=by_value,
        sums=torch.stack((policy_loss, value_loss, kl, torch.zeros_like(kl))),
    )


def _policy(config: LearnerConfig, log_ratio: Tensor, rows: Rows) -> tuple[Tensor, Tensor]:
    """d loss / d log p [n], and the sum of the losses: see `ppo.policy_loss`."""
    limit, advantages = config.log_ratio_clamp, rows.advantages
    ratio = log_ratio.clamp(-limit, limit).exp_()
    gain, clipped = ratio * advantages, ratio.clamp(1 - config.clip, 1 + config.clip).mul_(advantages)
    # where the clipped gain is the smaller one, or the log ratio was clamped, nothing depends on the policy
    flat = (clipped < gain).logical_or_(log_ratio.abs() > limit)
    slope = gain.masked_fill(flat, 0.0).neg_()
    gains = torch.minimum(gain, clipped)
    if rows.corrected:
        slope, gains = slope * rows.weights, gains * rows.weights
    return slope, -gains.sum()


def _value(config: LearnerConfig, scales: Scales, values: Tensor, rows: Rows) -> tuple[Tensor, Tensor]:
    """d loss / d value [n], and the sum of the errors: see `ppo.value_loss`."""
    slope = values - rows.returns
    squares = slope.square()
    if config.value_clip > 0:
        moved = values - rows.values
        near = rows.values + moved.clamp(-config.value_clip, config.value_clip)
        far = (near - rows.returns).square_()
        slope = slope.masked_fill((far > squares).logical_and_(moved.abs_() > config.value_clip), 0.0)
        squares = torch.maximum(squares, far)
    return slope.mul_(config.value_coefficient / scales.returns**2), squares.sum() * (0.5 / scales.returns**2)
