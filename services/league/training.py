"""Standings of the training matches alone, for a run in lockstep.

Evaluation results come when they come, and they move ratings. What a league in lockstep draws from is folded from the
training results, whose order is fixed; every process folds it anew, from the first record on.
"""

from __future__ import annotations

from dataclasses import replace

from ..api.v1.match_pb2 import PURPOSE_TRAIN
from ..kernel.bus import Bus
from ..kernel.topology import RESULTS
from .judge import decode
from .ledger import OutOfOrder, State, fold

BATCH = 500
READ_SECONDS = 0.1


class TrainingLedger:
    """Follows the ledger, passing over what is not a training result."""

    def __init__(self, bus: Bus, k: int, fresh: State) -> None:
        self._bus = bus
        self._k = k
        self.state = fresh

    async def upto(self, end: int) -> State:
        """The state after the record with sequence `end`."""
        while self.state.position < end:
            count = min(BATCH, end - self.state.position)
            for record in await self._bus.read(RESULTS, self.state.position + 1, count, READ_SECONDS):
                self.state = fold_training(self.state, record.sequence, record.data, k=self._k)
        return self.state


def fold_training(state: State, sequence: int, data: bytes, *, k: int) -> State:
    """`ledger.fold_bytes` for training results; of any other record only the position is taken. Raises OutOfOrder."""
    result = decode(data)
    if result is not None and result.purpose == PURPOSE_TRAIN:
        return fold(state, sequence, result, k=k)
    if sequence != state.position + 1:
        raise OutOfOrder(f"the ledger stands at {state.position}; record {sequence} is not the next one")
    return replace(state, position=sequence)
