"""The loss, number by number."""

from __future__ import annotations

import math

import pytest
import torch

from ludus.learner import ppo


def tensor(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_the_policy_loss_is_the_clipped_surrogate() -> None:
    ratios, advantages = tensor(1.5, 1.5, 0.5, 0.5, 1.1), tensor(1, -1, 1, -1, 2)
    # min(r A, clip(r, 0.8, 1.2) A): 1.2, -1.5, 0.5, -0.8, 2.2
    loss = ppo.policy_loss(ratios.log(), advantages, 0.2, 20.0)
    assert loss.item() == pytest.approx(-(1.2 - 1.5 + 0.5 - 0.8 + 2.2) / 5)


def test_rows_beyond_the_clip_give_no_gradient() -> None:
    log_ratio = tensor(math.log(1.5), math.log(1.1)).requires_grad_()
    ppo.policy_loss(log_ratio, tensor(1, 1), 0.2, 20.0).backward()
    assert log_ratio.grad is not None
    assert log_ratio.grad.tolist() == pytest.approx([0, -1.1 / 2])


def test_an_absurd_log_ratio_cannot_overflow_the_loss() -> None:
    log_ratio = torch.tensor([1e4, 0.0], requires_grad=True)
    loss = ppo.policy_loss(log_ratio, torch.tensor([-1.0, 1.0]), 0.2, 20.0)
    loss.backward()
    assert torch.isfinite(loss)
    assert log_ratio.grad is not None
    assert torch.isfinite(log_ratio.grad).all()


def test_the_value_loss_with_and_without_clipping() -> None:
    values, returns, old = tensor(2.0, 0.0), tensor(1.0, 1.0), tensor(0.0, 0.1)
    assert ppo.value_loss(values, returns, old, 0.0).item() == pytest.approx(0.5 * (1 + 1) / 2)
    # clipped to within 0.5 of the old value: 0.5 and 0.0; the worse error counts: max(1, 0.25), max(1, 1)
    assert ppo.value_loss(values, returns, old, 0.5).item() == pytest.approx(0.5 * (1 + 1) / 2)
    # far above and clipped: the error that counts is the larger, unclipped or clipped
    assert ppo.value_loss(tensor(1.0), tensor(1.0), tensor(0.0), 0.2).item() == pytest.approx(0.5 * 0.64)


@pytest.mark.parametrize(("kl", "safe"), [(0.04, True), (0.05, False), (math.nan, False), (math.inf, False)])
def test_the_kl_limit_also_stops_on_nan(kl: float, safe: bool) -> None:
    assert ppo.is_safe(kl, 0.05) is safe
