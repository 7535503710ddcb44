"""What a process leaves behind, however it ends: its last words, its last numbers, and its stacks when it hangs.

    blackbox/<name>/<pid>/last.json    last log records, metrics, heartbeat; the exception, if it ended in one
    blackbox/<name>/<pid>/stacks.txt   stacks of all threads: of a crash of the interpreter, of a hang, on SIGUSR1

`kill -9` leaves what was written at most `WRITE_SECONDS` before. The stacks of an event loop that stands still are
written by a thread of faulthandler's, which needs no lock of Python's; it is wound up again at every beat.
"""

from __future__ import annotations

import faulthandler
import json
import logging
import os
import shutil
import signal
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Any

from .files import write_atomically
from .heartbeat import STALLED_SECONDS

FOLDER, LAST, STACKS = "blackbox", "last.json", "stacks.txt"
WRITE_SECONDS = 5.0
RECORDS = 100
#: Updates that take half a minute each must not fill the disk with stacks.
MOST_DUMPS = 20
#: So many processes of one name are remembered.
KEPT = 5

log = logging.getLogger(__name__)


class BlackBox:
    """One process's. A disk that takes nothing is no reason to stop: then there is no box."""

    def __init__(self, run_folder: Path, name: str, numbers: Callable[[], dict[str, float]]) -> None:
        self.folder = run_folder / FOLDER / name / str(os.getpid())
        self._numbers = numbers
        self._records = _Records()
        self._rounds = 0
        self._moved = self._written = time.monotonic()
        self._told, self._dumps = False, 0
        logging.getLogger().addHandler(self._records)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._stacks = (self.folder / STACKS).open("a", buffering=1)
        faulthandler.enable(self._stacks)
        with suppress(AttributeError, ValueError):  # there is no such signal, or this is not the main thread
            faulthandler.register(signal.SIGUSR1, self._stacks)
        _forget_old(self.folder)

    def beat(self, heartbeat: Mapping[str, Any], rounds: int) -> None:
        """Once a second, from the event loop. `rounds`: of the work so far; 0 while it rests."""
        faulthandler.dump_traceback_later(STALLED_SECONDS, file=self._stacks)
        now = time.monotonic()
        self._watch(heartbeat, rounds, now)
        if now - self._written >= WRITE_SECONDS:
            self.write(heartbeat)

    def write(self, heartbeat: Mapping[str, Any], error: BaseException | None = None) -> None:
        """Everything known, now."""
        self._written = time.monotonic()
        tree = {
            "time": time.time(),
            "heartbeat": dict(heartbeat),
            "exception": "".join(traceback.format_exception(error)) if error else "",
            "records": list(self._records.kept),
            "metrics": {name: value if isfinite(value) else str(value) for name, value in self._numbers().items()},
        }
        with suppress(OSError):
            write_atomically(self.folder / LAST, json.dumps(tree, default=str).encode() + b"\n")

    def close(self) -> None:
        """The loop has ended by itself: it is no hang any more."""
        faulthandler.cancel_dump_traceback_later()

    def _watch(self, heartbeat: Mapping[str, Any], rounds: int, now: float) -> None:
        """A thread may hang while the loop goes on: then the work does not come round. Told once each time."""
        if rounds != self._rounds or not rounds:
            self._rounds, self._moved, self._told = rounds, now, False
        if self._told or self._dumps >= MOST_DUMPS or now - self._moved < STALLED_SECONDS:
            return
        self._told, self._dumps = True, self._dumps + 1
        known = f"step {heartbeat.get('step')}, state {heartbeat.get('state')}"
        why = f"no progress for {now - self._moved:.0f} s ({known})"
        self.dump(why)
        log.warning("%s: stacks of all threads are in %s", why, self.folder / STACKS)

    def dump(self, why: str) -> None:
        """Stacks of all threads, with a line that says why."""
        with suppress(OSError):
            self._stacks.write(f"\n{datetime.now(UTC).isoformat(timespec='seconds')} {why}\n")
            faulthandler.dump_traceback(self._stacks)


class _Records(logging.Handler):
    """The last log records, events among them."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.kept: deque[dict[str, Any]] = deque(maxlen=RECORDS)

    def emit(self, record: logging.LogRecord) -> None:
        row = {"time": record.created, "level": record.levelname.lower(), "message": record.getMessage()}
        if detail := getattr(record, "detail", None):
            row["detail"] = detail
        if record.exc_info:
            row["traceback"] = logging.Formatter().formatException(record.exc_info)
        self.kept.append(row)


def _forget_old(own: Path) -> None:
    """Only the newest few are kept."""
    found = []
    for folder in own.parent.iterdir():
        with suppress(OSError):
            found.append((folder.stat().st_mtime_ns, folder))
    others = [folder for _, folder in sorted(found) if folder != own]
    for folder in others[: max(0, len(others) - KEPT + 1)]:
        shutil.rmtree(folder, ignore_errors=True)
