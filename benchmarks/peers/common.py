"""What every peer shares: the work, the environment, the clock and the line it prints.

Only NumPy is needed here: a peer runs in a virtual environment of its own.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

OBS, ACT, HIDDEN = 59, 3, 256
ENVIRONMENTS, STEPS, EPOCHS, MINIBATCH = 256, 128, 4, 4096
BATCH = ENVIRONMENTS * STEPS
LEARNING_RATE, GAMMA, GAE_LAMBDA, CLIP, LOG_STD = 3e-4, 0.99, 0.95, 0.2, -1.0
EPISODE = 1000
"""decisions until an episode is cut"""

_TABLE_STEPS = 64


def observations_table() -> FloatArray:
    """Observations [64, ENVIRONMENTS, OBS] that come round and round."""
    return np.random.default_rng(0).standard_normal((_TABLE_STEPS, ENVIRONMENTS, OBS), dtype=np.float32)


def rewards_of(actions: FloatArray, observations: FloatArray) -> FloatArray:
    """1 − ‖action − first observations‖² / 3: something to learn that costs nothing."""
    rewards: FloatArray = 1 - np.square(actions - observations[:, :ACT]).mean(axis=1)
    return rewards


@dataclass
class Clock:
    """Looks at the clocks whenever an update's worth of steps is over; the first updates are warm-up."""

    marks: list[tuple[float, float]] = field(default_factory=list)
    steps: int = 0

    def tick(self) -> None:
        if self.steps % STEPS == 0:
            self.marks.append((time.perf_counter(), time.process_time()))
        self.steps += 1


class Environment:
    """ENVIRONMENTS copies stepped together. `step` returns observations, rewards, truncated, all of them at once."""

    def __init__(self) -> None:
        self._table = observations_table()
        self._now = 0
        self.clock = Clock()

    def reset(self) -> FloatArray:
        return self._table[0]

    def step(self, actions: FloatArray) -> tuple[FloatArray, FloatArray, bool]:
        self.clock.tick()
        rewards = rewards_of(actions, self._table[self._now % _TABLE_STEPS])
        self._now += 1
        return self._table[self._now % _TABLE_STEPS], rewards, self._now % EPISODE == 0


@dataclass(frozen=True)
class Options:
    updates: int
    """measured ones"""
    warmup: int
    precision: str
    activation: str
    threads: int

    @property
    def total_updates(self) -> int:
        """The last mark is set by the first step after the last update, so one more has to begin."""
        return self.warmup + self.updates + 1


def options() -> Options:
    parser = argparse.ArgumentParser()
    parser.add_argument("--updates", type=int, default=4)
    parser.add_argument("--warmup", type=int, default=1)
    parser.add_argument("--precision", choices=("fp32", "mixed"), default="fp32")
    parser.add_argument("--activation", choices=("tanh", "relu"), default="tanh")
    parser.add_argument("--threads", type=int, default=2)
    return Options(**vars(parser.parse_args()))


def run(train: Callable[[Environment, Options], None]) -> None:
    """Train, then print one JSON line: what was measured between the warm-up and the last update."""
    chosen, environment = options(), Environment()
    train(environment, chosen)
    marks = environment.clock.marks[chosen.warmup : chosen.warmup + chosen.updates + 1]
    if len(marks) <= chosen.updates:
        sys.exit(f"only {len(marks)} updates were begun, {chosen.updates + chosen.warmup + 1} are needed")
    (wall, cpu), (wall_end, cpu_end) = marks[0], marks[-1]
    decisions = chosen.updates * BATCH
    assert math.isfinite(wall_end - wall)
    print(json.dumps({"decisions": decisions, "wall_seconds": wall_end - wall, "cpu_seconds": cpu_end - cpu}))
