"""What was seen after truncated decisions reaches the learner, row by row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ludus.api.v1.policy_pb2 import PolicyRef
from ludus.learner.slab import decode
from ludus.play.bank import PolicyBank
from ludus.play.network import Actor
from ludus.simulator.recorder import Window

from .learner_kit import ARCHITECTURE

STEPS, SLOTS, SEATS = 5, 6, 2


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([1, 2, 3, 6]), st.floats(0, 0.6))
def test_final_observations_are_those_of_the_learning_seat_in_the_order_of_truncated(
    seed: int, count: int, share: float
) -> None:
    rng = np.random.default_rng(seed)
    window = Window(STEPS, SLOTS, ARCHITECTURE.obs_size, ARCHITECTURE.act_size)
    seats = rng.integers(0, SEATS, SLOTS)
    window.watch(seats)
    shape = (STEPS, SLOTS, SEATS)
    seen, after = (rng.standard_normal((*shape, ARCHITECTURE.obs_size)).astype(np.float32) for _ in range(2))
    truncated = rng.random((STEPS, SLOTS)) < share
    for t in range(STEPS):
        window.record(
            seen[t], np.zeros((SLOTS, SEATS, 3), np.float32), np.zeros((SLOTS, SEATS), np.float32),
            np.zeros((SLOTS, SEATS), np.float32), np.zeros(SLOTS, np.bool_), truncated[t], after[t],
        )  # fmt: skip
    ref = PolicyRef(agent="main", epoch=1)
    last = np.zeros((SLOTS, ARCHITECTURE.obs_size), np.float32)
    messages = list(window.slabs(last, count, run="r", behaviour=ref, simulator="s", prefix="p"))
    width = SLOTS // count
    for index, message in enumerate(messages):
        slab = decode(message.SerializeToString(), "r", "main", ARCHITECTURE)
        part = slice(index * width, (index + 1) * width)
        expected = [
            after[t, slot, seats[slot]] for t in range(STEPS) for slot in range(part.start, part.stop)
            if truncated[t, slot]
        ]  # fmt: skip
        assert slab.final_observations_NO is not None
        assert slab.final_observations_NO.shape == (len(expected), ARCHITECTURE.obs_size)
        np.testing.assert_array_equal(slab.final_observations_NO, np.array(expected).reshape(-1, ARCHITECTURE.obs_size))


def test_rounded_observations_arrive_as_what_a_bfloat16_network_makes_of_them() -> None:
    rng = np.random.default_rng(0)
    seen = rng.standard_normal((STEPS, SLOTS, 1, ARCHITECTURE.obs_size)).astype(np.float32)
    slabs = {}
    for rounded in (False, True):
        window = Window(STEPS, SLOTS, ARCHITECTURE.obs_size, ARCHITECTURE.act_size)
        window.watch(np.zeros(SLOTS, np.int64))
        nothing, never = np.zeros((SLOTS, 1), np.float32), np.zeros(SLOTS, np.bool_)
        for now in seen:
            window.record(now, np.zeros((SLOTS, 1, 3), np.float32), nothing, nothing, never, never, now)
        made = window.slabs(
            seen[-1, :, 0], 1, run="r", behaviour=PolicyRef(agent="main", epoch=1), simulator="s", prefix="p",
            rounded=rounded,
        )  # fmt: skip
        data = next(made).SerializeToString()
        slabs[rounded] = decode(data, "r", "main", ARCHITECTURE), len(data)
    exact, rounded_slab = (torch.from_numpy(slabs[key][0].observations_TBO.copy()) for key in (False, True))
    assert torch.equal(exact, torch.from_numpy(seen[:, :, 0]))
    assert torch.equal(rounded_slab, exact.bfloat16().float())
    assert not torch.equal(rounded_slab, exact)
    assert slabs[False][1] - slabs[True][1] == seen.size * 2 - len("bfloat16") + len("float32")
    for key in ("actions_TBA", "log_probs_TB", "last_observations_BO"):
        assert np.array_equal(getattr(slabs[True][0], key), getattr(slabs[False][0], key))


def test_only_what_a_bfloat16_network_sees_unstandardised_is_rounded() -> None:
    plain = ARCHITECTURE
    standardising = replace(plain, normalise_observations=True)
    for architecture, dtype, rounds in (
        (plain, torch.bfloat16, True), (plain, torch.float32, False), (standardising, torch.bfloat16, False),
    ):  # fmt: skip
        bank = PolicyBank(architecture, 1, 1, device="cpu", seed=0)
        bank.set_live(PolicyRef(agent="main"), Actor(architecture, dtype).requires_grad_(False))
        assert bank.rounds_observations("main") is rounds
