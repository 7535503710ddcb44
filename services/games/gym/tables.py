"""A batch of environments that are stepped one by one: the `Game` side of the adapters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..game import AutoresetMode, BoolArray, FloatArray, GameSpec, IntArray, StepInfo

ENDINGS = ("terminated", "truncated")
RUNNING, FIRST_SEAT, DRAW, SECOND_SEAT, SCORED = range(5)


class Table(Protocol):
    """One environment with S seats. Rows are float32."""

    def reset(self, seed: int, observations: FloatArray) -> None:
        """Begin an episode, a pure function of `seed`; write what each seat sees into [S, obs]."""

    def step(self, actions: FloatArray, observations: FloatArray, rewards: FloatArray) -> tuple[bool, bool]:
        """One decision of everybody, [S, act]; write [S, obs] and [S]. Returns terminated, truncated (never both)."""

    def close(self) -> None:
        """Let go of what the environment holds."""


class TableGame:
    """B tables. Arrays that `reset` and `step` return are overwritten by the next of these calls.

    With two seats the higher undiscounted return wins; with one seat there is a score and nobody to beat.
    """

    endings: tuple[str, ...] = ENDINGS

    def __init__(
        self, spec: GameSpec, tables: Sequence[Table], *, rules: str, seed: int, autoreset: AutoresetMode
    ) -> None:
        self.spec, self.rules, self.autoreset = spec, rules, autoreset
        self.batch, self.num_seats = len(tables), spec.seats
        self.obs_size = next(iter(spec.observations[rules].values()))
        self.act_size = spec.action.size
        self._tables = tables
        self._streams = [np.random.default_rng((seed, slot)) for slot in range(self.batch)]
        batch, seats = self.batch, self.num_seats
        self._observations = np.zeros((batch, seats, self.obs_size), np.float32)
        self._final = np.zeros_like(self._observations) if autoreset == "same_step" else self._observations
        self._rewards = np.zeros((batch, seats), np.float32)
        self._returns = np.zeros((batch, seats), np.float64)
        self._terminated, self._truncated, self._done = (np.zeros(batch, np.bool_) for _ in range(3))
        self._outcome, self._ending, self._decisions, self._length = (np.zeros(batch, np.int32) for _ in range(4))
        self._standing = np.ones(batch, np.bool_)
        """not playing: never begun, or ended"""

    def reset(self, matches: IntArray | None = None, seeds: npt.NDArray[np.uint64] | None = None) -> FloatArray:
        """Start new episodes in the given slots (all when None); without seeds, each slot has a stream of its own.

        Returns the observations [B, S, obs] of all slots. Raises ValueError for seeds that do not fit the slots.
        """
        slots = range(self.batch) if matches is None else list(map(int, matches))
        if seeds is not None and len(seeds) != len(slots):
            raise ValueError(f"expected {len(slots)} seeds, one per slot, found {len(seeds)}")
        for index, slot in enumerate(slots):
            self._begin(slot, None if seeds is None else int(seeds[index]))
        return self._observations

    def step(self, actions: FloatArray) -> tuple[FloatArray, FloatArray, BoolArray, BoolArray, StepInfo]:
        """One decision in every slot that plays, actions [B, S, act]; a slot that stands still has reward 0.

        Returns observation [B, S, obs], reward [B, S], terminated [B], truncated [B], info. Raises ValueError for
        another shape.
        """
        expected = (self.batch, self.num_seats, self.act_size)
        if actions.shape != expected:
            raise ValueError(f"expected actions of shape {expected}, found {actions.shape}")
        self._done[:] = self._terminated[:] = self._truncated[:] = False
        self._rewards[:] = 0
        for slot in np.flatnonzero(~self._standing):
            self._step(int(slot), actions[slot])
        info = StepInfo(self._done, self._outcome, self._ending, self._decisions, self._final)
        return self._observations, self._rewards, self._terminated, self._truncated, info

    def _step(self, slot: int, actions: FloatArray) -> None:
        seen, rewards = self._observations[slot], self._rewards[slot]
        terminated, truncated = self._tables[slot].step(actions, seen, rewards)
        self._returns[slot] += rewards
        self._length[slot] += 1
        self._decisions[slot] = self._length[slot]
        self._outcome[slot] = RUNNING
        if self.autoreset == "same_step":
            self._final[slot] = seen
        if terminated or truncated:
            self._done[slot] = self._standing[slot] = True
            self._terminated[slot], self._truncated[slot] = terminated, truncated
            self._ending[slot] = 0 if terminated else 1
            self._outcome[slot] = self._judge(slot)
            if self.autoreset == "same_step":
                self._begin(slot, None)

    def _judge(self, slot: int) -> int:
        if self.num_seats == 1:
            return SCORED
        first, second = self._returns[slot]
        return DRAW if first == second else FIRST_SEAT if first > second else SECOND_SEAT

    def _begin(self, slot: int, seed: int | None) -> None:
        chosen = int(self._streams[slot].integers(0, 2**63)) if seed is None else seed
        self._tables[slot].reset(chosen, self._observations[slot])
        self._returns[slot] = self._length[slot] = 0
        self._standing[slot] = False

    def seat_bots(self, seat: int, bots: Sequence[str | None] | str | None, matches: IntArray | None = None) -> None:
        """There are no scripted bots: every seat is played from outside. Raises ValueError for a bot."""
        asked = [bots] if isinstance(bots, str) else [bot for bot in bots or () if bot]
        if asked:
            raise ValueError(f"{self.spec.name} has no scripted bots, found {asked[0]!r}")

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """Raises ValueError: environments of this kind do not give away their whole state."""
        raise ValueError(f"{self.spec.name} has no snapshots: its environment cannot be put back into an earlier state")

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> FloatArray:
        """Raises ValueError, like `snapshot`."""
        raise ValueError(f"{self.spec.name} has no snapshots: its environment cannot be put back into an earlier state")

    def close(self) -> None:
        """Let go of what the environments hold."""
        for table in self._tables:
            table.close()
