"""A rollout window: what an agent's seat in every slot saw, did and got, as arrays [T, B, ...]."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch

from ..api.v1.policy_pb2 import PolicyRef
from ..api.v1.rollout_pb2 import Rollout
from ..api.v1.tensor_pb2 import Tensor
from ..kernel.tensors import bfloat16_tensor, to_tensor
from .series import Decisions, packed

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
        self._learned = np.empty((steps, slots), np.bool_)
        self._finals: dict[tuple[int, int], FloatArray] = {}
        """by decision and slot: what was seen after it, for every truncated decision"""
        self._rows = np.arange(slots)
        self._seats = np.zeros(slots, np.int64)
        self._next = 0

    def watch(self, seats: npt.NDArray[np.int64]) -> None:
        """The seat to record per slot, -1 for none; slots that change hands are picked up before every decision."""
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
        np.greater_equal(seats, 0, out=self._learned[t])
        for slot in np.flatnonzero(truncated):
            self._finals[t, int(slot)] = after[slot, seats[slot]].copy()
        self._next = t + 1

    def slabs(
        self,
        last_observations: FloatArray,
        count: int,
        *,
        run: str,
        behaviour: PolicyRef,
        simulator: str,
        prefix: str,
        rounded: bool = False,
    ) -> Iterator[Rollout]:
        """Cut into at most `count` messages by slots and restart; none where nobody learned.

        `last_observations` [B, obs] follow the last decision. `rounded`: observations are sent as bfloat16.
        """
        assert self._next == self.steps, "a window is cut when it is full"
        self._next = 0
        finals, self._finals = self._finals, {}
        whole: Decisions | None = Decisions(
            self._observations, self._actions, self._log_probs, self._rewards, self._terminated, self._truncated,
            last_observations, finals,
        )  # fmt: skip
        if whole is not None and not self._learned.all():
            whole = packed(whole, self._learned)
        if whole is None:
            return
        width = -(-whole.rewards_TB.shape[1] // count)
        for k, first in enumerate(range(0, whole.rewards_TB.shape[1], width)):
            rollout = message(whole.columns(first, first + width), rounded)
            rollout.rollout_id, rollout.run, rollout.simulator = f"{prefix}.{k}", run, simulator
            rollout.behaviour.CopyFrom(behaviour)
            yield rollout


def message(part: Decisions, rounded: bool) -> Rollout:
    """The arrays of a slab."""
    finals = [part.finals[place] for place in sorted(part.finals)]
    nothing = np.empty((0, part.observations_TBO.shape[2]), np.float32)
    return Rollout(
        observations=_rounded(part.observations_TBO) if rounded else to_tensor(part.observations_TBO),
        actions=to_tensor(part.actions_TBA),
        log_probs=to_tensor(part.log_probs_TB),
        rewards=to_tensor(part.rewards_TB),
        terminated=to_tensor(part.terminated_TB),
        truncated=to_tensor(part.truncated_TB),
        last_observations=to_tensor(part.last_observations_BO),
        final_observations=to_tensor(np.stack(finals) if finals else nothing),
    )


def _rounded(array: FloatArray) -> Tensor:
    return bfloat16_tensor(torch.from_numpy(array).to(torch.bfloat16).contiguous().view(torch.uint16).numpy())
