"""What the learner remembers beside its weights: what mattered (EWC), what it has seen (RND), how large numbers are."""

from __future__ import annotations

import copy
import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ludus.kernel.config import RunConfig
from ludus.kernel.toolbox import RndConfig
from ludus.learner import checkpoint, tools
from ludus.learner.batch import Batcher
from ludus.learner.crew import Crew
from ludus.learner.ewc import Anchor, fisher_diagonal, flat
from ludus.learner.moments import Moments
from ludus.learner.passes import evaluate
from ludus.learner.rnd import Rnd
from ludus.learner.slab import Slab
from ludus.learner.state import State, Versions
from ludus.learner.update import Updater
from ludus.play import distribution
from ludus.play.network import Actor, Architecture
from ludus.play.weights import from_bytes, to_bytes

from .learner_kit import ARCHITECTURE, MANIFEST, batch, config, learner, slab


def test_the_fisher_information_is_the_mean_of_squared_gradients_row_by_row() -> None:
    actor = Actor(ARCHITECTURE, generator=torch.Generator().manual_seed(1))
    seen = torch.randn(150, 7, generator=torch.Generator().manual_seed(2))
    found = fisher_diagonal(actor, seen, torch.Generator().manual_seed(3))
    with torch.no_grad():
        means, logits = actor(seen)
        actions = distribution.sample(means, actor.log_std, logits, torch.Generator().manual_seed(3))
    expected = torch.zeros_like(found)
    for row in range(len(seen)):
        actor.zero_grad()
        means, logits = actor(seen[row : row + 1])
        distribution.log_prob(actions[row : row + 1], means, actor.log_std, logits).sum().backward()
        expected += torch.cat([one.grad.reshape(-1).square() for one in actor.parameters()])  # type: ignore[union-attr]
    torch.testing.assert_close(found, expected / len(seen), rtol=1e-4, atol=1e-7)


def test_of_a_gaussian_the_fisher_information_is_known() -> None:
    """F of a mean's bias is 1/σ², of a log σ it is 2."""
    actor = Actor(Architecture(3, 1, 0, 8, 0, "tanh", -0.5, -2.0, 0.0))
    found = fisher_diagonal(actor, torch.randn(4096, 3), torch.Generator().manual_seed(0))
    names = dict(actor.named_parameters())
    ends = np.cumsum([tensor.numel() for tensor in names.values()])
    place = {name: int(end) - 1 for name, end in zip(names, ends, strict=True)}
    assert found[place["head.bias"]].item() == pytest.approx(np.exp(1.0), rel=0.1)
    assert found[place["log_std_raw"]].item() == pytest.approx(2.0, rel=0.15)


def test_the_gradient_is_that_of_the_penalty() -> None:
    anchor = Anchor(torch.tensor([1.0, 2.0, 3.0]))
    anchor.fisher.copy_(torch.tensor([0.5, 0.0, 2.0]))
    weights = torch.tensor([2.0, 5.0, 2.5], requires_grad=True)
    loss = 0.5 * 10 * (anchor.fisher * (weights - anchor.weights).square()).sum()
    loss.backward()
    gradient = torch.zeros(3)
    anchor.add_gradient(gradient, weights.detach(), 10)
    assert torch.equal(gradient, weights.grad)  # type: ignore[arg-type]
    assert anchor.penalty(weights.detach(), 10) == pytest.approx(loss.item())


def forgotten(coefficient: float) -> float:
    """Learn one task, declare a stage change, learn another; how much worse is the first one's action now?"""
    run = config(learning_rate=5e-3, target_kl=1e9, epochs=4, **{"ewc.coefficient": coefficient, "ewc.samples": 256})
    state, versions, updater = learner(run)
    rng = np.random.default_rng(1)

    def task(sign: float, seed: int) -> list[Slab]:
        """Observations of two kinds, told apart by their sign; the action wanted is +1 or -1."""
        made = [slab(versions[state.counters.step], state.counters.step, 50 * seed + k, ends=1.0) for k in range(2)]
        found = []
        for one in made:
            seen = (sign * np.abs(one.observations_TBO)).astype(np.float32)
            with torch.no_grad():
                means, logits = state.actor(torch.from_numpy(seen).view(-1, 7))
                actions = distribution.sample(means, state.actor.log_std, logits, torch.Generator().manual_seed(seed))
                log_probs = distribution.log_prob(actions, means, state.actor.log_std, logits)
            shape = one.rewards_TB.shape
            rewards = -np.square(actions[:, 0].numpy() - 1.0).reshape(shape) if sign > 0 else \
                -np.square(actions[:, 0].numpy() + 1.0).reshape(shape)  # fmt: skip
            found.append(
                replace(
                    one,
                    observations_TBO=seen,
                    actions_TBA=actions.numpy().reshape(*shape, -1),
                    log_probs_TB=log_probs.numpy().reshape(shape),
                    rewards_TB=rewards.astype(np.float32),
                )
            )
        return found

    def error() -> float:
        seen = torch.from_numpy(np.abs(rng.standard_normal((256, 7)))).float()
        return float((state.actor(seen)[0][:, 0].detach() - 1.0).abs().mean())

    for update in range(20):
        updater.update(task(1.0, update))
    learned = error()
    tools.begin(state, run, "stage")
    updater.update(task(1.0, 20))
    assert coefficient == 0 or (state.anchor is not None and bool(state.anchor.fisher.any()))
    for update in range(21, 33):
        updater.update(task(-1.0, update))
    return error() - learned


def test_what_mattered_is_forgotten_less() -> None:
    free, held = forgotten(0.0), forgotten(30.0)
    assert free > 0.1, "without it the second task overwrites the first"
    assert held < 0.6 * free


def test_the_fisher_information_waits_for_the_next_batch_and_survives_a_kill(tmp_path: object) -> None:
    run = config(**{"ewc.coefficient": 1.0})
    state, versions, updater = learner(run)
    tools.begin(state, run, "stage")
    assert state.anchor is not None
    assert not state.anchor.fisher.any()
    saved = checkpoint.write(tmp_path, state, MANIFEST)  # type: ignore[arg-type]
    resumed, versions, updater = learner(run, seed=8)
    checkpoint.load(saved.path, resumed, MANIFEST)
    versions.add(0, resumed.actor)
    before = resumed.actor_weights.clone()
    updater.update(batch(versions, 0, seed=0))
    assert resumed.anchor is not None
    assert resumed.anchor.fisher.any()
    assert torch.equal(resumed.anchor.weights, before)
    assert not int(resumed.controls.consolidate)


RND = RndConfig(coefficient=0.5, minibatch=128)  # type: ignore[call-arg]


def test_what_has_been_seen_is_worth_less_than_what_is_new() -> None:
    generator = torch.Generator().manual_seed(1)
    rnd = Rnd(RND, 7, generator)
    known, new = torch.randn(512, 7, generator=generator), 1.0 + torch.randn(512, 7, generator=generator)
    first = float(rnd.rewards(torch.cat((known, new)))[:512].mean())
    errors = [rnd.learn(known, generator) for _ in range(40)]
    rewards = rnd.rewards(torch.cat((known, new)))
    assert errors[-1] < 0.3 * errors[0]
    assert float(rewards[:512].mean()) < 0.6 * first
    assert float(rewards[512:].mean()) > 1.5 * float(rewards[:512].mean())


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_the_intrinsic_reward_does_not_depend_on_the_scale_of_observations(scale: float) -> None:
    generator = torch.Generator().manual_seed(1)
    rnd = Rnd(RND, 7, generator)
    rewards = rnd.rewards(scale * torch.randn(4096, 7, generator=torch.Generator().manual_seed(2)))
    assert float(rewards.std()) == pytest.approx(RND.coefficient, rel=0.05)


def test_novelty_enters_the_returns_and_stops_at_the_end_of_an_episode() -> None:
    found = {}
    for coefficient in (0.0, 1.0):
        run = config(**{"rnd.coefficient": coefficient, "gamma": 0.0, "gae_lambda": 0.0})
        state, versions, _ = learner(run)
        slabs = batch(versions, 0, seed=1)
        _, facts = Batcher(run.learner, state, Crew(1)).build(slabs)
        rows, _ = Batcher(run.learner, copy.deepcopy(state), Crew(1)).build(slabs)
        found[coefficient] = rows.returns.clone()
        assert np.isnan(facts.rnd_reward) == (coefficient == 0)
    ended = torch.from_numpy(np.concatenate([(one.terminated_TB | one.truncated_TB).reshape(-1) for one in slabs]))
    bonus = found[1.0] - found[0.0]
    assert float(bonus[ended].abs().max()) < 1e-5
    assert float(bonus[~ended].min()) > 0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.integers(0, 1000))
def test_running_moments_are_those_of_all_rows_together(sizes: list[int], seed: int) -> None:
    parts = [torch.from_numpy(np.random.default_rng(seed + k).normal(k, 1 + k, (n, 3))) for k, n in enumerate(sizes)]
    moments = Moments(3)
    for part in parts:
        moments.update(part)
    joined = torch.cat(parts)
    torch.testing.assert_close(moments.mean, joined.mean(0))
    torch.testing.assert_close(moments.variance, joined.var(0, correction=0))
    assert int(moments.count) == sum(sizes)


NORMALISED = replace(ARCHITECTURE, normalise_observations=True, normalise_returns=True)
IDENTITY = replace(MANIFEST, architecture=NORMALISED)


def normalising() -> tuple[RunConfig, State, Versions, Updater]:
    run = config(learning_rate=3e-3, epochs=4, target_kl=1.0)
    state = State(NORMALISED, run.learner, torch.float32, seed=3)
    state.counters.epoch = 1
    versions = Versions(run.learner.max_lag)
    versions.add(0, state.actor)
    return run, state, versions, Updater(run, state, versions)


def large(slabs: list[Slab], versions: Versions, scale: float, reward: float) -> list[Slab]:
    """The same slabs in another unit, played anew by the version they name."""
    found = []
    for one in slabs:
        actor, seen = versions[one.behaviour.step], scale * one.observations_TBO
        with torch.no_grad():
            means, logits = actor(torch.from_numpy(seen).view(-1, 7))
            actions = torch.from_numpy(one.actions_TBA).view(-1, 3)
            log_probs = distribution.log_prob(actions, means, actor.log_std, logits)
        shape = one.rewards_TB.shape
        found.append(
            replace(
                one,
                observations_TBO=seen,
                last_observations_BO=scale * one.last_observations_BO,
                log_probs_TB=log_probs.numpy().reshape(shape),
                rewards_TB=reward * one.rewards_TB,
            )
        )
    return found


def test_the_normalised_critic_learns_large_returns_and_the_plain_one_does_not() -> None:
    explained = []
    for architecture in (NORMALISED, ARCHITECTURE):
        run = config(learning_rate=3e-3, epochs=4, target_kl=1e3, gamma=0.0, gae_lambda=0.0)
        state = State(architecture, run.learner, torch.float32, seed=3)
        versions = Versions(run.learner.max_lag)
        versions.add(0, state.actor)
        updater = Updater(run, state, versions)
        for update in range(8):
            made = batch(versions, update, seed=update)
            slabs = [replace(one, rewards_TB=1000 * np.tanh(one.observations_TBO[..., 0])) for one in made]
            report = updater.update(slabs)
            assert report.committed, report.detail
        explained.append(report.metrics["explained_variance"])
    assert explained[0] > 0.5
    assert explained[1] < 0.2


def test_new_statistics_of_returns_leave_every_value_where_it_was() -> None:
    _, state, _, _ = normalising()
    seen = torch.randn(100, 7)
    state.normaliser.see_returns(torch.randn(500) * 20 + 300, state.critic)
    before = evaluate(state.critic, seen, Crew(1))
    state.normaliser.see_returns(torch.randn(500) * 7 - 10, state.critic)
    assert float(state.critic.return_std) > 100
    np.testing.assert_allclose(evaluate(state.critic, seen, Crew(1)), before, rtol=1e-4, atol=1e-3)


def test_statistics_travel_with_the_version_and_an_older_one_keeps_its_own() -> None:
    _, state, versions, updater = normalising()
    for update in range(3):
        slabs = large(batch(versions, update, seed=update), versions, 10.0 + update, 1.0)
        assert updater.update(slabs).metrics["ratio_error_max"] < 1e-5
    scales = [versions[step].trunk.standardise.scale for step in range(4)]  # type: ignore[union-attr]
    assert torch.equal(scales[0], torch.ones(7))
    assert all(not torch.equal(one, other) for one, other in itertools.pairwise(scales))
    data = to_bytes(state.actor, IDENTITY)
    loaded, _ = from_bytes(data, NORMALISED)
    seen = 12 * torch.randn(64, 7)
    for mine, theirs in zip(loaded(seen), state.actor(seen), strict=True):
        assert torch.equal(mine, theirs)
    old = large([slab(versions[1], 1, 70)], versions, 11.0, 1.0)
    report = updater.update([*old, *large([slab(versions[3], 3, 71)], versions, 12.0, 1.0)])
    assert report.metrics["ratio_error_max"] < 1e-5, "each is held against its own statistics"


def test_an_update_that_is_taken_back_takes_the_statistics_back_and_a_checkpoint_holds_them(tmp_path: object) -> None:
    _, state, versions, updater = normalising()
    updater.update(large(batch(versions, 0, seed=0), versions, 5.0, 1.0))
    before = state.remember()
    assert {"normaliser.observations.mean", "actor.trunk.standardise.scale", "critic.return_std"} <= set(before)
    with torch.no_grad():
        state.actor.head.bias[0] = float("nan")
    before = state.remember()
    assert updater.update(large(batch(versions, 1, seed=1), versions, 50.0, 9.0)).reason == "not_finite"
    assert all(torch.equal(one.nan_to_num(7), before[name].nan_to_num(7)) for name, one in state.tensors().items())
    with torch.no_grad():
        state.actor.head.bias[0] = 0.0
    saved = checkpoint.write(tmp_path, state, IDENTITY)  # type: ignore[arg-type]
    _, resumed, _, _ = normalising()
    checkpoint.load(saved.path, resumed, IDENTITY)
    assert all(torch.equal(one, state.tensors()[name]) for name, one in resumed.tensors().items())
    actor, _ = checkpoint.load_actor(saved.path)
    assert torch.equal(flat(dict(actor.named_buffers())), flat(dict(state.actor.named_buffers())))
