"""What was seen after truncated decisions reaches the learner, row by row."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ludus.api.v1.policy_pb2 import PolicyRef
from ludus.learner.slab import decode
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
