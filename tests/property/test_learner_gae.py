"""Advantages against the definition, written as a plain loop in float64."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ludus.learner.gae import explained_variance, gae, normalised, with_final_values

NUMBERS = st.floats(-10, 10, width=32)


def plain(
    rewards: npt.NDArray[np.float32],
    values: npt.NDArray[np.float32],
    last: float,
    terminated: npt.NDArray[np.bool_],
    truncated: npt.NDArray[np.bool_],
    gamma: float,
    lam: float,
) -> list[float]:
    """One slot, decision by decision: A_t = Σ_k (γλ)^k δ_{t+k} up to the end of the episode."""
    advantages = []
    steps = len(rewards)
    for t in range(steps):
        total, weight = 0.0, 1.0
        for k in range(t, steps):
            following = float(values[k + 1]) if k + 1 < steps else last
            if truncated[k]:
                following = float(values[k])
            if terminated[k]:
                following = 0.0
            total += weight * (float(rewards[k]) + gamma * following - float(values[k]))
            if terminated[k] or truncated[k]:
                break
            weight *= gamma * lam
        advantages.append(total)
    return advantages


@settings(max_examples=150, deadline=None)
@given(
    data=st.data(),
    steps=st.integers(1, 12),
    slots=st.integers(1, 4),
    gamma=st.floats(0, 1),
    lam=st.floats(0, 1),
)
def test_it_is_the_discounted_sum_of_the_errors(
    data: st.DataObject, steps: int, slots: int, gamma: float, lam: float
) -> None:
    shape = (steps, slots)
    rewards, values = (data.draw(hnp.arrays(np.float32, shape, elements=NUMBERS)) for _ in range(2))
    terminated, truncated = (data.draw(hnp.arrays(np.bool_, shape)) for _ in range(2))
    last = data.draw(hnp.arrays(np.float32, slots, elements=NUMBERS))
    advantages, returns = gae(rewards, values, last, terminated, truncated, gamma, lam)
    assert (advantages.dtype, advantages.shape) == (np.float32, shape)
    for b in range(slots):
        expected = plain(rewards[:, b], values[:, b], float(last[b]), terminated[:, b], truncated[:, b], gamma, lam)
        np.testing.assert_allclose(advantages[:, b], expected, atol=2e-3, rtol=1e-4)
    np.testing.assert_allclose(returns, advantages + values, atol=1e-6)


@given(reward=NUMBERS, value=NUMBERS)
def test_nothing_comes_through_the_end_of_an_episode(reward: float, value: float) -> None:
    rewards, values = np.zeros((4, 1), np.float32), np.zeros((4, 1), np.float32)
    rewards[2:], values[2:] = reward, value
    done = np.zeros((4, 1), np.bool_)
    done[1] = True
    never = np.zeros_like(done)
    last = np.full(1, value, np.float32)
    for terminated, truncated in ((done, never), (never, done)):
        advantages, _ = gae(rewards, values, last, terminated, truncated, 0.99, 0.95)
        assert not advantages[:2].any()


def test_a_hand_calculation() -> None:
    """γ = 0.5, λ = 0.5; r = 1, 2, 4; V = 1, 1, 1, then 2. δ = 0.5, 1.5, 4; A = 0.5 + (1.5 + 4/4)/4, 1.5 + 4/4, 4."""
    rewards, values = np.array([[1], [2], [4]], np.float32), np.ones((3, 1), np.float32)
    never = np.zeros((3, 1), np.bool_)
    advantages, returns = gae(rewards, values, np.full(1, 2, np.float32), never, never, 0.5, 0.5)
    assert advantages[:, 0].tolist() == [1.125, 2.5, 4.0]
    assert returns[:, 0].tolist() == [2.125, 3.5, 5.0]


@given(hnp.arrays(np.float32, st.integers(2, 200), elements=st.floats(-1e4, 1e4, width=32)))
def test_normalised_advantages_have_mean_0_and_deviation_1(advantages: npt.NDArray[np.float32]) -> None:
    found = normalised(advantages)
    assert np.isfinite(found).all()
    if advantages.std() > 1e-3 * (1 + np.abs(advantages).max()):
        assert abs(found.mean()) < 1e-2
        assert found.std() == pytest.approx(1, abs=1e-2)


def test_explained_variance_of_a_perfect_a_constant_and_a_wrong_critic() -> None:
    returns = np.array([1, 2, 3, 4], np.float32)
    assert explained_variance(returns, returns) == 1
    assert explained_variance(np.full(4, 9, np.float32), returns) == 0
    assert explained_variance(-returns, returns) == -3
    assert explained_variance(returns, np.ones(4, np.float32)) == 0, "nothing to explain"


@settings(max_examples=80, deadline=None)
@given(data=st.data(), steps=st.integers(1, 8), slots=st.integers(1, 3), gamma=st.floats(0, 1), lam=st.floats(0, 1))
def test_truncated_decisions_are_bootstrapped_from_what_was_seen_after_them(
    data: st.DataObject, steps: int, slots: int, gamma: float, lam: float
) -> None:
    """Against each episode on its own, with V of its true last observation behind it and nothing else."""
    shape = (steps, slots)
    rewards, values, finals = (data.draw(hnp.arrays(np.float32, shape, elements=NUMBERS)) for _ in range(3))
    terminated, truncated = (data.draw(hnp.arrays(np.bool_, shape)) for _ in range(2))
    last = data.draw(hnp.arrays(np.float32, slots, elements=NUMBERS))
    corrected = with_final_values(rewards, values, finals[truncated], terminated, truncated, gamma)
    found, _ = gae(corrected, values, last, terminated, truncated, gamma, lam)
    for slot in range(slots):
        begin = 0
        for t in range(steps):
            cut = bool(truncated[t, slot] and not terminated[t, slot])
            if not (terminated[t, slot] or cut or t == steps - 1):
                continue
            part = (slice(begin, t + 1), slot)
            after = float(finals[t, slot]) if cut else float(last[slot])
            none = np.zeros(t + 1 - begin, np.bool_)
            expected = plain(rewards[part], values[part], after, terminated[part], none, gamma, lam)
            np.testing.assert_allclose(found[part], expected, rtol=1e-4, atol=1e-3)
            begin = t + 1


def test_a_golden_truncated_decision() -> None:
    """r = 1, V(s) = 10, V(what was seen) = 20, gamma = 0.5: the advantage is 1 + 0.5 * 20 - 10 = 1."""
    column = (np.ones((1, 1), np.float32), np.full((1, 1), 10, np.float32))
    ended, cut = np.zeros((1, 1), np.bool_), np.ones((1, 1), np.bool_)
    corrected = with_final_values(*column, np.array([20], np.float32), ended, cut, 0.5)
    advantages, returns = gae(corrected, column[1], np.array([-99], np.float32), ended, cut, 0.5, 0.95)
    assert (advantages[0, 0], returns[0, 0]) == (1, 11)
