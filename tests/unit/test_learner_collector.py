"""Which slabs make a batch: enough of them, or a whole buffer of small ones."""

from types import SimpleNamespace
from typing import Any

import pytest

from ludus.learner.collector import Collector


def collector(sizes: list[int], *, lockstep: bool = False) -> Any:
    """It holds slabs of these sizes; nothing it does here asks the bus."""
    nothing: Any = None
    parts = (nothing, nothing, "a", nothing, nothing, nothing)
    made: Any = Collector(*parts, max_lag=4, buffer_slabs=4, window_slabs=2, lockstep=lockstep)
    for number, size in enumerate(sizes):
        made._held[str(number)] = SimpleNamespace(slab=SimpleNamespace(decisions=size))
    return made


@pytest.mark.parametrize(
    ("sizes", "chosen"), [([50, 50, 50], 2), ([60], 0), ([10, 10, 10], 0), ([10, 10, 10, 10], 4), ([10, 90, 10, 10], 2)]
)
def test_a_full_buffer_is_a_batch_whatever_it_holds(sizes: list[int], chosen: int) -> None:
    """The simulator waits for room: a learner that waited for more would wait for ever."""
    assert len(collector(sizes)._choose(100)) == chosen


def test_in_lockstep_a_batch_is_always_a_whole_window() -> None:
    assert collector([10, 10, 10, 10], lockstep=True)._choose(100) == []


@pytest.mark.parametrize(("sizes", "chosen"), [([10, 10, 10], 3), ([10, 10], 0), ([], 0)])
def test_without_room_for_a_window_a_learner_that_waited_in_vain_takes_what_there_is(
    sizes: list[int], chosen: int
) -> None:
    """Three slabs of four, windows of two: the simulator waits for the learner, and the other way round."""
    assert len(collector(sizes)._stuck()) == chosen
    assert collector(sizes, lockstep=True)._stuck() == []
