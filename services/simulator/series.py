"""Decisions of a seat that learns only now and then, packed into whole columns. Pure.

Whether an agent learns in a slot changes with the match there. Its decisions of a window, slot after slot, are one
series: every stretch ends with the end of a match, or with the window's. The latter is written as a truncated decision
whose successor is known, which is what the end of a window is. The series is then cut into columns of equal length.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
ByteArray = npt.NDArray[np.uint8]
BoolArray = npt.NDArray[np.bool_]
T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Decisions:
    """T decisions of B slots. `finals`: by (decision, slot), what was seen after each truncated one."""

    observations_TBO: FloatArray
    actions_TBA: FloatArray
    log_probs_TB: FloatArray
    rewards_TB: FloatArray
    terminated_TB: ByteArray
    truncated_TB: ByteArray
    last_observations_BO: FloatArray
    finals: Mapping[tuple[int, int], FloatArray]

    def columns(self, first: int, end: int) -> Decisions:
        """Some of the slots."""
        part = slice(first, end)
        finals = {(t, slot - first): seen for (t, slot), seen in self.finals.items() if first <= slot < end}
        return Decisions(
            self.observations_TBO[:, part], self.actions_TBA[:, part], self.log_probs_TB[:, part],
            self.rewards_TB[:, part], self.terminated_TB[:, part], self.truncated_TB[:, part],
            self.last_observations_BO[part], finals,
        )  # fmt: skip


def packed(window: Decisions, learned_TB: BoolArray) -> Decisions | None:
    """The decisions marked in `learned_TB`, in about as many columns as slots are filled by them; None without any.

    Of the series' last decisions, fewer than there are columns are left out.
    """
    steps, count = len(learned_TB), int(learned_TB.sum())
    if not count:
        return None
    columns = max(1, round(count / steps))
    length = count // columns
    chosen = learned_TB.T
    places = np.argwhere(chosen)[:, ::-1]
    """[N, 2] (decision, slot), slot after slot"""

    def series(array: npt.NDArray[T]) -> npt.NDArray[T]:
        found: npt.NDArray[T] = array.swapaxes(0, 1)[chosen]
        return found

    terminated, truncated = series(window.terminated_TB), series(window.truncated_TB).copy()
    cut = (places[:, 0] == steps - 1) & (terminated == 0) & (truncated == 0)
    truncated[cut] = 1
    observations = series(window.observations_TBO)
    after = np.concatenate((observations[1:], observations[:1]))
    finals = {}
    for index in np.flatnonzero(truncated[: columns * length]):
        decision, slot = map(int, places[index])
        seen = window.last_observations_BO[slot] if cut[index] else window.finals[decision, slot]
        finals[int(index % length), int(index // length)] = seen
    used = columns * length

    def cut_up(array: npt.NDArray[T]) -> npt.NDArray[T]:
        return array[:used].reshape(columns, length, *array.shape[1:]).swapaxes(0, 1)

    return Decisions(
        cut_up(observations), cut_up(series(window.actions_TBA)), cut_up(series(window.log_probs_TB)),
        cut_up(series(window.rewards_TB)), cut_up(terminated), cut_up(truncated),
        after[length - 1 : used : length], finals,
    )  # fmt: skip
