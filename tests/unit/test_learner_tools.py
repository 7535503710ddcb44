"""The stability tools: each is switched on where its effect can be seen, and held against the same without it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ludus.kernel.config import ConfigError
from ludus.kernel.toolbox import AdaptiveRateConfig, KlPenaltyConfig
from ludus.learner import checkpoint, loss_scale, tools
from ludus.learner.adaptation import next_penalty_coefficient, next_rate_factor, penalty_coefficient
from ludus.learner.batch import Batcher
from ludus.learner.controls import Controls
from ludus.learner.crew import Crew
from ludus.learner.objective import Outputs, Scales, objective
from ludus.learner.optimizer import learning_rate
from ludus.learner.state import State
from ludus.learner.tools import weights_sha256

from .learner_kit import ARCHITECTURE, MANIFEST, batch, config, learner, slab

FAST: dict[str, Any] = {"learning_rate": 1e-2, "epochs": 3, "target_kl": 100.0}


def kl_after(updates: int = 1, **settings: Any) -> list[float]:
    """KL of each update on the same rollouts, whatever the tools make of it."""
    _state, versions, updater = learner(config(**FAST | settings))
    found = []
    for update in range(updates):
        report = updater.update(batch(versions, update, seed=update))
        assert report.committed, report.detail
        found.append(report.metrics["kl"])
    return found


def test_the_penalty_holds_the_policy_near_the_one_before() -> None:
    free, held = kl_after()[0], kl_after(**{"kl_penalty.coefficient": 5.0})[0]
    assert 0 < held < 0.5 * free


def test_the_penalty_rises_over_its_warm_up() -> None:
    settings = {"kl_penalty.coefficient": 5.0, "kl_penalty.warmup_updates": 4}
    _state, versions, updater = learner(config(**settings))
    found = []
    for update in range(6):
        found.append(updater.update(batch(versions, update, seed=update)).metrics["kl_penalty_coefficient"])
    assert found == pytest.approx([1, 2, 3, 4, 5, 5])
    assert kl_after(**settings)[0] > kl_after(**{"kl_penalty.coefficient": 5.0})[0]


def test_an_adaptive_coefficient_brings_the_kl_to_its_target() -> None:
    adaptive = {"kl_penalty.coefficient": 0.01, "kl_penalty.adaptive": True, "kl_penalty.target": 0.003}
    free, held = (np.mean(kl_after(14, **settings)[-4:]) for settings in ({}, adaptive))
    assert free > 2 * 0.003
    assert held < 0.7 * free


PENALTY = KlPenaltyConfig(coefficient=1.0, target=0.1, max_coefficient=4.0, min_coefficient=0.25)  # type: ignore[call-arg]


@given(st.floats(0.25, 4.0), st.floats(0, 10))
def test_the_coefficient_follows_the_kl_within_its_limits(coefficient: float, kl: float) -> None:
    following = next_penalty_coefficient(PENALTY, coefficient, kl)
    assert 0.25 <= following <= 4.0
    if kl > 0.15:
        assert following == min(4.0, coefficient * 1.5)
    elif kl < 0.05:
        assert following == max(0.25, coefficient / 1.5)
    else:
        assert following == coefficient


def test_a_kl_that_is_not_a_number_is_too_far() -> None:
    assert next_penalty_coefficient(PENALTY, 1.0, math.nan) == 1.5
    rate = AdaptiveRateConfig(target=0.01)  # type: ignore[call-arg]
    assert next_rate_factor(rate, 1.0, math.nan) == pytest.approx(1 / 1.5)
    assert next_rate_factor(rate, 0.01, 1.0) == 0.01, "the lowest"
    assert next_rate_factor(rate, 10.0, 0.0) == 10.0, "the highest"
    assert next_rate_factor(rate, 1.0, 0.01) == 1.0
    assert penalty_coefficient(PENALTY, 2.0, 0) == 2.0, "no warm-up"


def drift(reference: str, decay: float = 0.99) -> float:
    """How far the means have gone from the first ones after some updates, with a penalty against a reference."""
    settings = {"kl_penalty.coefficient": 5.0, "kl_penalty.reference": reference, "kl_penalty.ema_decay": decay}
    state, versions, updater = learner(config(**FAST | settings))
    seen = torch.randn(512, 7, generator=torch.Generator().manual_seed(1))
    first = state.actor(seen)[0].detach()
    for update in range(8):
        updater.update(batch(versions, update, seed=update))
    return float((state.actor(seen)[0].detach() - first).square().mean())


def test_a_frozen_reference_holds_longer_than_an_average_and_that_longer_than_the_previous_policy() -> None:
    frozen, ema, previous = drift("frozen"), drift("ema", 0.8), drift("previous")
    assert frozen < ema < previous


def test_what_kl_was_measured_against_is_named() -> None:
    for kind, policy in (("previous", "main@1.2"), ("ema", "main@1.2"), ("frozen", "main@1.0")):
        run = config(**{"kl_penalty.coefficient": 1.0, "kl_penalty.reference": kind})
        state, versions, updater = learner(run)
        tools.begin(state, run, "start")
        first = weights_sha256(state.actor)
        for update in range(3):
            before, average = weights_sha256(state.actor), state.reference and weights_sha256(state.reference)
            report = updater.update(batch(versions, update, seed=update))
        behaviour, reference = report.against
        assert (behaviour.kind, behaviour.policy, behaviour.sha256) == ("behaviour", "main@1.2", "0" * 64)
        assert (reference.kind, reference.policy) == (kind, policy)
        assert reference.sha256 == {"previous": before, "ema": average, "frozen": first}[kind]


def test_the_rate_goes_down_when_updates_go_too_far_and_up_when_they_do_nothing() -> None:
    for rate, direction in ((3e-2, -1), (1e-6, 1)):
        run = config(learning_rate=rate, target_kl=100.0, **{"adaptive_rate.target": 1e-3})
        _state, versions, updater = learner(run)
        rates = [updater.update(batch(versions, k, seed=k)).metrics["learning_rate"] for k in range(5)]
        assert (rates[4] - rates[0]) * direction > 0
        assert rates[1] == pytest.approx(tools.rate(run.learner, learner(run)[0], 20) * 1.5**direction, rel=0.06)


def test_an_update_that_is_taken_back_slows_the_next_one() -> None:
    settings = {"adaptive_rate.target": 1e-3, "kl_penalty.coefficient": 1.0, "kl_penalty.adaptive": True}
    state, versions, updater = learner(config(learning_rate=1.0, minibatch=256, epochs=1, **settings))
    report = updater.update(batch(versions, 0, seed=1))
    assert report.reason == "kl"
    assert float(state.controls.rate_factor) == pytest.approx(1 / 1.5)
    assert float(state.controls.kl_coefficient) == 1.5


SCHEDULES = [("constant", 1, 1), ("linear", 0.6, 0.2), ("cosine", 0.6, 0.2)]


@pytest.mark.parametrize(("schedule", "middle", "end"), SCHEDULES)
def test_schedules_of_the_rate(schedule: str, middle: float, end: float) -> None:
    run = config(learning_rate=1.0, learning_rate_schedule=schedule, learning_rate_final_ratio=0.2).learner
    rates = [learning_rate(run, update, 101) for update in range(101)]
    assert (rates[0], rates[50], rates[100]) == pytest.approx((1, middle, end))
    if schedule == "cosine":
        assert rates[10] > 1 - 0.8 * 0.1, "slower than the straight line at first"


def test_larger_networks_have_a_rate_of_their_own() -> None:
    run = config(learning_rate=1e-3, **{"large_network.parameters": 1000, "large_network.learning_rate": 1e-5}).learner
    assert learning_rate(run, 0, 1, 1000) == 1e-3
    assert learning_rate(run, 0, 1, 1001) == 1e-5
    _state, versions, updater = learner(config(**{"large_network.parameters": 100}))
    assert updater.update(batch(versions, 0, seed=0)).metrics["learning_rate"] == pytest.approx(3e-4)


def test_advantages_are_cut_off() -> None:
    found = []
    for clip in (0.0, 0.5):
        run = config(advantage_clip=clip)
        state, versions, _ = learner(run)
        rows, _ = Batcher(run.learner, state, Crew(1)).build(batch(versions, 0, seed=1))
        found.append(rows.advantages.abs().max().item())
    assert found[0] > 1.5
    assert found[1] == pytest.approx(0.5)


def test_values_move_less_with_a_value_clip() -> None:
    moved = []
    for clip in (0.0, 1e-3):
        state, versions, updater = learner(config(value_clip=clip, learning_rate=3e-3, epochs=4))
        slabs = batch(versions, 0, seed=1)
        seen = torch.from_numpy(slabs[0].observations_TBO).view(-1, 7)
        before = state.critic(seen).detach()
        updater.update(slabs)
        moved.append(float((state.critic(seen) - before).abs().mean().detach()))
    assert moved[1] < 0.7 * moved[0]


def test_the_clamp_of_the_log_ratio_is_for_the_loss_and_never_for_the_alarm() -> None:
    run = config(log_ratio_clamp=0.1, clip=10.0).learner
    state, versions, _ = learner(config())
    rows, _ = Batcher(run, state, Crew(1)).build(batch(versions, 0, seed=1))
    with torch.no_grad():
        means, logits = state.actor(rows.observations)
    outputs = Outputs((means + 1.0).requires_grad_(), state.actor.log_std, logits, state.critic(rows.observations))
    loss, terms = objective(run, Scales(), outputs, rows)
    assert terms.kl > 0.5, "k3 of the whole distance"
    assert abs(terms.policy_loss) < 1.2 * float(rows.advantages.abs().mean()), "the loss sees a ratio of e^0.1 at most"
    unclamped, _ = objective(config(clip=10.0).learner, Scales(), outputs, rows)
    assert loss != unclamped


def test_entropy_is_worth_something() -> None:
    found = []
    for coefficient in (0.0, 0.5):
        _state, versions, updater = learner(config(entropy_coefficient=coefficient, **FAST))
        for update in range(4):
            report = updater.update(batch(versions, update, seed=update))
        found.append(report.metrics["entropy"])
    assert found[1] > found[0] + 0.05


def test_after_a_load_the_critic_moves_alone_for_a_while() -> None:
    run = config(critic_only_updates=2)
    for why, alone in (("start", 0), ("load", 2), ("stage", 2), ("rollback", 2)):
        state, versions, updater = learner(run)
        tools.begin(state, run, why)  # type: ignore[arg-type]
        for update in range(3):
            before = {name: tensor.clone() for name, tensor in state.parameters().items()}
            report = updater.update(batch(versions, update, seed=update))
            changed = [name for name, one in state.parameters().items() if not torch.equal(one, before[name])]
            moved = {name.split(".")[0] for name in changed}
            assert moved == ({"critic"} if update < alone else {"actor", "critic"}), (why, update)
            assert (report.metrics["kl"] == 0) == (update < alone)


def test_the_first_step_after_the_critics_time_is_of_normal_size() -> None:
    """Adam's moments of the actor keep up while it stands still: no leap when it is let go."""
    sizes = []
    for alone in (0, 3):
        run = config(critic_only_updates=alone)
        state, versions, updater = learner(run)
        tools.begin(state, run, "load")
        for update in range(4):
            before = state.actor_weights.clone()
            updater.update(batch(versions, update, seed=update))
        sizes.append(float((state.actor_weights - before).norm()))
    assert sizes[1] < 1.5 * sizes[0]


def test_the_noise_is_reset_at_a_load_or_stage_but_not_by_a_rollback() -> None:
    run = config(log_std_reset=-0.25)
    for why, expected in (("start", -1.0), ("load", -0.25), ("stage", -0.25), ("rollback", -1.0)):
        state = learner(run)[0]
        state.optimizer.mean.fill_(1.0)
        tools.begin(state, run, why)  # type: ignore[arg-type]
        assert state.actor.log_std.tolist() == [expected] * 2
        forgotten = not state.moments()["mean.actor.log_std_raw"].any()
        assert forgotten == (expected != -1.0)
        assert state.moments()["mean.actor.head.weight"].all()


def test_the_first_updates_are_in_float32_and_a_resumed_run_goes_on_counting(tmp_path: Any) -> None:
    run = config()
    run = run.model_copy(update={"network": run.network.model_copy(update={"fp32_updates": 3})})
    state, versions, updater = learner(run, dtype=torch.bfloat16)
    tools.begin(state, run, "start")
    versions.add(0, state.actor)
    assert state.precision == "fp32"
    for update in range(2):
        report = updater.update(batch(versions, update, seed=update))
        assert report.metrics["ratio_error_max"] < 1e-5
    saved = checkpoint.write(tmp_path, state, MANIFEST)
    resumed, versions, updater = learner(run, dtype=torch.bfloat16)
    checkpoint.load(saved.path, resumed, MANIFEST)
    assert resumed.precision == "fp32"
    versions.add(2, resumed.actor)
    updater.update(batch(versions, 2, seed=2))
    assert resumed.precision == "bf16", "two before the kill, one after"
    assert versions[2].trunk.compute_dtype == torch.float32, "a version keeps its own"
    assert versions[3].trunk.compute_dtype == torch.bfloat16
    assert updater.update([slab(versions[2], 2, 9), slab(versions[3], 3, 9)]).committed
    tools.begin(resumed, run, "rollback")
    assert resumed.precision == "fp32"


def test_half_precision_is_refused_without_a_gpu() -> None:
    with pytest.raises(ConfigError, match=r"network.precision = 'fp16' needs learner.device = 'cuda', found 'cpu'"):
        config_of_precision("fp16")


def config_of_precision(name: str) -> Any:
    from ludus.kernel.config import load

    from .learner_kit import CONFIG

    return load(CONFIG, [("network.precision", name)], environment={})


def test_the_loss_scale_halves_on_overflow_and_grows_when_all_is_well() -> None:
    controls = Controls()
    controls.loss_scale.fill_(loss_scale.INITIAL)
    assert loss_scale.overflow(controls)
    assert float(controls.loss_scale) == loss_scale.INITIAL / 2
    for _ in range(loss_scale.GROWTH_INTERVAL):
        loss_scale.clean(controls)
    assert float(controls.loss_scale) == loss_scale.INITIAL
    controls.loss_scale.fill_(1.0)
    assert not loss_scale.overflow(controls), "a scale of 1 is not the reason"


def test_in_half_precision_an_overflow_costs_a_minibatch_and_small_gradients_survive() -> None:
    """The arithmetic is the CPU's here; what is tested is the scaling."""
    state, versions, updater = learner(config(learning_rate=1e-4), dtype=torch.float16)
    state.controls.loss_scale.fill_(2.0**40)
    attempts = 0
    for _ in range(20):
        attempts += 1
        report = updater.update(batch(versions, 0, seed=1))
        if report.committed:
            break
        assert report.reason == "no_minibatch"
        assert report.metrics["minibatches_skipped"] == 8
    assert attempts > 1
    assert report.metrics["minibatches_skipped"] < 8
    assert 1 < float(state.controls.loss_scale) < 2.0**32
    _exact, versions, updater = learner(config(learning_rate=1e-4))
    norm = updater.update(batch(versions, 0, seed=1)).metrics["gradient_norm"]
    assert report.metrics["gradient_norm"] == pytest.approx(norm, rel=0.1)


def test_everything_the_tools_carry_is_taken_back_and_survives_a_checkpoint(tmp_path: Any) -> None:
    run = config(
        learning_rate=5e-3, target_kl=1.0,
        **{"kl_penalty.coefficient": 1.0, "kl_penalty.reference": "ema", "kl_penalty.adaptive": True,
           "adaptive_rate.target": 1e-4, "ewc.coefficient": 1.0, "rnd.coefficient": 0.1, "critic_only_updates": 1},
    )  # fmt: skip
    state, versions, updater = learner(run)
    tools.begin(state, run, "stage")
    for update in range(2):
        updater.update(batch(versions, update, seed=update))
    before = state.remember()
    assert {"control.rate_factor", "ewc.fisher", "rnd.errors.mean", "reference.head.weight"} <= set(before)
    saved = checkpoint.write(tmp_path, state, MANIFEST)
    updater.update(batch(versions, 2, seed=2))
    assert not torch.equal(before["reference.head.weight"], state.tensors()["reference.head.weight"])
    state.restore(before)
    assert all(torch.equal(tensor, before[name]) for name, tensor in state.tensors().items())
    resumed = State(ARCHITECTURE, run.learner, torch.float32, seed=99)
    checkpoint.load(saved.path, resumed, MANIFEST)
    assert all(torch.equal(tensor, before[name]) for name, tensor in resumed.tensors().items())
