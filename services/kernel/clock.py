"""Time for decisions: monotonic durations only. Wall-clock time is for people and never compared."""

from __future__ import annotations

import time
from collections.abc import Callable

#: Seconds that only ever grow. Decisions take one of these, so that tests can turn the hands.
Monotonic = Callable[[], float]


class Deadline:
    """A moment some seconds from now."""

    def __init__(self, seconds: float, clock: Monotonic = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    @property
    def remaining_seconds(self) -> float:
        """Never negative."""
        return max(0.0, self._end - self._clock())

    @property
    def passed(self) -> bool:
        return self._clock() >= self._end


class Periodic:
    """True once every so many seconds, the first time at once; missed turns are skipped, not made up for."""

    def __init__(self, seconds: float, clock: Monotonic = time.monotonic) -> None:
        self._clock = clock
        self._seconds = seconds
        self._next = clock()

    def due(self) -> bool:
        now = self._clock()
        if now < self._next:
            return False
        self._next = now + self._seconds
        return True
