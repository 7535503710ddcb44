"""The slope of the objective: how it changes with what the networks say about some rows. Pure.

By hand for what training mostly uses: Gaussian and Bernoulli actions, no KL penalty. That takes a third of the
operations that autograd needs for the same numbers, and what is not covered is left to it. n rows.
"""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ..kernel.config import LearnerConfig
from ..play.scripting import scripted
from .objective import Outputs, Scales, Terms, objective
from .rows import Rows


class Slopes(NamedTuple):
    """Of the sum of the rows' losses with respect to what one network says, and sums of what is watched."""

    outputs: Tensor
    """[n, C + K] of means and logits, or [n, 1] of values"""
    sums: Tensor
    """[4]: the fields of `Terms`, summed over the rows; zero where they are the other network's"""
    log_std: Tensor | None = None
    """[C] of the actor's"""


def of_policy(config: LearnerConfig, scales: Scales, outputs: Outputs, rows: Rows) -> Slopes:
    """The derivative of `len(rows) * objective(...)` with respect to what the actor says, which carries no gradient."""
    discrete_entropy = config.entropy_coefficient and outputs.logits.shape[1]
    if outputs.categorical or rows.reference_size or discrete_entropy:
        return _by_autograd(config, scales, outputs, rows)
    columns = rows.outcomes()
    return Slopes(
        *_policy(
            (outputs.means, outputs.log_std, outputs.logits),
            (columns.actions, columns.proximal_log_probs, columns.advantages),
            columns.weights if rows.corrected else None,
            (config.clip, config.log_ratio_clamp),
            config.entropy_coefficient,
        )
    )


def of_value(config: LearnerConfig, scales: Scales, values: Tensor, rows: Rows) -> Slopes:
    """The same with respect to what the critic says, [n]."""
    unit = scales.returns**-2
    known = (rows.returns, rows.values)
    return Slopes(*_value(values, known, config.value_clip, config.value_coefficient * unit, unit))


def _by_autograd(config: LearnerConfig, scales: Scales, outputs: Outputs, rows: Rows) -> Slopes:
    means, log_std, logits = leaves = [
        one.detach().requires_grad_() for one in (outputs.means, outputs.log_std, outputs.logits)
    ]
    with torch.enable_grad():
        leaf_outputs = Outputs(means, log_std, logits, outputs.values, outputs.categorical)
        loss, terms = objective(config, scales, leaf_outputs, rows)
        means, log_std, logits = torch.autograd.grad(loss * len(rows), leaves, materialize_grads=True)
    terms = replace(terms, value_loss=0.0)
    sums = means.new_tensor([getattr(terms, one.name) * len(rows) for one in fields(Terms)])
    return Slopes(torch.cat((means, logits), 1), sums, log_std)


def _clipped(
    log_ratio: Tensor, advantages: Tensor, weights: Tensor | None, clip: float, limit: float
) -> tuple[Tensor, Tensor]:
    """d loss / d log p [n], and the sum of the losses: see `ppo.policy_loss`."""
    ratio = log_ratio.clamp(-limit, limit).exp_()
    gain, clipped = ratio * advantages, ratio.clamp(1 - clip, 1 + clip).mul_(advantages)
    # where the clipped gain is the smaller one, or the log ratio was clamped, nothing depends on the policy
    flat = (clipped < gain).logical_or_(log_ratio.abs() > limit)
    slope = gain.masked_fill(flat, 0.0).neg_()
    gains = torch.minimum(gain, clipped)
    if weights is not None:
        slope, gains = slope * weights, gains * weights
    return slope, -gains.sum()


@scripted
def _value(
    values: Tensor, known: tuple[Tensor, Tensor], clip: float, coefficient: float, unit: float
) -> tuple[Tensor, Tensor]:
    """d loss / d value [n, 1], and the sums: see `ppo.value_loss`."""
    returns, old_values = known
    slope = values - returns
    squares = slope.square()
    if clip > 0:
        moved = values - old_values
        near = old_values + moved.clamp(-clip, clip)
        far = (near - returns).square_()
        slope = slope.masked_fill((far > squares).logical_and_(moved.abs_() > clip), 0.0)
        squares = torch.maximum(squares, far)
    loss = squares.sum() * (0.5 * unit)
    nothing = torch.zeros_like(loss)
    return slope.mul_(coefficient).unsqueeze(1), torch.stack((nothing, loss, nothing, nothing))


@scripted
def _policy(
    said: tuple[Tensor, Tensor, Tensor],
    known: tuple[Tensor, Tensor, Tensor],
    weights: Tensor | None,
    limits: tuple[float, float],
    entropy_coefficient: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """The fields of `Slopes`.

    d log p / d μ = z / σ,  / d log σ = z² − 1,  / d logit = b − sigmoid(logit), with z = (a − μ) / σ.
    """
    means, log_std, logits = said
    actions, proximal_log_probs, advantages = known
    clip, log_ratio_clamp = limits
    continuous = means.shape[1]
    binary, precision = actions[:, continuous:], (-log_std).exp()
    standard = (actions[:, :continuous] - means) * precision
    square = standard.square()
    log_probs = square.sum(1).mul_(-0.5).sub_(log_std.sum() + continuous * 0.5 * math.log(2 * math.pi))
    if binary.shape[1]:
        log_probs += (binary * logits - F.softplus(logits)).sum(1)
    log_ratio = log_probs.sub_(proximal_log_probs)
    by_log_prob, loss = _clipped(log_ratio, advantages, weights, clip, log_ratio_clamp)
    distance = torch.expm1(log_ratio).sub_(log_ratio)
    kl = (distance if weights is None else distance.mul_(weights)).sum()
    by_log_std = torch.mv(square.t(), by_log_prob) - by_log_prob.sum() - entropy_coefficient * len(means)
    column = by_log_prob.unsqueeze(1)
    by_outputs = standard.mul_(precision).mul_(column)
    if binary.shape[1]:
        by_outputs = torch.cat((by_outputs, (binary - logits.sigmoid()).mul_(column)), 1)
    nothing = torch.zeros_like(kl)
    return by_outputs, torch.stack((loss, nothing, kl, nothing)), by_log_std
