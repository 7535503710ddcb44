"""The slope of the objective by hand is autograd's, in double precision, wherever the objective bends."""

from __future__ import annotations

import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ludus.learner.objective import Outputs, Scales, objective
from ludus.learner.rows import Rows
from ludus.learner.slopes import of_policy, of_value

from ..unit.learner_kit import config

OBS, ROWS = 2, 37


def made(seed: int, continuous: int, binary: int, corrected: bool, spread: float) -> tuple[Rows, Outputs]:
    """Double-precision rows whose ratios are on both sides of every limit, and what networks might say about them."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    actions = continuous + binary
    packed = normal(ROWS, OBS + actions + (6 if corrected else 4))
    rows = Rows(packed, OBS, actions, corrected=corrected)
    rows.actions[:, continuous:] = (rows.actions[:, continuous:] > 0).double()
    outputs = Outputs(normal(ROWS, continuous), 0.3 * normal(continuous), normal(ROWS, binary), normal(ROWS))
    near = -continuous * (0.5 + 0.5 * math.log(2 * math.pi)) - 0.8 * binary
    rows.proximal_log_probs.mul_(spread).add_(near)
    rows.log_probs.mul_(spread).add_(0.0 if not corrected else near)
    if corrected:
        rows.weights.abs_()
    return rows, outputs


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000), continuous=st.integers(0, 3), binary=st.integers(0, 2), corrected=st.booleans(),
    value_clip=st.sampled_from([0.0, 0.5]), entropy=st.sampled_from([0.0, 0.02]), spread=st.sampled_from([0.05, 1.5]),
    log_ratio_clamp=st.sampled_from([0.5, 20.0]), returns=st.sampled_from([1.0, 3.0]),
)  # fmt: skip
def test_it_is_autograds(
    seed: int, continuous: int, binary: int, corrected: bool, value_clip: float, entropy: float, spread: float,
    log_ratio_clamp: float, returns: float,
) -> None:  # fmt: skip
    learner = config(value_clip=value_clip, entropy_coefficient=entropy, log_ratio_clamp=log_ratio_clamp).learner
    scales = Scales(returns=returns)
    rows, outputs = made(seed, continuous, max(binary, 1 - continuous), corrected, spread)
    leaves = [one.clone().requires_grad_() for one in (outputs.means, outputs.log_std, outputs.logits, outputs.values)]
    loss, terms = objective(learner, scales, Outputs(leaves[0], leaves[1], leaves[2], leaves[3]), rows)
    means, log_std, logits, values = torch.autograd.grad(loss, leaves, materialize_grads=True)
    with torch.no_grad():
        actor, critic = of_policy(learner, scales, outputs, rows), of_value(learner, scales, outputs.values, rows)
    assert actor.log_std is not None
    assert critic.log_std is None
    pairs = ((actor.outputs, torch.cat((means, logits), 1)), (actor.log_std, log_std), (critic.outputs[:, 0], values))
    for one, other in pairs:
        assert torch.allclose(one / ROWS, other, rtol=1e-9, atol=1e-12)
    watched = torch.tensor([terms.policy_loss, terms.value_loss, terms.kl, terms.kl_penalty], dtype=torch.float64)
    assert torch.allclose((actor.sums + critic.sums) / ROWS, watched, rtol=1e-9, atol=1e-12)
