"""A few threads that share one list of tasks.

Each takes the next task when it has finished one, so a core that is busy elsewhere (the simulator's, say) delays one
task, not half of the work. Who does which task changes nothing: tasks write to places of their own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from ..play.tuning import tune_thread

Task = Callable[[], None]


class Crew:
    """The calling thread and `threads - 1` helpers. The helpers have one CPU thread each; so should the caller."""

    def __init__(self, threads: int) -> None:
        self._helpers = threads - 1
        self._pool = ThreadPoolExecutor(max(1, self._helpers), "crew", initializer=tune_thread, initargs=(1,))
        self.helper_cpu_seconds = 0.0
        """CPU time of the helpers so far"""

    def run(self, tasks: Sequence[Task]) -> None:
        """Do all tasks; returns when the last one is done. Raises what a task raised, after the others have ended."""
        waiting = iter(tasks)  # a list's iterator hands out every element once, whoever asks
        helping = [self._pool.submit(_drain, waiting) for _ in range(min(self._helpers, len(tasks) - 1))]
        try:
            _drain(waiting)
        finally:
            errors = [future.exception() for future in helping]
        for future, error in zip(helping, errors, strict=True):
            if error is not None:
                raise error
            self.helper_cpu_seconds += future.result()


def _drain(waiting: Iterator[Task]) -> float:
    """Returns the CPU seconds it took on this thread."""
    started = time.thread_time()
    for task in waiting:
        task()
    return time.thread_time() - started
