"""What the league leaves in the run's folder, and reads from it."""

from __future__ import annotations

import json
import time
from pathlib import Path

from ..api.v1.run_pb2 import RunRecord
from ..kernel.files import write_atomically
from .commands import state_name


class RunDirectory:
    def __init__(self, directory: str) -> None:
        self._path = Path(directory)
        self._began = time.monotonic()

    def write_outcome(self, record: RunRecord) -> None:
        """How the run ended, for whoever looks after it without asking the bus."""
        outcome = {"state": state_name(record.state), "reason": record.reason}
        write_atomically(self._path / "outcome.json", (json.dumps(outcome, indent=2) + "\n").encode())

    def forget_outcome(self) -> None:
        """The run goes on."""
        (self._path / "outcome.json").unlink(missing_ok=True)

    def elapsed_seconds(self) -> float:
        """Since the run was created, for people; since this process began where that is not known."""
        config = self._path / "config.json"
        if config.exists():
            return max(0.0, time.time() - config.stat().st_mtime)
        return time.monotonic() - self._began
