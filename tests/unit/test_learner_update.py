"""An update is a transaction: it ends in a committed version, or in exactly the state it began with."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from ludus.learner import ppo
from ludus.learner.account import Progress
from ludus.learner.objective import Scales
from ludus.learner.reference import WrongReference
from ludus.learner.rows import Rows
from ludus.learner.state import State, Versions
from ludus.learner.update import Updater
from ludus.play import distribution
from ludus.play.network import Actor

from .learner_kit import batch, config, learner, slab


def snapshot(state: State) -> dict[str, torch.Tensor]:
    return state.remember()


def same(state: State, before: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(tensor, before[name]) for name, tensor in state.tensors().items())


def test_a_committed_update_counts_moves_and_improves() -> None:
    run = config(learning_rate=3e-3, epochs=4)
    state, versions, updater = learner(run)
    rewards = []
    for update in range(12):
        report = updater.update(batch(versions, update, seed=update))
        assert report.committed, report.detail
        assert state.counters.step == update + 1
        assert report.metrics["ratio_error_max"] < 1e-5, "fresh rollouts: the ratio is 1"
        rewards.append(report.metrics["reward_mean"])
    assert state.counters.decisions == 12 * 256
    assert np.mean(rewards[-3:]) > np.mean(rewards[:3]) + 0.02
    assert report.metrics["learning_rate"] < 3e-3
    assert {"prepare", "optimise", "measure"} == set(report.wall_seconds) == set(report.cpu_seconds)


def test_the_measured_kl_is_the_closed_form_between_the_versions() -> None:
    _, versions, updater = learner(config(learning_rate=3e-3))
    slabs = batch(versions, 0, seed=1)
    report = updater.update(slabs)
    obs = torch.from_numpy(np.concatenate([s.observations_TBO.reshape(-1, 7) for s in slabs]))
    (old, new), parameters = (versions[0], versions[1]), []
    with torch.no_grad():
        for actor in (old, new):
            means, logits = actor(obs)
            parameters += [means, actor.log_std, logits]
        expected = distribution.kl(*parameters).mean(0)
    assert [report.metrics[f"kl_component_{k}"] for k in range(3)] == pytest.approx(expected.tolist(), rel=1e-4)
    assert report.metrics["kl"] == pytest.approx(expected.sum().item(), rel=1e-4)
    assert report.metrics["k3"] == pytest.approx(report.metrics["kl"], rel=0.5)
    assert report.metrics["update_norm"] > 0


def test_weights_that_overflow_are_taken_back() -> None:
    state, versions, updater = learner(config(learning_rate=1e30, target_kl=1e9))
    before = snapshot(state)
    report = updater.update(batch(versions, 0, seed=1))
    assert (report.committed, report.reason) == (False, "not_finite")
    assert same(state, before)
    assert (state.counters.step, state.counters.decisions, state.counters.undone) == (0, 0, 1)
    assert all(np.isfinite(value) for value in report.metrics.values())
    assert updater.update(batch(versions, 0, seed=2)).reason == "not_finite", "it can be tried again"


def test_a_leap_is_taken_back_even_if_no_minibatch_saw_it_coming() -> None:
    """With one minibatch the early stop never looks after the step; the measurement does."""
    state, versions, updater = learner(config(learning_rate=1.0, minibatch=256, epochs=1))
    before = snapshot(state)
    report = updater.update(batch(versions, 0, seed=1))
    assert report.reason == "kl"
    assert report.metrics["kl"] > 0.45
    assert "not below 0.45" in report.detail
    assert same(state, before)


def test_the_early_stop_comes_before_the_minibatch_that_is_too_far() -> None:
    state, versions, updater = learner(config(learning_rate=0.02, epochs=10, target_kl=0.02))
    report = updater.update(batch(versions, 0, seed=1))
    assert report.committed
    assert report.metrics["early_stop"] == 1
    assert 1 <= report.metrics["minibatches"] < 40
    assert report.metrics["kl_last_minibatch"] >= 0.02
    assert int(state.optimizer.steps) == report.metrics["minibatches"], "the last one was not applied"


def moved_on(state: State, versions: Versions, by: float) -> None:
    """A new version whose means are `by` larger."""
    with torch.no_grad():
        state.actor.head.bias.add_(by)
    state.counters.step += 1
    versions.add(state.counters.step, state.actor)


@pytest.mark.parametrize("correction", ["none", "vtrace"])
def test_the_limit_is_on_what_the_update_adds_to_the_lag(correction: str) -> None:
    """With rollouts one version old the KL is not zero to begin with; that alone must not waste the batch."""
    state, versions, updater = learner(config(target_kl=2e-3, learning_rate=1e-6, correction=correction))
    slabs = batch(versions, 0, seed=1)
    moved_on(state, versions, 0.05)
    report = updater.update(slabs)
    assert report.committed
    assert report.metrics["kl_lag"] > 2e-3
    assert report.metrics["early_stop"] == 0


@pytest.mark.parametrize("correction", ["none", "vtrace"])
def test_an_update_may_go_the_way_of_the_last_one(correction: str) -> None:
    """Adam's momentum leads on in the direction of the lag. KL to the policy that acted is then that of both ways
    together, far above the sum of the two, and still the update is no longer than it may be."""
    run = config(target_kl=0.05, learning_rate=1e-3, epochs=1, minibatch=32, correction=correction)
    state, versions, updater = learner(run)
    slabs = batch(versions, 0, seed=1)
    moved_on(state, versions, 0.09)
    state.optimizer.steps += 10
    bias = state.moments()["mean.actor.head.bias"]
    bias.fill_(-1.0)  # as after ten steps that made the means larger
    state.moments()["square.actor.head.bias"].fill_(1e-4)
    report = updater.update(slabs)
    assert report.metrics["early_stop"] == 0
    assert report.metrics["minibatches"] == 8
    assert report.metrics["kl_previous"] < 0.05
    assert report.metrics["kl"] > report.metrics["kl_lag"] + 0.05


def test_if_the_rollouts_are_too_far_already_nothing_happens() -> None:
    state, versions, updater = learner(config(target_kl=1e-12))
    slabs = batch(versions, 0, seed=1)
    moved_on(state, versions, 0.3)  # as if several versions had passed since
    before = snapshot(state)
    report = updater.update(slabs)
    assert report.reason == "no_minibatch"
    assert report.metrics["minibatches"] == 0
    assert "policy_loss" not in report.metrics, "an average over nothing does not exist"
    assert same(state, before)


def test_a_policy_without_finite_probabilities_stops_before_the_optimizer(monkeypatch: pytest.MonkeyPatch) -> None:
    state, versions, updater = learner(config())
    slabs = batch(versions, 0, seed=1)
    with torch.no_grad():
        state.actor.head.bias[0] = float("nan")
    report = updater.update(slabs)
    assert report.reason == "not_finite"
    assert int(state.optimizer.steps) == 0
    assert not ppo.is_safe(float("nan"), 1.0)


def test_log_probabilities_of_another_policy_are_a_wrong_reference() -> None:
    state, versions, updater = learner(config())
    good, bad = batch(versions, 0, seed=1)
    bad = replace(bad, log_probs_TB=bad.log_probs_TB - np.float32(0.01))
    before = snapshot(state)
    with pytest.raises(WrongReference, match="the reference is wrong"):
        updater.update([good, bad])
    assert same(state, before)


def test_a_single_foreign_row_is_found() -> None:
    _, versions, updater = learner(config())
    good, bad = batch(versions, 0, seed=1)
    log_probs = bad.log_probs_TB.copy()
    log_probs[3, 2] += 0.5
    with pytest.raises(WrongReference):
        updater.update([good, replace(bad, log_probs_TB=log_probs)])


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 1e-2)])
def test_every_single_ratio_counts(dtype: torch.dtype, tolerance: float) -> None:
    """Just within the tolerance is rounding, just beyond is not, if only in one row of all."""
    for off, wrong in ((0.5 * tolerance, False), (2.0 * tolerance, True)):
        _, versions, updater = learner(config(), dtype=dtype)
        good, changed = batch(versions, 0, seed=1)
        log_probs = changed.log_probs_TB.copy()
        log_probs[3, 2] += off
        slabs = [good, replace(changed, log_probs_TB=log_probs)]
        if wrong:
            with pytest.raises(WrongReference, match=f"expected below {tolerance:g}"):
                updater.update(slabs)
        else:
            assert updater.update(slabs).metrics["ratio_error_max"] == pytest.approx(off, rel=0.2)


def test_each_slab_is_held_against_its_own_version() -> None:
    """Rollouts of several versions in one batch: each one's reference is the version that played it."""
    state, versions, updater = learner(config(learning_rate=5e-3, target_kl=1.0))
    old = slab(versions[0], 0, 11)
    updater.update(batch(versions, 0, seed=1))
    updater.update(batch(versions, 1, seed=2))
    report = updater.update([old, slab(versions[2], 2, 12)])
    assert report.metrics["ratio_error_max"] < 1e-5
    assert (report.metrics["lag_mean"], report.metrics["lag_max"]) == (1, 2)
    assert report.metrics["kl"] > 0
    assert state.counters.step == 3


class GoesBack(Updater):
    """Its optimiser goes straight back to where the late rollouts were made, as far as KL to them can tell."""

    def _optimise(self, rows: Rows, rate: float, scales: Scales) -> Progress:
        for parameter, old in zip(self._state.actor.parameters(), self._versions[0].parameters(), strict=True):
            parameter.data.copy_(old)
        return Progress(minibatches=1)


@pytest.mark.parametrize("moved", [0.02, 0.5])
def test_late_rollouts_must_not_pull_the_policy_far_from_the_version_before(moved: float) -> None:
    run = config(target_kl=0.02)
    state, versions, _ = learner(run)
    late = batch(versions, 0, seed=1)
    with torch.no_grad():
        state.actor.log_std_raw.add_(moved)
    state.counters.step = 1
    versions.add(1, state.actor)
    before = snapshot(state)
    report = GoesBack(run, state, versions).update(late)
    assert report.metrics["kl"] == pytest.approx(0.0, abs=1e-6)
    assert report.committed == (moved < 0.1)
    if not report.committed:
        assert report.reason == "kl"
        assert "policy before the update" in report.detail
        assert report.metrics["kl_previous"] > 0.2
        assert same(state, before)


def test_with_rollouts_of_the_newest_version_both_distances_are_one() -> None:
    _, versions, updater = learner(config(learning_rate=3e-3))
    report = updater.update(batch(versions, 0, seed=1))
    assert report.metrics["kl_previous"] == pytest.approx(report.metrics["kl"], rel=1e-6)


def test_only_the_versions_within_the_lag_are_remembered() -> None:
    run = config(max_lag=2)
    state, versions, updater = learner(run)
    for update in range(5):
        updater.update(batch(versions, update, seed=update))
    assert [step in versions for step in range(6)] == [False, False, False, True, True, True]
    newest = versions[5]
    assert all(torch.equal(a, b) for a, b in zip(newest.parameters(), state.actor.parameters(), strict=True))
    updater.update(batch(versions, 5, seed=9))
    assert not torch.equal(newest.head.weight, state.actor.head.weight), "a version is a copy"


def test_the_same_inputs_give_the_same_bits() -> None:
    states = []
    for _ in range(2):
        state, versions, updater = learner(config())
        for update in range(3):
            updater.update(batch(versions, update, seed=update))
        states.append(state)
    assert same(states[0], states[1].remember())


def test_bf16_learns_like_float32() -> None:
    moved = []
    for dtype in (torch.float32, torch.bfloat16):
        state, _, updater = learner(config(learning_rate=2e-3), dtype=dtype)
        start = copy.deepcopy(state.weights())
        acting: Actor = copy.deepcopy(state.actor).requires_grad_(False)
        report = updater.update([slab(acting, 0, 1000 + k) for k in range(2)])
        assert report.committed, report.detail
        moved.append(torch.cat([(tensor - start[name]).flatten() for name, tensor in state.weights().items()]))
    assert torch.cosine_similarity(moved[0], moved[1], dim=0) > 0.9
