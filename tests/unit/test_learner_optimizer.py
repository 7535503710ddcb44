"""Adam, gradient clipping and the schedule against torch and against the formulas."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ludus.learner.optimizer import FlatAdam, learning_rate

from .learner_kit import config


def twins() -> tuple[nn.Sequential, nn.Sequential]:
    made = []
    for _ in range(2):
        torch.manual_seed(4)
        made.append(nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3)))
    return made[0], made[1]


def test_it_takes_the_same_steps_as_torch() -> None:
    flat, reference = twins()
    ours = FlatAdam([list(flat.parameters())], 1e-5)
    theirs = torch.optim.Adam(reference.parameters(), lr=1.0, eps=1e-5)
    generator = torch.Generator().manual_seed(1)
    for update in range(20):
        rate = 0.01 / (1 + update)
        x = torch.randn(6, 5, generator=generator)
        ours.zero_gradient()
        theirs.zero_grad()
        for network in (flat, reference):
            network(x).square().mean().backward()
        norm = ours.clip(0.5, apart=False)
        expected = torch.nn.utils.clip_grad_norm_(reference.parameters(), 0.5)
        assert norm == pytest.approx(expected.item(), rel=1e-5)
        ours.step(rate)
        theirs.param_groups[0]["lr"] = rate
        theirs.step()
    for mine, other in zip(flat.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(mine, other, atol=1e-6, rtol=1e-5)


def test_groups_are_clipped_apart_or_together() -> None:
    first, second = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
    optimizer = FlatAdam([[first], [second]], 1e-5)

    def clipped(apart: bool) -> list[float]:
        optimizer.gradient.copy_(torch.tensor([3.0, 0.4]))
        assert optimizer.clip(0.5, apart=apart) == pytest.approx(9.16**0.5)
        return optimizer.gradient.tolist()

    assert clipped(True) == pytest.approx([0.5, 0.4], abs=1e-5), "the small one keeps its length"
    assert clipped(False) == pytest.approx([0.5 * 3 / 9.16**0.5, 0.5 * 0.4 / 9.16**0.5], abs=1e-5)


def test_a_group_that_does_not_move_keeps_its_moments_up() -> None:
    first, second = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(3))
    optimizer = FlatAdam([[first], [second]], 1e-5)
    optimizer.gradient.fill_(0.5)
    optimizer.step(0.1, optimizer.groups[1:])
    assert torch.equal(first, torch.ones(2))
    torch.testing.assert_close(second.detach(), torch.full((3,), 0.9), atol=1e-5, rtol=0)
    torch.testing.assert_close(optimizer.mean, torch.full((5,), 0.05))
    torch.testing.assert_close(optimizer.square, torch.full((5,), 0.00025))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_shows_in_the_norm(bad: float) -> None:
    parameter = nn.Parameter(torch.zeros(3))
    optimizer = FlatAdam([[parameter]], 1e-5)
    optimizer.gradient[1] = bad
    assert not optimizer.clip(0.5, apart=True) < float("inf")


def test_the_rate_rises_over_the_warm_up_and_falls_to_the_final_share() -> None:
    learner = config(learning_rate=1e-2, learning_rate_warmup_updates=4, learning_rate_final_ratio=0.1).learner
    rates = [learning_rate(learner, update, 101) for update in range(101)]
    assert rates[0] == pytest.approx(1e-2 / 5)
    assert rates[4] == pytest.approx(1e-2 * (1 - 0.9 * 0.04)), "warmed up: only the decay is left"
    assert rates[50] == pytest.approx(1e-2 * 0.55)
    assert rates[100] == pytest.approx(1e-3)
    assert learning_rate(learner, 500, 101) == pytest.approx(1e-3), "never below"
    assert all(rate > 0 for rate in rates)
    assert learning_rate(learner, 0, 1) > 0, "a run of one update"
