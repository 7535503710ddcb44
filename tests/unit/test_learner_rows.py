"""Packed rows in another order."""

from __future__ import annotations

import pytest
import torch

from ludus.learner.crew import Crew
from ludus.learner.rows import SHUFFLED_ROWS, Rows, Shuffler


@pytest.mark.parametrize("threads", [1, 3])
def test_every_row_is_moved_whole_and_the_source_stays(threads: int) -> None:
    shuffler = Shuffler(Crew(threads))
    for total in (2 * SHUFFLED_ROWS + 1, 5, SHUFFLED_ROWS):
        packed = torch.arange(7.0 * total).view(total, 7)
        rows, order = Rows(packed.clone(), 2, 1), torch.randperm(total)
        shuffled = shuffler.shuffle(rows, order)
        assert torch.equal(shuffled.packed, packed[order])
        assert torch.equal(rows.packed, packed)
        assert (shuffled.obs_size, shuffled.act_size, len(shuffled)) == (2, 1, total)
