"""One shift of one service: started, and asked to end before the platform's time limit, with its work kept.

A service that is asked (SIGTERM) writes its checkpoint or gives its tickets back within ten seconds. Its exit code
decides what follows: 0 before the time was up: the run is over; 2: a person must act; anything else, or the time is up:
another shift.
"""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

#: Between being asked to end and the platform's limit: draining, saving, handing over.
RESERVE_SECONDS = 60.0
#: How long a service may take once it is asked; it cuts itself off after ten.
DRAIN_SECONDS = 20.0

GPUS = ("T4", "L4", "A10", "L40S", "A100", "A100-40GB", "A100-80GB", "H100", "H200", "B200")
_GPU = re.compile(r"^([A-Z0-9a-z-]+?)!?(?::([1-8]))?$")
MAX_LIMIT_SECONDS = 24 * 3600

Verdict = Literal["over", "again", "stuck"]


@dataclass(frozen=True, slots=True)
class Resources:
    """What a function asks for. Modal does not look at it before it runs; we do. Raises ValueError."""

    gpu: str = ""
    cpu: float = 1.0
    memory_mebibytes: int = 2048
    limit_seconds: int = MAX_LIMIT_SECONDS

    def __post_init__(self) -> None:
        found = _GPU.match(self.gpu)
        if self.gpu and (found is None or found[1] not in GPUS):
            raise ValueError(f"gpu {self.gpu!r}: expected one of {', '.join(GPUS)}, with :N for several")
        if not 0.125 <= self.cpu <= 64:
            raise ValueError(f"cpu {self.cpu}: expected 0.125 … 64 cores")
        if not 128 <= self.memory_mebibytes <= 344_064:
            raise ValueError(f"memory {self.memory_mebibytes}: expected 128 … 344064 MiB")
        if not 2 * RESERVE_SECONDS <= self.limit_seconds <= MAX_LIMIT_SECONDS:
            raise ValueError(f"limit {self.limit_seconds}: expected {2 * RESERVE_SECONDS:.0f} … {MAX_LIMIT_SECONDS} s")


def work(command: Sequence[str], seconds: float, environment: Mapping[str, str] | None = None) -> Verdict:
    """Run a service for at most `seconds`, then ask it to end, by force if it must be."""
    process = subprocess.Popen(command, env=None if environment is None else dict(environment))
    deadline = time.monotonic() + seconds
    try:
        code = process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        _end(process)
        return "again"
    except BaseException:  # the platform takes the machine away: the work is kept all the same
        _end(process)
        raise
    if code == 0:
        return "over"
    return "stuck" if code == 2 else "again"


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(DRAIN_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
