"""The heartbeat file: what a process leaves behind when it dies."""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path
from typing import Any

from .files import write_atomically

log = logging.getLogger(__name__)

BEAT_SECONDS = 1.0
#: An event loop that has not run for this long is not alive.
STALLED_SECONDS = 30.0


class Heartbeat:
    """`services/<name>.json` in the run's folder. Fields: who and where, state, reason, error, progress."""

    def __init__(self, path: Path, **fixed: Any) -> None:
        self.path = path
        self._fields: dict[str, Any] = {
            **fixed,
            "pid": os.getpid(),
            "started": time.time(),
            "state": "starting",
            "reason": "",
        }
        self._last = time.monotonic()
        self._broken = False

    @property
    def fields(self) -> dict[str, Any]:
        """A copy of what is known."""
        return dict(self._fields)

    @property
    def state(self) -> str:
        return str(self._fields["state"])

    @property
    def reason(self) -> str:
        return str(self._fields["reason"])

    def update(self, **fields: Any) -> None:
        """Change fields; they are written with the next beat."""
        self._fields.update(fields)

    def beat(self) -> None:
        """Write the file. A full disk is reported once, and is no reason to stop."""
        self._last = time.monotonic()
        fields = {**self._fields, "beat": time.time(), "monotonic": self._last}
        try:
            write_atomically(self.path, json.dumps(fields, default=str).encode() + b"\n")
            self._broken = False
        except OSError as error:
            if not self._broken:
                log.warning("the heartbeat %s cannot be written: %s", self.path, error)
            self._broken = True

    def alive(self) -> str:
        """Empty while the loop beats, otherwise what is wrong."""
        age = time.monotonic() - self._last
        return "" if age < STALLED_SECONDS else f"the event loop has not run for {age:.0f} s"
