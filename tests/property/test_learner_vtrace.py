"""V-trace: against its definition in float64, equal to GAE without lag, and free of the bias it is there for."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ludus.learner.gae import gae
from ludus.learner.ppo import policy_loss
from ludus.learner.vtrace import vtrace

from ..unit.learner_kit import batch, config, learner, slab

NUMBERS = st.floats(-10, 10, width=32)
RATIOS = st.floats(0.0625, 8, width=32)
Array = npt.NDArray[np.float32]


def plain(
    rewards: Array, values: Array, last: float, ended: Array, cut: Array, ratios: Array, *, gamma: float, lam: float,
    rho_max: float, trace_max: float,
) -> tuple[list[float], list[float]]:  # fmt: skip
    """One slot by the definition, v_s = V_s + Σ_t γ^{t-s} (Π_{i<t} c_i) ρ_t δ_t, each sum written out."""
    steps = len(rewards)

    def delta(t: int) -> float:
        following = float(values[t + 1]) if t + 1 < steps else last
        following = 0.0 if ended[t] else float(values[t]) if cut[t] else following
        return float(rewards[t]) + gamma * following - float(values[t])

    def correction(start: int) -> float:
        total, weight = 0.0, 1.0
        for t in range(start, steps):
            total += weight * min(rho_max, float(ratios[t])) * delta(t)
            if ended[t] or cut[t]:
                break
            weight *= gamma * lam * min(trace_max, float(ratios[t]))
        return total

    def advantage(t: int) -> float:
        over = ended[t] or cut[t] or t + 1 == steps
        return delta(t) + (0.0 if over else gamma * lam * correction(t + 1))

    return [advantage(t) for t in range(steps)], [float(values[t]) + correction(t) for t in range(steps)]


def drawn(data: st.DataObject, steps: int, slots: int) -> tuple[Array, ...]:
    shape = (steps, slots)
    rewards, values = (data.draw(hnp.arrays(np.float32, shape, elements=NUMBERS)) for _ in range(2))
    last = data.draw(hnp.arrays(np.float32, slots, elements=NUMBERS))
    ended, cut = (data.draw(hnp.arrays(np.bool_, shape)) for _ in range(2))
    return rewards, values, last, ended, cut


@settings(max_examples=100, deadline=None)
@given(
    data=st.data(), steps=st.integers(1, 10), slots=st.integers(1, 3), gamma=st.floats(0, 1), lam=st.floats(0, 1),
    rho_max=st.floats(0.5, 10), trace_max=st.floats(0.5, 2),
)  # fmt: skip
def test_it_is_the_weighted_sum_of_the_errors(
    data: st.DataObject, steps: int, slots: int, gamma: float, lam: float, rho_max: float, trace_max: float
) -> None:
    rewards, values, last, ended, cut = drawn(data, steps, slots)
    ratios = data.draw(hnp.arrays(np.float32, (steps, slots), elements=RATIOS))
    advantages, returns = vtrace(rewards, values, last, ended, cut, ratios, gamma, lam, rho_max, trace_max)
    limits = {"gamma": gamma, "lam": lam, "rho_max": rho_max, "trace_max": trace_max}
    for b in range(slots):
        columns = (rewards[:, b], values[:, b], float(last[b]), ended[:, b], cut[:, b], ratios[:, b])
        expected = plain(*columns, **limits)
        largest = max(1.0, *map(abs, itertools.chain(*expected)))
        np.testing.assert_allclose(advantages[:, b], expected[0], atol=1e-4 * largest)
        np.testing.assert_allclose(returns[:, b], expected[1], atol=1e-4 * largest)


@settings(max_examples=100, deadline=None)
@given(data=st.data(), steps=st.integers(1, 12), slots=st.integers(1, 4), gamma=st.floats(0, 1), lam=st.floats(0, 1))
def test_without_lag_it_is_gae_bit_for_bit(
    data: st.DataObject, steps: int, slots: int, gamma: float, lam: float
) -> None:
    given_ = drawn(data, steps, slots)
    ones = np.ones((steps, slots), np.float32)
    for found, expected in zip(vtrace(*given_, ones, gamma, lam, 1.0, 1.0), gae(*given_, gamma, lam), strict=True):
        assert np.array_equal(found, expected)


def test_an_update_without_lag_is_ppo_with_gae_bit_for_bit() -> None:
    """The whole transaction, several updates long: same bits with and without the correction."""
    found = []
    for correction in ("none", "vtrace"):
        state, versions, updater = learner(config(correction=correction, epochs=3, learning_rate=3e-3))
        for update in range(4):
            report = updater.update(batch(versions, update, seed=update))
            assert report.committed, report.detail
        found.append((state.remember(), report.metrics))
    assert all(torch.equal(found[0][0][name], tensor) for name, tensor in found[1][0].items())
    assert found[1][1].pop("importance_weight") == 1.0
    assert found[1][1].pop("kl_lag") == 0.0
    assert found[0][1].pop("kl_lag") < 1e-12, "rounding: there it is what the network says of the first minibatch"
    assert found[0][1] == found[1][1]


def test_with_lag_an_update_differs_and_says_how_much() -> None:
    steps = []
    for correction in ("none", "vtrace"):
        state, versions, updater = learner(config(correction=correction, learning_rate=5e-3, target_kl=1.0))
        old = slab(versions[0], 0, 77)
        for update in range(2):
            updater.update(batch(versions, update, seed=update))
        report = updater.update([old, slab(versions[2], 2, 78)])
        assert report.committed, report.detail
        steps.append((state.remember(), report.metrics))
    assert any(not torch.equal(steps[0][0][name], tensor) for name, tensor in steps[1][0].items())
    assert 0.5 < steps[1][1]["importance_weight"] < 1.0
    assert steps[0][1]["lag_max"] == steps[1][1]["lag_max"] == 2


#: Two decisions, two actions each; probabilities of action 1 in the old and in the new policy, by decision.
OLD, NEW = (0.5, 0.3), (0.8, 0.9)
REWARD = ((1.0, -2.0), (0.5, 3.0))


def expectation(rho_max: float, trace_max: float, *, corrected: bool) -> float:
    """Exact mean over the old policy's choices of the return of the first decision; λ = γ = 1, V = 0."""
    total = 0.0
    for actions in itertools.product((0, 1), repeat=2):
        chances = [[p if a else 1 - p for p, a in zip(policy, actions, strict=True)] for policy in (OLD, NEW)]
        rewards = np.array([[REWARD[t][a]] for t, a in enumerate(actions)], np.float32)
        nothing, never = np.zeros((2, 1), np.float32), np.zeros((2, 1), np.bool_)
        ended = np.array([[False], [True]])
        ratios = np.array([[new / old] for old, new in zip(*chances, strict=True)], np.float32)
        weights = ratios if corrected else np.ones_like(ratios)
        returns = vtrace(rewards, nothing, nothing[0], ended, never, weights, 1.0, 1.0, rho_max, trace_max)[1]
        total += chances[0][0] * chances[0][1] * float(returns[0, 0])
    return total


def test_the_correction_removes_the_bias_of_old_rollouts() -> None:
    """The return wanted is that of the new policy; rollouts of the old one give another, corrected ones this one."""
    truth = sum((1 - p) * r0 + p * r1 for p, (r0, r1) in zip(NEW, REWARD, strict=True))
    assert expectation(1e9, 1e9, corrected=True) == pytest.approx(truth, abs=1e-5)
    biased = expectation(1e9, 1e9, corrected=False)
    assert abs(biased - truth) > 0.5
    largest = max(new / old for new, old in zip(NEW, OLD, strict=True))
    assert expectation(largest, largest, corrected=True) == pytest.approx(truth, abs=1e-5)
    assert expectation(1.0, 1.0, corrected=True) != pytest.approx(truth, abs=0.1), "truncated: less variance, some bias"


def test_the_decoupled_loss_has_the_gradient_of_the_new_policy() -> None:
    """One decision, exact mean over the old policy's choices: with weights it is the policy gradient at the new one."""

    def gradient(weighted: bool) -> float:
        logit = torch.tensor(float(np.log(NEW[0] / (1 - NEW[0]))), requires_grad=True)
        log_new = torch.stack((torch.nn.functional.logsigmoid(-logit), torch.nn.functional.logsigmoid(logit)))
        old = torch.tensor([1 - OLD[0], OLD[0]])
        advantages = torch.tensor(REWARD[0])
        weights = (log_new.detach().exp() / old) if weighted else torch.ones(2)
        # the mean over rows that come with the old policy's frequencies
        losses = [
            policy_loss((log_new - log_new.detach())[k : k + 1], advantages[k : k + 1], 0.2, 20, weights[k : k + 1])
            for k in range(2)
        ]
        (old[0] * losses[0] + old[1] * losses[1]).backward()
        return float(logit.grad)  # type: ignore[arg-type]

    p = NEW[0]
    truth = -p * (1 - p) * (REWARD[0][1] - REWARD[0][0])
    assert gradient(weighted=True) == pytest.approx(truth, rel=1e-5)
    assert abs(gradient(weighted=False) - truth) > 0.1
