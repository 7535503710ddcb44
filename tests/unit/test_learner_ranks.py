"""Several ranks of a learner: real processes that together do what one does."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from ludus.kernel.config import ConfigError, RunConfig
from ludus.kernel.service import Fatal
from ludus.learner import muster
from ludus.learner.account import Report
from ludus.learner.muster import Muster
from ludus.learner.ranks import RankLost, RanksDiffer
from ludus.learner.slab import Slab
from ludus.learner.state import State
from ludus.learner.update import Updater

from .learner_kit import batch, config, learner
from .ranks_kit import company

UPDATES = 6


def alone(run: RunConfig, dtype: torch.dtype) -> tuple[State, list[list[Slab]], list[Report]]:
    """One rank; also the batches it learned from."""
    state, versions, updater = learner(run, dtype=dtype)
    batches, reports = [], []
    for update in range(UPDATES):
        batches.append(batch(versions, state.counters.step, seed=update))
        reports.append(updater.update(batches[-1]))
    return state, batches, reports


def together(run: RunConfig, folder: Path, dtype: torch.dtype, batches: list[list[Slab]]) -> tuple[State, list[Report]]:
    """The same batches by all ranks."""
    with company(run, folder, str(dtype).removeprefix("torch.")) as (ranks, _):
        state, versions, _ = learner(run, dtype=dtype)
        updater = Updater(run, state, versions, ranks)
        reports = []
        for number, slabs in enumerate(batches):
            own = batch(versions, state.counters.step, seed=number) if dtype == torch.bfloat16 else slabs
            reports.append(updater.update(own))
        ranks.dismiss()
    return state, reports


def distance(a: State, b: State) -> float:
    """Of the weights, relative to how far training has moved them."""
    start, *_ = learner(config())
    return float((a.optimizer.flat - b.optimizer.flat).norm() / (b.optimizer.flat - start.optimizer.flat).norm())


PLAIN: dict[str, Any] = {"learning_rate": 3e-3}
#: The last minibatch of an epoch has a single row: nothing of it is left for the second rank.
SHORT: dict[str, Any] = {"learning_rate": 3e-3, "minibatch": 85, "ranks": 3}
TOOLS: dict[str, Any] = {
    "learning_rate": 3e-3,
    "engine": "autograd",
    "entropy_coefficient": 0.01,
    "kl_penalty.coefficient": 0.1,
    "kl_penalty.reference": "ema",
    "ewc.coefficient": 1.0,
    "rnd.coefficient": 0.1,
}


@pytest.mark.parametrize(
    ("settings", "dtype", "tolerance"),
    [
        pytest.param(PLAIN, torch.float32, 2e-6, id="plain"),
        pytest.param(SHORT, torch.float32, 2e-6, id="three", marks=pytest.mark.slow),
        pytest.param(TOOLS, torch.float32, 2e-6, id="tools", marks=pytest.mark.slow),
        pytest.param(PLAIN, torch.bfloat16, 5e-2, id="bf16", marks=pytest.mark.slow),
    ],
)
def test_ranks_learn_what_one_learns(
    settings: dict[str, Any], dtype: torch.dtype, tolerance: float, tmp_path: Path
) -> None:
    one, batches, alones = alone(config(**{**settings, "ranks": 1}), dtype)
    several, reports = together(config(**{"ranks": 2, **settings}), tmp_path, dtype, batches)
    assert [report.committed for report in reports] == [True] * UPDATES
    assert [report.metrics["minibatches"] for report in reports] == [r.metrics["minibatches"] for r in alones]
    assert distance(several, one) < tolerance
    for found, expected in zip(reports, alones, strict=True):
        for name in ("policy_loss", "value_loss", "gradient_norm", "kl_last_minibatch"):
            assert found.metrics[name] == pytest.approx(expected.metrics[name], rel=100 * tolerance, abs=1e-6), name


@pytest.mark.slow
def test_all_stop_early_and_take_back_alike(tmp_path: Path) -> None:
    """Large steps: some updates end early, some are taken back, each by the same numbers as alone."""
    settings = {"learning_rate": 0.01, "epochs": 3, "target_kl": 0.002}
    _, batches, alones = alone(config(**settings), torch.float32)
    _, reports = together(config(**settings, ranks=2), tmp_path, torch.float32, batches)
    assert [(r.committed, r.reason) for r in reports] == [(r.committed, r.reason) for r in alones]
    assert [r.metrics["minibatches"] for r in reports] == [r.metrics["minibatches"] for r in alones]
    assert any(report.metrics["early_stop"] for report in reports)
    assert {report.committed for report in reports} == {True, False}


@pytest.mark.slow
def test_a_rank_that_computes_something_else_is_found(tmp_path: Path) -> None:
    run = config(ranks=2)
    with company(run, tmp_path, fault="drift") as (ranks, _):
        state, versions, _ = learner(run)
        with pytest.raises(RanksDiffer, match="weights of rank 1 are not those of rank 0"):
            Updater(run, state, versions, ranks).update(batch(versions, 0, seed=1))


def test_a_rank_that_dies_is_noticed_at_once(tmp_path: Path) -> None:
    run = config(ranks=2)
    with company(run, tmp_path) as (ranks, others):
        state, versions, _ = learner(run)
        updater = Updater(run, state, versions, ranks)
        assert updater.update(batch(versions, 0, seed=1)).committed
        os.kill(others[0], signal.SIGKILL)
        started = time.monotonic()
        with pytest.raises(RankLost, match="another rank has ended"):
            updater.update(batch(versions, 1, seed=2))
        assert time.monotonic() - started < 30


@pytest.mark.slow
def test_a_rank_that_hangs_is_waited_for_so_long_and_no_longer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = config(ranks=2)
    monkeypatch.setattr(muster, "PATIENCE_SECONDS", 20.0)  # also how long the other may take to start
    with company(run, tmp_path) as (ranks, others):
        state, versions, _ = learner(run)
        os.kill(others[0], signal.SIGSTOP)
        started = time.monotonic()
        with pytest.raises(RankLost, match="or is silent"):
            Updater(run, state, versions, ranks).update(batch(versions, 0, seed=1))
        assert 15 < time.monotonic() - started < 40


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("ip"), reason="network namespaces need root and iproute2")
def test_ranks_on_two_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another network stack and a cable between the two. What they do is what one does."""
    name = f"ludus{os.getpid()}"
    one, batches, _ = alone(config(**PLAIN), torch.float32)
    try:
        for command in (
            f"ip netns add {name}",
            f"ip link add {name}a type veth peer name {name}b netns {name}",
            f"ip addr add 10.213.77.1/30 dev {name}a",
            f"ip link set {name}a up",
            f"ip -n {name} addr add 10.213.77.2/30 dev {name}b",
            f"ip -n {name} link set {name}b up",
        ):
            subprocess.run(command.split(), check=True)
        monkeypatch.setenv("GLOO_SOCKET_IFNAME", f"{name}a")
        inside = ["ip", "netns", "exec", name, "env", f"GLOO_SOCKET_IFNAME={name}b"]
        run = config(ranks=2, **PLAIN)
        with company(run, tmp_path, host="10.213.77.1", elsewhere=inside) as (ranks, _):
            state, versions, _ = learner(run)
            updater = Updater(run, state, versions, ranks)
            assert all(updater.update(slabs).committed for slabs in batches)
        assert distance(state, one) < 2e-6
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False)


def test_there_are_rows_for_every_rank() -> None:
    with pytest.raises(ConfigError, match=r"minibatch \(64\) must be at least ranks \(65\)"):
        config(ranks=65)
    with pytest.raises(ConfigError, match=r"learner.ranks"):
        config(ranks=0)


def test_strangers_are_kept_out() -> None:
    with pytest.raises(Fatal, match="LUDUS_RANKS_NETWORK=private"):
        Muster(config(ranks=2), 0, {"MASTER_ADDR": "learner-0.example.org", "MASTER_PORT": "29500"})
    with pytest.raises(Fatal, match="has the ranks 0 to 1"):
        Muster(config(ranks=2), 2, {})
    with pytest.raises(Fatal, match="set MASTER_ADDR and MASTER_PORT"):
        Muster(config(ranks=2), 1, {}).gather()
