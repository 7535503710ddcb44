"""The original's monitor of captures, by hand: it rolls back whoever learns when captures leave a band.

Imported by pursuit_selfplay.py. The original looked at its last 200 matches, went three checkpoints back when captures
were at most 2 % or at least 98 %, and on request took the other side back as well ("bilateral"). Ludus has no such
rule, because a swing is not a disease of a learner; here it is imitated from outside, by the commands that everybody
has.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pursuit_arms import BOTH

from ludus.app import client
from ludus.app.errors import CommandError
from ludus.app.home import Home, RunFolder
from ludus.app.view import evaluations
from ludus.kernel.players import version_of

#: Matches between the newest versions before they are judged.
ENOUGH = 200
STEPS_BACK = 3
LOOK_SECONDS = 0.5


class Point(NamedTuple):
    """Two versions against one another."""

    steps: tuple[int, int]
    wins: int
    """of the pursuer: captures"""
    n: int

    @property
    def step(self) -> float:
        return sum(self.steps) / 2

    @property
    def rate(self) -> float:
        return self.wins / self.n


class Monitor:
    """While entered, watches a run."""

    def __init__(self, home: Path, run: str, low: float, high: float, *, bilateral: bool) -> None:
        self._run = Home(home).run(run)
        self._low, self._high, self._bilateral = low, high, bilateral
        self._judged = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="capture-monitor", daemon=True)

    def __enter__(self) -> Monitor:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            status = client.fetch_status(self._run) if self._run.path.exists() else None
            if status is None:
                continue
            point = newest(evaluations(status.standings))
            if point is None or point.step <= self._judged:
                continue
            self._judged = point.step
            if not self._low < point.rate < self._high:
                learning = list(status.record.learning)
                for agent in BOTH if self._bilateral else learning:
                    self._roll_back(agent, f"captures were {point.rate:.2f} while {' and '.join(learning)} learned")

    def _roll_back(self, agent: str, reason: str) -> None:
        """To the third checkpoint before the newest, or the next older one that the controller knows.

        While there are fewer, there is nothing to go back to, and learning goes on.
        """
        for checkpoint in reversed(checkpoints(self._run, agent)[:-STEPS_BACK]):
            try:
                client.roll_back(self._run, agent, checkpoint, reason)
            except CommandError as error:
                print(f"{self._run.name}: {agent} not back to {checkpoint}: {error}", file=sys.stderr, flush=True)
            else:
                return


def newest(candidates: Sequence[dict[str, Any]]) -> Point | None:
    """The last of the complete measurements."""
    complete = [point for point in meetings(candidates) if point.n >= ENOUGH]
    return max(complete, key=lambda point: point.step, default=None)


def meetings(candidates: Sequence[dict[str, Any]]) -> list[Point]:
    """Every version of the pursuer that was measured against one of the evader."""
    points = []
    for candidate in candidates:
        for one in candidate["rows"]:
            if candidate["policy"].startswith("pursuer@") and one["opponent"].startswith("evader@") and one["n"]:
                steps = version_of(candidate["policy"])[2], version_of(one["opponent"])[2]
                points.append(Point(steps, one["wins"], one["n"]))
    return points


def checkpoints(run: RunFolder, agent: str) -> list[str]:
    """Names of the ones there are, `EPOCH-STEP`, in the order of their steps; of the same step the newest epoch."""
    by_step: dict[int, str] = {}
    for path in (run.path / "agents" / agent / "checkpoints").glob("*-*"):
        epoch, step = map(int, path.name.split("-"))
        if epoch >= int(by_step.get(step, "0-").partition("-")[0]):
            by_step[step] = path.name
    return [by_step[step] for step in sorted(by_step)]
