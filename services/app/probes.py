"""Exploiters on a schedule: at given shares of a run's training, one after the other."""

from __future__ import annotations

import time
from collections.abc import Iterator

from ..learner.checkpoint import saved_in
from .errors import CommandError, UsageError
from .home import RunFolder

#: Between two looks at a run that has not come so far yet, or at an exploiter that trains.
LOOK_SECONDS = 1.0


def shares(text: str) -> list[float]:
    """`25,50,100` -> [0.25, 0.5, 1.0]. Raises UsageError."""
    try:
        found = [float(part) / 100 for part in text.split(",")]
    except ValueError:
        found = []
    if not found or found != sorted(set(found)) or not 0 <= found[0] <= found[-1] <= 1:
        raise UsageError(
            f"--at: expected per cents of training in ascending order, for example 25,50,100, found {text!r}"
        )
    return found


def moments(run: RunFolder, agent: str, total_updates: int, wanted: list[float]) -> Iterator[tuple[float, int]]:
    """Every share with the step of the checkpoint that is nearest to it, once the run has come so far.

    A run that is over has only the checkpoints it kept; a step is given once. Raises CommandError where there is none.
    """
    given: set[int] = set()
    for share in wanted:
        target = round(share * total_updates)
        while not (steps := _steps(run, agent)) or (max(steps) < target and not run.outcome()):
            if run.outcome():
                raise CommandError(f"{run.name} has no checkpoint to attack")
            time.sleep(LOOK_SECONDS)
        nearest = min(steps, key=lambda step: (abs(step - target), -step))
        if nearest not in given:
            given.add(nearest)
            yield share, nearest


def wait_for(run: RunFolder) -> None:
    """Until it is over."""
    while not run.outcome():
        time.sleep(LOOK_SECONDS)


def _steps(run: RunFolder, agent: str) -> list[int]:
    return [saved.step for saved in saved_in(run.folder_of(agent) / "checkpoints")]
