"""A rollout window: what the learning seat of every slot saw, did and got, as arrays [T, B, ...]."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ..api.v1.policy_pb2 import PolicyRef
from ..api.v1.rollout_pb2 import Rollout
from ..kernel.tensors import to_tensor

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]


class Window:
    """Records T decisions of B slots, then cuts itself into self-contained slabs by slots."""

    def __init__(self, steps: int, slots: int, obs_size: int, act_size: int) -> None:
        self.steps = steps
        self.slots = slots
        self._observations = np.empty((steps, slots, obs_size), np.float32)
        self._actions = np.empty((steps, slots, act_size), np.float32)
        self._log_probs = np.empty((steps, slots), np.float32)
        self._rewards = np.empty((steps, slots), np.float32)
        self._terminated = np.empty((steps, slots), np.uint8)
        self._truncated = np.empty((steps, slots), np.uint8)
        self._finals: list[tuple[int, int, FloatArray]] = []
        """decision, slot and what was seen after it, for every truncated decision"""
        self._rows = np.arange(slots)
        self._seats = np.zeros(slots, np.int64)
        self._next = 0

    def watch(self, seats: npt.NDArray[np.int64]) -> None:
        """The seat to record per slot; slots that change hands are picked up before every decision."""
        self._seats = seats

    def record(
        self,
        observations: FloatArray,
        actions: FloatArray,
        log_probs: FloatArray,
        rewards: FloatArray,
        terminated: BoolArray,
        truncated: BoolArray,
        after: FloatArray,
    ) -> None:
        """One decision of every slot, from the seat that learns there. `after` [B, S, obs]: before any reset."""
        t, rows, seats = self._next, self._rows, self._seats
        self._observations[t] = observations[rows, seats]
        self._actions[t] = actions[rows, seats]
        self._log_probs[t] = log_probs[rows, seats]
        self._rewards[t] = rewards[rows, seats]
        self._terminated[t] = terminated
        self._truncated[t] = truncated
        for slot in np.flatnonzero(truncated):
            self._finals.append((t, int(slot), after[slot, seats[slot]].copy()))
        self._next = t + 1

    def slabs(
        self, last_observations: FloatArray, count: int, *, run: str, behaviour: PolicyRef, simulator: str, prefix: str
    ) -> Iterator[Rollout]:
        """Cut into `count` messages by slots and restart. `last_observations` [B, obs] follow the last decision."""
        assert self._next == self.steps, "a window is cut when it is full"
        self._next = 0
        finals, self._finals = self._finals, []
        width = self.slots // count
        for k in range(count):
            part = slice(k * width, (k + 1) * width)
            yield Rollout(
                rollout_id=f"{prefix}.{k}",
                run=run,
                behaviour=behaviour,
                observations=to_tensor(self._observations[:, part]),
                actions=to_tensor(self._actions[:, part]),
                log_probs=to_tensor(self._log_probs[:, part]),
                rewards=to_tensor(self._rewards[:, part]),
                terminated=to_tensor(self._terminated[:, part]),
                truncated=to_tensor(self._truncated[:, part]),
                last_observations=to_tensor(last_observations[part]),
                simulator=simulator,
                final_observations=to_tensor(self._rows_of(finals, part)),
            )

    def _rows_of(self, finals: list[tuple[int, int, FloatArray]], part: slice) -> FloatArray:
        """[N, obs]: those of the slots of one slab, in the order of `truncated`."""
        rows = [seen for _, slot, seen in sorted(finals, key=lambda one: one[:2]) if part.start <= slot < part.stop]
        return np.stack(rows) if rows else np.empty((0, self._observations.shape[2]), np.float32)
