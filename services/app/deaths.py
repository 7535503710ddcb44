"""What is written down when a process dies."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from .home import Json, append_row
from .processes import describe_exit, out_of_memory_kills

log = logging.getLogger(__name__)

#: Of a process that an earlier supervisor started, nobody is told how it ended. But one that ends by itself, even in an
#: error, writes that down first.
UNSEEN = "killed (SIGKILL or the like: it left no word, and its exit was not seen)"
UNSEEN_ERROR = "ended; its exit was not seen"


class MemoryKills:
    """How many processes the kernel killed for memory around a death.

    The kernel counts before it kills, so the count is read after the death was seen: one that was read before the look
    at the processes may be older than the kill.
    """

    def __init__(self) -> None:
        self._before = self._now = out_of_memory_kills()

    def tick(self) -> None:
        """Before each look at the processes: what died since the look before this one was alive at that count."""
        self._before, self._now = self._now, out_of_memory_kills()

    @property
    def fresh(self) -> int:
        """Kills since the look before this one began."""
        return out_of_memory_kills() - self._before


def cause_of(code: int | None, heartbeat: Json, *, memory_kills: int = 0) -> str:
    """`killed by SIGKILL`, `exit code 1: <last error>`. `memory_kills`: kills for memory at that time."""
    unseen = UNSEEN_ERROR if heartbeat.get("error") else UNSEEN
    text = unseen if code is None else describe_exit(code)
    if code == -9 and memory_kills:
        text += " (the machine ran out of memory at that time)"
    error = str(heartbeat.get("error") or "").strip()
    return f"{text}: {error}" if error and (code is None or code > 0) else text


def record_death(path: Path, service: str, pid: int, cause: str, heartbeat: Json, *, restarted: bool) -> None:
    """Append one row. `heartbeat` is the last one of the process that died; empty when it never had one."""
    beat = heartbeat.get("beat")
    now = time.time()
    row: Json = {
        "time": now,
        "service": service,
        "pid": pid,
        "cause": cause,
        "heartbeat_age_seconds": round(now - beat, 3) if isinstance(beat, int | float) else None,
        "step": heartbeat.get("step"),
        "durable_step": heartbeat.get("durable_step"),
        "restarted": restarted,
    }
    log.warning("%s (process %d): %s%s", service, pid, cause, "; starting it again" if restarted else "")
    try:
        append_row(path, row)
    except OSError as error:
        log.error("cannot write %s: %s", path, error.strerror)
