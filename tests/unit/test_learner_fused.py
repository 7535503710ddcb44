"""The fused engine: autograd's gradient, the same bits for any number of threads, and training that ends alike."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import torch

from ludus.learner import fused
from ludus.learner.batch import Batcher
from ludus.learner.crew import Crew
from ludus.learner.fused import FusedGradients, fits, gradients
from ludus.learner.gradient import Gradients
from ludus.learner.objective import Scales
from ludus.learner.rows import Rows
from ludus.learner.state import State
from ludus.learner.update import Updater
from ludus.play.architecture import Architecture
from ludus.play.network import Trunk

from .learner_kit import ARCHITECTURE, batch, config, learner


def rows_for(state: State, total: int = 700, seed: int = 1) -> Rows:
    """Rows as a batch holds them, with actions near the policy's own."""
    architecture, generator = state.architecture, torch.Generator().manual_seed(seed)
    packed = torch.randn(total, architecture.obs_size + architecture.act_size + 4, generator=generator)
    rows = Rows(packed, architecture.obs_size, architecture.act_size)
    rows.actions[:, architecture.continuous :].gt_(0)
    with torch.no_grad():
        rows.log_probs.copy_(-1.5 + 0.2 * torch.randn(total, generator=generator))
    return rows


def gradient(engine: Gradients, state: State, rows: Rows) -> torch.Tensor:
    engine.compute(rows, Scales())
    return state.optimizer.gradient.clone()


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-6), (torch.bfloat16, 1e-2)])
@pytest.mark.parametrize("entropy_coefficient", [0.0, 0.01])
def test_it_is_autograds_gradient(
    activation: str, dtype: torch.dtype, tolerance: float, entropy_coefficient: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fused, "PART_BYTES", 256 * dtype.itemsize)  # three parts, the last one short
    run = config(entropy_coefficient=entropy_coefficient)
    architecture = Architecture(59, 2, 1, 64, 0, activation, -1.0, -2.0, 0.0)
    state = State(architecture, run.learner, dtype, seed=2)
    rows = rows_for(state)
    exact = gradient(Gradients(run.learner, state), state, rows)
    found = gradient(FusedGradients(run.learner, state, Crew(1)), state, rows)
    assert exact.norm() > 0
    assert (found - exact).norm() <= tolerance * exact.norm()
    engines = (Gradients(run.learner, state), FusedGradients(run.learner, state, Crew(2)))
    terms = [engine.compute(rows, Scales()) for engine in engines]
    for name in ("policy_loss", "value_loss", "kl"):
        assert getattr(terms[1], name) == pytest.approx(getattr(terms[0], name), rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_any_number_of_threads_gives_the_same_bits(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fused, "PART_BYTES", 128 * dtype.itemsize)
    run = config()
    state = State(Architecture(59, 2, 1, 64, 0, "tanh", -1.0, -2.0, 0.0), run.learner, dtype, seed=2)
    rows = rows_for(state)
    first = gradient(FusedGradients(run.learner, state, Crew(1)), state, rows)
    for threads in (2, 3):
        engine = FusedGradients(run.learner, state, Crew(threads))
        assert all(torch.equal(gradient(engine, state, rows), first) for _ in range(5)), threads


def test_updates_with_one_thread_and_with_two_end_in_the_same_weights() -> None:
    ends = []
    for threads in (1, 2):
        state, versions, updater = learner(config(threads=threads, epochs=3))
        for update in range(3):
            assert updater.update(batch(versions, update, seed=update)).committed
        ends.append(state.tensors())
    assert all(torch.equal(tensor, ends[1][name]) for name, tensor in ends[0].items())


def test_residual_networks_and_those_who_ask_for_it_get_autograd() -> None:
    plain, residual = ARCHITECTURE, Architecture(7, 2, 1, 16, 1, "relu", -1.0, -2.0, 0.0)
    run, asking = config(), config(engine="autograd")
    assert fits(run.learner, plain)
    assert not fits(run.learner, residual)
    assert not fits(asking.learner, plain)
    for settings, architecture, kind in ((run, plain, FusedGradients), (run, residual, Gradients)):
        state = State(architecture, settings.learner, torch.float32, seed=1)
        engine = gradients(settings.learner, state, Crew(1))
        assert type(engine) is kind
        assert gradient(engine, state, rows_for(state)).norm() > 0


def test_the_crew_does_every_task_once_and_passes_errors_on() -> None:
    crew, done, lock = Crew(3), [], threading.Lock()

    def task(number: int) -> None:
        with lock:
            done.append(number)

    for count in (0, 1, 2, 50):
        done.clear()
        crew.run([lambda number=number: task(number) for number in range(count)])  # type: ignore[misc]
        assert sorted(done) == list(range(count))
    assert crew.helper_cpu_seconds > 0

    def broken() -> None:
        raise ValueError("a task broke")

    for threads in (1, 3):
        with pytest.raises(ValueError, match="a task broke"):
            Crew(threads).run([broken] * 20)


def test_the_values_of_a_batch_do_not_depend_on_the_threads() -> None:
    run = config()
    state, versions, _ = learner(run)
    slabs = batch(versions, 0, seed=3)
    packed = [Batcher(run.learner, state, Crew(threads)).build(slabs)[0].packed for threads in (1, 2)]
    assert torch.equal(*packed)


class PlainTrunk(Trunk):
    """The formula as torch spells it, every operation recorded by autograd."""

    def forward(self, obs: torch.Tensor) -> torch.Tensor:
        assert self.hidden is not None
        phi = torch.tanh if self.activation == "tanh" else torch.relu
        return phi(self.hidden(phi(self.input(obs.to(self.compute_dtype))))).float()


def curve(updater: Updater, versions: Any, updates: int, seed: int) -> list[float]:
    return [
        updater.update(batch(versions, update, seed=100 * seed + update)).metrics["reward_mean"]
        for update in range(updates)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_learning_curve_is_that_of_the_plain_path(dtype: torch.dtype) -> None:
    """Six seeds each, learning to follow tanh of an observation: the mean difference is within its 99 % interval."""
    updates, differences = 30, []
    for seed in range(6):
        ends = []
        for engine in ("fused", "autograd"):
            run = config(engine=engine, learning_rate=3e-3, epochs=4, threads=2 if engine == "fused" else 1)
            state, versions, updater = learner(run, seed=seed, dtype=dtype)
            if engine == "autograd":
                for network in (state.actor, state.critic):
                    network.trunk.__class__ = PlainTrunk
                versions.add(0, state.actor)
            rewards = curve(updater, versions, updates, seed)
            assert np.mean(rewards[-5:]) > np.mean(rewards[:5]), "it learns"
            ends.append(np.array(rewards))
        differences.append(ends[0] - ends[1])
    late = np.array(differences)[:, -10:].mean(1)
    assert abs(late.mean()) <= 4.03 * late.std(ddof=1) / np.sqrt(len(late)) + 1e-3
