"""Processes that outlive whoever started them, and telling them apart from later ones with the same number."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

#: The clock that start times are computed from may be adjusted while a process lives.
START_TOLERANCE_SECONDS = 2.0
LOG_LIMIT_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Identity:
    """A process number alone can be used again after a death; together with the start time it cannot."""

    pid: int
    started: float
    """unix time"""

    @classmethod
    def of(cls, pid: int) -> Identity | None:
        """None when there is no such process, or only its remains (a zombie)."""
        try:
            process = psutil.Process(pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return None
            return cls(pid, process.create_time())
        except psutil.Error:
            return None

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> Identity | None:
        """From the JSON form; None unless complete."""
        pid, started = value.get("pid"), value.get("process_started")
        return cls(pid, float(started)) if isinstance(pid, int) and isinstance(started, int | float) else None

    def as_json(self) -> dict[str, Any]:
        return {"pid": self.pid, "process_started": self.started}

    def alive(self) -> bool:
        now = Identity.of(self.pid)
        return now is not None and abs(now.started - self.started) <= START_TOLERANCE_SECONDS

    def send(self, number: signal.Signals) -> None:
        """To this process only; harmless when it is gone."""
        if self.alive():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill_session(self) -> None:
        """SIGKILL for the process and whatever it started in its own session."""
        if self.alive():
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


def start_detached(
    argv: Sequence[str], log_file: Path, environment: Mapping[str, str], folder: Path
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, without a terminal, its output appended to a file.

    Raises OSError when it cannot be started.
    """
    log_file.parent.mkdir(parents=True, exist_ok=True)
    if log_file.exists() and log_file.stat().st_size > LOG_LIMIT_BYTES:
        log_file.replace(log_file.with_suffix(".log.1"))
    with log_file.open("ab") as log:
        return subprocess.Popen(
            list(argv), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env=dict(environment), cwd=folder, start_new_session=True,
        )  # fmt: skip


def wait_until_gone(identities: Sequence[Identity], timeout_seconds: float) -> list[Identity]:
    """Those still alive after the timeout."""
    deadline = time.monotonic() + timeout_seconds
    while (left := [identity for identity in identities if identity.alive()]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def describe_exit(return_code: int) -> str:
    """`killed by SIGKILL` or `exit code 1`."""
    if return_code >= 0:
        return f"exit code {return_code}"
    try:
        return f"killed by {signal.Signals(-return_code).name}"
    except ValueError:
        return f"killed by signal {-return_code}"


def out_of_memory_kills() -> int:
    """How many processes this machine's kernel has killed for memory so far; 0 where that is not told."""
    with suppress(OSError, ValueError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            name, _, value = line.partition(" ")
            if name == "oom_kill":
                return int(value)
    return 0
