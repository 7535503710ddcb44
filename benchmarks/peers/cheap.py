"""The peers' environment as a game of Ludus: one seat, found through the entry-point group `ludus.games`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from common import ACT, EPISODE, OBS, FloatArray, observations_table, rewards_of

from ludus.games import ActionSpec, GameSpec, StepInfo

RULES = "default"
SPEC = GameSpec(
    name="cheap",
    rules=(RULES,),
    seats=1,
    roles=("agent",),
    action=ActionSpec(continuous=tuple(f"action_{k}" for k in range(ACT)), binary=()),
    observations={RULES: {"flat": OBS}},
    bots={RULES: ()},
    parameters={"autoreset": "same_step (default) or disabled"},
    max_decisions=EPISODE,
)
SCORED = 4


class Cheap:
    """B episodes; what is seen comes from a table, from a row that the seed chooses."""

    spec, rules, num_seats, obs_size, act_size, endings = SPEC, RULES, 1, OBS, ACT, ("truncated",)

    def __init__(self, batch: int, seed: int, autoreset: str) -> None:
        self.batch, self.autoreset = batch, autoreset
        self._table = observations_table().reshape(-1, OBS)
        self._random = np.random.default_rng(seed)
        self._first, self._age = np.zeros(batch, np.int64), np.zeros(batch, np.int32)
        self._standing, self._never = np.ones(batch, np.bool_), np.zeros(batch, np.bool_)
        self._now: FloatArray = self._table[:batch, None]
        self._outcome, self._ending = np.full(batch, SCORED, np.int32), np.zeros(batch, np.int32)

    def reset(self, matches: Any = None, seeds: npt.NDArray[np.uint64] | None = None) -> FloatArray:
        slots = np.arange(self.batch) if matches is None else np.asarray(matches)
        drawn = self._random.integers(0, 2**62, len(slots)) if seeds is None else seeds
        self._first[slots] = [int(seed) % len(self._table) for seed in drawn]
        self._age[slots], self._standing[slots] = 0, False
        return self._seen()

    def step(self, actions: FloatArray) -> tuple[FloatArray, FloatArray, Any, Any, StepInfo]:
        rewards = rewards_of(actions[:, 0], self._now[:, 0])
        rewards[self._standing] = 0
        self._age += ~self._standing
        done = (self._age >= EPISODE) & ~self._standing
        length = self._age.copy()
        self._standing |= done
        seen = final = self._seen()
        if self.autoreset == "same_step" and done.any():
            seen = self.reset(np.flatnonzero(done))
        info = StepInfo(done, self._outcome, self._ending, length, final)
        return seen, rewards[:, None], self._never, done, info

    def seat_bots(self, seat: int, bots: Sequence[str | None] | str | None, matches: Any = None) -> None:
        if isinstance(bots, str) or any(bots or ()):
            raise ValueError(f"cheap has no scripted bots, found {bots!r}")

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        return {"first": self._first.copy(), "age": self._age.copy(), "standing": self._standing.copy()}

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> FloatArray:
        self._first[:], self._age[:], self._standing[:] = state["first"], state["age"], state["standing"]
        return self._seen()

    def _seen(self) -> FloatArray:
        self._now = self._table.take((self._first + self._age) % len(self._table), 0)[:, None]
        return self._now


def make(rules: str, batch: int, seed: int, device: str, autoreset: str = "same_step") -> Cheap:
    return Cheap(batch, seed, autoreset)
