"""Experience of a seat that learns only now and then: in columns, nothing is lost, doubled or joined wrongly."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ludus.simulator.series import Decisions, packed


def window(steps: int, slots: int, seed: int) -> tuple[Decisions, np.ndarray]:
    """Matches of random length, each learned from or not; an observation is its slot, decision and number."""
    rng = np.random.default_rng(seed)
    done = rng.random((steps, slots)) < 0.3
    truncated = done & (rng.random((steps, slots)) < 0.5)
    learned = np.zeros((steps, slots), np.bool_)
    for slot in range(slots):
        learns = rng.random() < 0.6
        for t in range(steps):
            learned[t, slot] = learns
            learns = rng.random() < 0.6 if done[t, slot] else learns
    t, slot = np.indices((steps, slots))
    observations = np.stack((slot, t), -1).astype(np.float32)
    last = np.stack((np.arange(slots), np.full(slots, steps)), -1).astype(np.float32)
    finals = {(int(i), int(j)): np.array([j, i + 0.5], np.float32) for i, j in np.argwhere(truncated)}
    numbers = (t * slots + slot).astype(np.float32)
    return Decisions(
        observations, numbers[..., None], numbers, numbers, (done & ~truncated).astype(np.uint8),
        truncated.astype(np.uint8), last, finals,
    ), learned  # fmt: skip


@given(st.integers(1, 12), st.integers(1, 6), st.integers(0, 2**32))
def test_every_decision_is_followed_by_its_own_successor(steps: int, slots: int, seed: int) -> None:
    whole, learned = window(steps, slots, seed)
    part = packed(whole, learned)
    if part is None:
        assert not learned.any()
        return
    length, columns = part.rewards_TB.shape
    kept = sorted(part.rewards_TB.reshape(-1))
    wanted = sorted(whole.rewards_TB[learned])
    assert set(kept) <= set(wanted)
    assert len(set(kept)) == len(kept) > len(wanted) - columns
    assert sorted(part.finals) == [tuple(map(int, place)) for place in np.argwhere(part.truncated_TB)]
    for column in range(columns):
        for t in range(length):
            slot, moment = part.observations_TBO[t, column]
            if part.terminated_TB[t, column]:
                continue
            if part.truncated_TB[t, column]:
                after = part.finals[t, column]
                real = whole.truncated_TB[int(moment), int(slot)]
                assert list(after) == [slot, moment + (0.5 if real else 1)]
            else:
                last = t + 1 == length
                after = part.last_observations_BO[column] if last else part.observations_TBO[t + 1, column]
                assert list(after) == [slot, moment + 1]


def test_a_window_learned_from_throughout_has_as_many_columns_as_slots() -> None:
    whole, _ = window(8, 5, 1)
    part = packed(whole, np.ones((8, 5), np.bool_))
    assert part is not None
    assert part.rewards_TB.shape == (8, 5)
