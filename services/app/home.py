"""Ludus's folder on disk: which files there are and what they say.

    home/{stack.json, desired.json, supervisor.lock, deaths.jsonl, logs/, nats/, runs/<run>/}

Everything a command needs to know about a run that is not alive can be read here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..kernel.config import AGENTS_FOLDER
from ..kernel.files import write_atomically
from .errors import CommandError, unknown

HOME_VARIABLE = "LUDUS_HOME"
Json = dict[str, Any]


def default_home() -> Path:
    """$LUDUS_HOME or ~/.ludus."""
    return Path(os.environ.get(HOME_VARIABLE) or Path.home() / ".ludus").expanduser().absolute()


def read_json(path: Path) -> Json:
    """The object in a file; empty when there is no file or it is not (yet) a whole object."""
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def write_json(path: Path, value: Json, *, durable: bool = False) -> None:
    """Write whole or not at all. Raises CommandError when the disk does not take it."""
    try:
        write_atomically(path, (json.dumps(value, indent=2) + "\n").encode(), durable=durable)
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}. Check free space and permissions.") from error


def read_rows(path: Path) -> list[Json]:
    """The objects of a JSON-lines file; a half-written last line is left out."""
    return list(_rows(path))


def _rows(path: Path) -> Iterator[Json]:
    try:
        text = path.read_text()
    except OSError:
        return
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value


def last_row(path: Path, tail_bytes: int = 65_536) -> Json:
    """The last whole object of a JSON-lines file of any length."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - tail_bytes))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return {}
    for line in reversed(lines):
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            return value
    return {}


def append_row(path: Path, row: Json) -> None:
    """One write of one line, so that concurrent readers never see half a row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write((json.dumps(row) + "\n").encode())


@dataclass(frozen=True)
class RunFolder:
    """runs/<run>/ ."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def config_file(self) -> Path:
        return self.path / "config.json"

    @property
    def deaths_file(self) -> Path:
        return self.path / "deaths.jsonl"

    @property
    def hangs_file(self) -> Path:
        return self.path / "hangs.jsonl"

    @property
    def outcome_file(self) -> Path:
        return self.path / "outcome.json"

    @property
    def stamp(self) -> tuple[int, int]:
        """Changes whenever a person changes what is desired: the file is a new one each time."""
        try:
            found = (self.path / "desired.json").stat()
        except OSError:
            return 0, 0
        return found.st_mtime_ns, found.st_ino

    def config(self) -> Json:
        return read_json(self.config_file)

    def whole_config(self) -> Json:
        """The same, checked key by key. Raises CommandError when the file is not what a run was created with."""
        from ..kernel.config import ConfigError, load

        try:
            return load(self.config_file, environment={}).model_dump(mode="json")
        except ConfigError as error:
            raise CommandError(
                f"the configuration of {self.name} cannot be used: {error}. Put the file back, or end with it: "
                f"ludus remove {self.name}"
            ) from error

    def desired(self) -> Json:
        return read_json(self.path / "desired.json")

    def outcome(self) -> Json:
        """How the run ended: {"state": "finished" | "stopped" | "failed", "reason"}; empty while it goes on."""
        outcome = read_json(self.outcome_file)
        return {**outcome, "state": str(outcome.get("state", "failed")).lower()} if outcome else {}

    def summary(self) -> Json:
        return read_json(self.path / "summary.json")

    def heartbeat(self, service: str) -> Json:
        return read_json(self.path / "services" / f"{service}.json")

    def process_file(self, service: str) -> Path:
        """Which process the supervisor started for a service."""
        return self.path / "services" / f"{service}.pid.json"

    def log_file(self, service: str) -> Path:
        return self.path / "logs" / f"{service}.log"

    def services(self) -> list[str]:
        """Names of the run's processes: one simulator per worker, one learner per agent, and the other two."""
        workers = int(self.config().get("simulator", {}).get("workers", 1))
        learners = [f"learner-{agent}" for agent in self.agents()] or ["learner"]
        return ["league", *learners, *(f"simulator-{worker}" for worker in range(workers)), "evaluator"]

    def agents(self) -> list[str]:
        """Names of the agents, where there are several."""
        names = [str(agent["name"]) for agent in self.config().get("agents", [])]
        return names if len(names) > 1 else []

    def folder_of(self, agent: str) -> Path:
        """Where an agent's checkpoints, weights and numbers are."""
        return self.path / AGENTS_FOLDER / agent if agent in self.agents() else self.path

    def want(self, state: str) -> None:
        """Tell the supervisor what this run should do; every change has a generation of its own."""
        generation = int(self.desired().get("generation", 0)) + 1
        write_json(self.path / "desired.json", {"state": state, "generation": generation}, durable=True)

    @property
    def wanted(self) -> bool:
        """A person wants it to run and it has not come to an end."""
        return self.desired().get("state") == "running" and not self.outcome()


@dataclass(frozen=True)
class Home:
    """The whole folder."""

    root: Path

    @property
    def stack_file(self) -> Path:
        return self.root / "stack.json"

    @property
    def desired_file(self) -> Path:
        return self.root / "desired.json"

    @property
    def lock_file(self) -> Path:
        return self.root / "supervisor.lock"

    @property
    def deaths_file(self) -> Path:
        return self.root / "deaths.jsonl"

    @property
    def targets_file(self) -> Path:
        """For Prometheus: what to scrape."""
        return self.root / "targets.json"

    @property
    def nats_folder(self) -> Path:
        return self.root / "nats"

    def log_file(self, name: str) -> Path:
        return self.root / "logs" / f"{name}.log"

    def run(self, name: str) -> RunFolder:
        return RunFolder(self.root / "runs" / name)

    def runs(self) -> list[RunFolder]:
        """All runs, oldest first."""
        found = []
        for path in (self.root / "runs").glob("*/config.json"):
            # A folder may be removed while it is looked at.
            with suppress(FileNotFoundError):
                if not path.parent.name.startswith("."):
                    found.append((path.stat().st_mtime_ns, path.parent))
        return [RunFolder(folder) for _, folder in sorted(found)]

    def pick(self, name: str | None, prefer: Callable[[RunFolder], bool] = lambda run: run.wanted) -> RunFolder:
        """The run called `name`; without a name the newest one of those preferred, or else the newest.

        Raises UsageError naming the runs there are.
        """
        runs = self.runs()
        if name:
            for run in runs:
                if run.name == name:
                    return run
            raise unknown("run", name, [run.name for run in runs], f"Runs are kept in {self.root / 'runs'}.")
        preferred = [run for run in runs if prefer(run)] or runs
        if not preferred:
            raise CommandError(f"there is no run in {self.root / 'runs'} yet. Start one: ludus train dogfight")
        return preferred[-1]
