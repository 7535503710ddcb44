"""What comes from the bus is a good slab or a counted refusal, whatever the bytes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ludus.api.v1.policy_pb2 import PolicyRef
from ludus.kernel.metric_table import METRICS
from ludus.kernel.tensors import to_tensor
from ludus.learner.slab import Refused, check_version, decode
from ludus.play.network import Actor

from ..unit.learner_kit import ARCHITECTURE, message, slab

GOOD = slab(Actor(ARCHITECTURE, generator=torch.Generator().manual_seed(1)), 0, 1)
DATA = message(GOOD).SerializeToString()
REASONS = next(m for m in METRICS if m.name == "ludus_learner_rollouts_dropped_total").labels["reason"]


def read(data: bytes) -> object:
    return decode(data, "learning", "main", ARCHITECTURE)


def test_a_good_message_comes_through_unchanged() -> None:
    found = decode(DATA, "learning", "main", ARCHITECTURE)
    assert found.decisions == 16 * 8
    for name in ("observations_TBO", "actions_TBA", "log_probs_TB", "rewards_TB", "terminated_TB", "truncated_TB"):
        np.testing.assert_array_equal(getattr(found, name), getattr(GOOD, name), err_msg=name)
    assert not found.observations_TBO.flags.writeable, "a view of the message, not a copy"


@settings(max_examples=300, deadline=None)
@given(position=st.integers(0, len(DATA) - 1), value=st.integers(0, 255), cut=st.booleans())
def test_damaged_bytes_are_refused_or_harmless(position: int, value: int, cut: bool) -> None:
    data = bytearray(DATA)
    data[position] = value
    try:
        found = decode(bytes(data[:position] if cut else data), "learning", "main", ARCHITECTURE)
    except Refused as refusal:
        assert refusal.reason in REASONS  # noqa: PT017 most damage is refused, some does no harm
        return
    assert np.isfinite(found.observations_TBO).all()
    assert np.isfinite(found.rewards_TB).all()


@settings(max_examples=100, deadline=None)
@given(
    name=st.sampled_from(["observations", "actions", "log_probs", "rewards", "last_observations"]),
    value=st.sampled_from([np.nan, np.inf, -np.inf, 1e30, -2e6]),
    place=st.floats(0, 1, exclude_max=True),
)
def test_a_number_that_is_not_finite_or_absurd_is_found_wherever_it_is(name: str, value: float, place: float) -> None:
    made = message(GOOD)
    tensor = getattr(made, name)
    array = np.frombuffer(tensor.data, np.float32).copy()
    array[int(place * len(array))] = value
    tensor.data = array.tobytes()
    with pytest.raises(Refused) as caught:
        read(made.SerializeToString())
    assert caught.value.reason == "not_finite"
    assert caught.value.poison


def test_shapes_kinds_and_addressees_that_do_not_fit() -> None:
    wrong = {
        "one row short": ("rewards", to_tensor(np.zeros((15, 8), np.float32))),
        "another observation": ("observations", to_tensor(np.zeros((16, 8, 6), np.float32))),
        "float64": ("log_probs", to_tensor(np.zeros((16, 8)))),
        "flat": ("rewards", to_tensor(np.zeros(128, np.float32))),
        "empty": ("rewards", to_tensor(np.zeros((0, 8), np.float32))),
        "half an action": ("actions", to_tensor(np.full((16, 8, 3), 0.5, np.float32))),
    }
    for what, (name, tensor) in wrong.items():
        made = message(GOOD)
        getattr(made, name).CopyFrom(tensor)
        with pytest.raises(Refused) as caught:
            read(made.SerializeToString())
        assert caught.value.reason == "invalid", what
    with pytest.raises(Refused, match="another"):
        read(message(GOOD, run="another").SerializeToString())


@given(epoch=st.integers(0, 3), step=st.integers(0, 20), own_epoch=st.integers(1, 3), own_step=st.integers(0, 20))
def test_fencing_and_lag(epoch: int, step: int, own_epoch: int, own_step: int) -> None:
    try:
        check_version(PolicyRef(agent="main", epoch=epoch, step=step), own_epoch, own_step, 4)
        reason = ""
    except Refused as refusal:
        reason = refusal.reason
    if epoch < own_epoch:
        assert reason == "epoch"
    elif epoch > own_epoch or step > own_step:
        assert reason == "invalid"
    else:
        assert reason == ("stale" if own_step - step > 4 else "")
