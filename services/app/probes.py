"""Exploiters on a schedule: at given shares of a run's training, one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

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
        raise UsageError(f"--at: expected ascending per cents of training, for example 25,50,100, found {text!r}")
    return found


def moments(
    wanted: Sequence[float], total_updates: int, steps: Callable[[], Sequence[int]], over: Callable[[], bool],
    look_seconds: float = LOOK_SECONDS,
) -> Iterator[tuple[float, int]]:  # fmt: skip
    """Every share with the step of the checkpoint nearest to it, once training has come so far; a step is given once.

    `steps`: of the checkpoints there are now; a run that is `over` has only those it kept. Raises CommandError where it
    kept none.
    """
    given: set[int] = set()
    for share in wanted:
        target = round(share * total_updates)
        ended, there = over(), steps()
        while not ended and max(there, default=-1) < target:
            time.sleep(look_seconds)
            ended, there = over(), steps()
        if not there:
            raise CommandError("the run has no checkpoint to attack")
        nearest = min(there, key=lambda step: (abs(step - target), -step))
        if nearest not in given:
            given.add(nearest)
            yield share, nearest


def steps_of(run: RunFolder, agent: str) -> list[int]:
    """Of its checkpoints."""
    return [saved.step for saved in saved_in(run.folder_of(agent) / "checkpoints")]


def wait_for(run: RunFolder) -> None:
    """Until it is over."""
    while not run.outcome():
        time.sleep(LOOK_SECONDS)
