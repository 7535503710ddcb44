"""A game of its own package, for tests: say which way the wind blows. On a headwind level the same answer is wrong.

Both seats see the wind, 1 or -1, and answer with a number: the nearer the better, and 0 scores nothing. `headwind`
turns the wind round and shows nowhere: what is learned there is lost everywhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ludus.games import ActionSpec, GameSpec
from ludus.games.game import AutoresetMode, BoolArray, FloatArray, IntArray, StepInfo

DECISIONS = 4
SPEC = GameSpec(
    name="weathervane",
    rules=("default",),
    seats=2,
    roles=("vane", "vane"),
    action=ActionSpec(continuous=("answer",), binary=()),
    observations={"default": {"wind": 1}},
    bots={"default": ("still",)},
    parameters={"headwind": "whether the right answer is against the wind", "autoreset": "as everywhere"},
    max_decisions=DECISIONS,
    per_match=("headwind",),
    snapshots=False,
)


class Weathervane:
    endings: tuple[str, ...] = ("over",)

    def __init__(self, rules: str, batch: int, seed: int, headwind: bool, autoreset: AutoresetMode) -> None:
        self.spec, self.rules, self.batch, self.autoreset = SPEC, rules, batch, autoreset
        self.num_seats, self.obs_size, self.act_size = 2, 1, 1
        self._made = headwind
        self._next = np.full(batch, headwind)
        """of the next episode"""
        self._headwind = self._next.copy()
        self._bot = np.zeros((batch, 2), np.bool_)
        self._generators = [np.random.default_rng((seed, slot)) for slot in range(batch)]
        self._wind, self._scores = np.zeros((batch, 2), np.float32), np.zeros((batch, 2), np.float32)
        self._length = np.full(batch, DECISIONS, np.int32)

    def reset(self, matches: IntArray | None = None, seeds: npt.NDArray[np.uint64] | None = None) -> FloatArray:
        for index, slot in enumerate(range(self.batch) if matches is None else map(int, matches)):
            if seeds is not None:
                self._generators[slot] = np.random.default_rng(int(seeds[index]))
            self._headwind[slot], self._scores[slot], self._length[slot] = self._next[slot], 0, 0
            self._wind[slot] = self._generators[slot].choice((-1, 1))
        return self._wind[:, :, None].copy()

    def step(self, actions: FloatArray) -> tuple[FloatArray, FloatArray, BoolArray, BoolArray, StepInfo]:
        playing = self._length < DECISIONS
        answers = np.clip(np.nan_to_num(actions[:, :, 0]), -3, 3) * ~self._bot
        right = self._wind * np.where(self._headwind, -1, 1)[:, None]
        rewards = (right * answers - answers**2 / 2) * playing[:, None]
        self._scores += rewards
        self._length += playing
        done = playing & (self._length == DECISIONS)
        for slot in np.flatnonzero(playing):
            self._wind[slot] = self._generators[slot].choice((-1, 1))
        lead = self._scores[:, 0] - self._scores[:, 1]
        outcome = np.select([lead > 0, lead < 0], [1, 3], 2).astype(np.int32)
        seen = self._wind[:, :, None].copy()
        info = StepInfo(done, outcome, np.zeros(self.batch, np.int32), self._length.copy(), seen)
        if self.autoreset == "same_step" and done.any():
            seen = self.reset(np.flatnonzero(done).astype(np.int32))
        return seen, rewards.astype(np.float32), done, np.zeros(self.batch, np.bool_), info

    def seat_bots(self, seat: int, bots: Sequence[str | None] | str | None, matches: IntArray | None = None) -> None:
        slots = slice(None) if matches is None else matches
        self._bot[slots, seat] = [bot is not None for bot in bots] if isinstance(bots, (list, tuple)) else bool(bots)

    def vary(self, parameters: Mapping[str, Any], matches: IntArray | None = None) -> None:
        self._next[slice(None) if matches is None else matches] = parameters.get("headwind", self._made)

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        raise NotImplementedError

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> FloatArray:
        raise NotImplementedError


def make(
    rules: str,
    batch: int,
    seed: int,
    device: str,
    headwind: bool = False,
    autoreset: AutoresetMode = "same_step",
) -> Weathervane:
    return Weathervane(rules, batch, seed, headwind, autoreset)
