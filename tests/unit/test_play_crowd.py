"""Frozen versions with few rows compute together: what comes out is what each would have computed alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from ludus.api.v1.policy_pb2 import PolicyRef
from ludus.play.architecture import Architecture
from ludus.play.bank import PolicyBank, live_key
from ludus.play.crowd import Crowd, may_join
from ludus.play.network import Actor
from ludus.play.precision import resolve

ARCHITECTURE = Architecture(
    obs_size=66, continuous=2, binary=1, hidden=64, blocks=0, activation="relu",
    log_std_init=-1.0, log_std_min=-2.0, log_std_max=0.0,
)  # fmt: skip
CPU = torch.device("cpu")
DTYPES = sorted({torch.float32, resolve("auto")}, key=str)


def actor(seed: int, dtype: torch.dtype, architecture: Architecture = ARCHITECTURE) -> Actor:
    made = Actor(architecture, dtype, torch.Generator().manual_seed(seed)).requires_grad_(False)
    made.head.weight.mul_(50)  # differences between versions are large against rounding
    return made


def observations(rows: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(rows, ARCHITECTURE.obs_size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_row_gets_the_answer_of_its_own_version(dtype: torch.dtype) -> None:
    versions = {name: actor(seed, dtype) for seed, name in enumerate("abc")}
    seats = {"a": [5, 0, 9], "b": [1], "c": [2, 3, 4, 6, 7]}
    seen = observations(10)
    crowd = Crowd()
    crowd.seat(seats, versions.__getitem__, CPU)
    out, log_std = crowd.act(seen)
    assert crowd.rows.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 9]
    for name, rows in seats.items():
        alone = versions[name].head(versions[name].trunk(seen))
        mine = [crowd.rows.tolist().index(row) for row in rows]
        torch.testing.assert_close(out[mine], alone[rows], rtol=1e-5, atol=1e-5)
        assert torch.equal(log_std[mine], versions[name].log_std.expand(len(rows), -1))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("others", [0, 1, 7, 20])
def test_company_changes_no_bit(dtype: torch.dtype, others: int) -> None:
    versions = {str(seed): actor(seed, dtype) for seed in range(others + 1)}
    seats = {"0": [0, 1]} | {str(k): [5 * k + place for place in range(1 + k % 5)] for k in range(1, others + 1)}
    seen = observations(5 * others + 5)
    alone, together = Crowd(), Crowd()
    alone.seat({"0": [0, 1]}, versions.__getitem__, CPU)
    together.seat(seats, versions.__getitem__, CPU)
    assert together.rows[:2].tolist() == [0, 1]
    assert torch.equal(together.act(seen)[0][:2], alone.act(seen)[0])


def test_versions_may_leave_and_come_back() -> None:
    versions = {str(seed): actor(seed, torch.float32) for seed in range(12)}
    crowd, seen = Crowd(), observations(12)
    for seated in (["0", "1"], ["1"], ["2", "0", "3"], list(versions), ["11"], ["5", "0"]):
        crowd.seat({key: [row] for row, key in enumerate(seated)}, versions.__getitem__, CPU)
        alone = torch.cat([versions[key](seen[[row]])[0] for row, key in enumerate(seated)])
        torch.testing.assert_close(crowd.act(seen)[0][:, :2], alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "joins"),
    [({}, True), ({"blocks": 2}, False), ({"activation": "tanh"}, False), ({"normalise_observations": True}, False)],
)
def test_who_may_join(changes: dict[str, Any], joins: bool) -> None:
    architecture = replace(ARCHITECTURE, **changes)
    assert may_join(actor(0, torch.float32, architecture)) is joins
    assert not may_join(Actor(architecture)), "a network that still learns"
    assert not may_join(object())


def test_the_bank_seats_live_frozen_and_deterministic_versions_side_by_side() -> None:
    bank = PolicyBank(ARCHITECTURE, 40, 2, device="cpu", seed=3)
    live = actor(99, torch.float32)
    bank.set_live(PolicyRef(agent="main"), live)
    versions = {str(seed): actor(seed, torch.float32) for seed in range(5)}
    for key, version in versions.items():
        bank.add(PolicyRef(sha256=key), version)
    seen = observations(80).numpy().reshape(40, 2, -1)
    actions, log_probs = np.zeros((40, 2, 3), np.float32), np.zeros((40, 2), np.float32)
    for slot in range(40):
        bank.seat(slot, 0, live_key("main"), deterministic=False)
        bank.seat(slot, 1, str(slot % 5) if slot < 39 else "", deterministic=slot % 2 == 0)
    with torch.inference_mode():
        bank.act(seen, actions, log_probs)
    for slot in range(39):
        means, logits = versions[str(slot % 5)](torch.from_numpy(seen[slot, 1:2]))
        if slot % 2 == 0:
            np.testing.assert_allclose(actions[slot, 1, :2], means[0].clamp(-1, 1), rtol=1e-5, atol=1e-5)
            assert actions[slot, 1, 2] == float(logits[0, 0] > 0)
            assert log_probs[slot, 1] == 0
        else:
            deviation = (actions[slot, 1, :2] - means[0].numpy()) / versions["0"].log_std.exp().numpy()
            assert np.abs(deviation).max() < 6
            assert log_probs[slot, 1] != 0
    assert (log_probs[:, 0] != 0).all()
    assert (actions[39, 1] == 0).all()
