"""A process that lives but does not beat, seen from outside: what the kernel says about it is written down once.

Its own stacks are in its black box; a process that was stopped (SIGSTOP), or sleeps in the kernel, cannot write them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from ..kernel.heartbeat import STALLED_SECONDS
from .child import Child
from .home import Json, RunFolder, append_row

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


class HangWatch:
    """Of one run. A row of hangs.jsonl for each process and each silence."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self._told: set[int] = set()
        self._looked = 0.0

    def look(self, children: Iterable[Child]) -> None:
        """Call often; it looks once a second."""
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        for child in children:
            if child.identity:
                self._look_at(child.name, child.identity.pid)

    def _look_at(self, name: str, pid: int) -> None:
        heartbeat = self._run.heartbeat(name)
        beat = heartbeat.get("beat")
        if heartbeat.get("pid") != pid or not isinstance(beat, int | float):
            return
        age = time.time() - beat
        if age < STALLED_SECONDS:
            self._told.discard(pid)
        elif pid not in self._told:
            self._told.add(pid)
            row = {"time": time.time(), "service": name, "pid": pid, "heartbeat_age_seconds": round(age, 1)}
            row |= {"step": heartbeat.get("step"), "durable_step": heartbeat.get("durable_step"), **outside(pid)}
            log.warning("%s (process %d) has not beaten for %.0f s: %s", name, pid, age, row.get("state"))
            with suppress(OSError):
                append_row(self._run.hangs_file, row)


def outside(pid: int) -> Json:
    """What can be seen of a process without its help; empty when it has gone."""
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        with process.oneshot():
            times, memory = process.cpu_times(), process.memory_info()
            return {
                "state": process.status(),
                "threads": process.num_threads(),
                "cpu_seconds": round(times.user + times.system, 2),
                "memory_bytes": memory.rss,
                "waits_in": _waits_in(pid),
            }
    return {}


def _waits_in(pid: int) -> list[str]:
    """Where in the kernel its threads sleep, where that is told."""
    found = []
    for task in sorted(Path(f"/proc/{pid}/task").glob("*")):
        with suppress(OSError):
            name, place = (task / "comm").read_text().strip(), (task / "wchan").read_text().strip()
            found.append(f"{name}: {place if place not in ('', '0') else 'running'}")
    return found
