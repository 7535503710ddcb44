"""A stack of its own per test: home folder, supervisor, nats-server on a free port; taken down afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass
class Cli:
    """Runs `ludus` as a person would, against one home."""

    home: Path

    def __call__(self, *arguments: str, check: bool = True, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ludus.app.cli", "--home", str(self.home), *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, env={**os.environ, "NO_COLOR": "1"}, check=False
        )
        if check:
            assert done.returncode == 0, f"{' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return done

    def run_folder(self, run: str) -> Path:
        return self.home / "runs" / run

    def read(self, run: str, name: str) -> Any:
        return json.loads((self.run_folder(run) / name).read_text())

    def rows(self, run: str, name: str) -> list[dict[str, Any]]:
        """The lines of a file of JSON lines; none while it is not there."""
        path = self.run_folder(run) / name
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def events(self, run: str) -> list[dict[str, Any]]:
        """What people have been told so far, in order."""
        return self.rows(run, "events.jsonl")

    def heartbeat(self, run: str, service: str) -> dict[str, Any]:
        """The service's heartbeat; empty while there is none."""
        try:
            found: dict[str, Any] = self.read(run, f"services/{service}.json")
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return found

    def wait_for(self, what: str, condition: Callable[[], object], seconds: float) -> None:
        """Poll until the condition holds. Fails with what was waited for, and the logs."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"waited {seconds} s for {what}\n{self.tails()}"
            time.sleep(0.1)

    def tails(self) -> str:
        """The last lines of every log, for a failing test."""
        logs = sorted(self.home.rglob("*.log"))
        return "\n".join(f"--- {log.name}\n" + "\n".join(log.read_text().splitlines()[-15:]) for log in logs)


@pytest.fixture
def ludus(tmp_path: Path) -> Iterator[Cli]:
    cli = Cli(tmp_path / "home")
    yield cli
    cli("down", check=False)
