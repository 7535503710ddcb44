"""One training run of Ludus through its real services and bus, watched from outside: its speed, and where time goes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from common import (
    BATCH,
    CLIP,
    ENVIRONMENTS,
    EPOCHS,
    GAE_LAMBDA,
    GAMMA,
    HIDDEN,
    LEARNING_RATE,
    LOG_STD,
    MINIBATCH,
    STEPS,
)

HERE = Path(__file__).parent
RUN = "cheap"
PATIENCE_SECONDS = 300.0
SERVER = "nats-server"


@dataclass(frozen=True)
class Measured:
    decisions: int
    wall_seconds: float
    cpu_seconds: dict[str, float]
    """by part; together all of the stack's CPU time"""


def configuration(precision: str, activation: str, threads: int) -> str:
    """The peers' settings. Nothing is stopped early, so that everybody does the same work."""
    return f"""
game = "cheap"
rules = "default"
decisions = {10_000 * BATCH}
[simulator]
matches = {ENVIRONMENTS}
steps = {STEPS}
[network]
hidden = {HIDDEN}
activation = "{activation}"
log_std_init = {LOG_STD}
precision = "{precision}"
[learner]
batch_decisions = {BATCH}
epochs = {EPOCHS}
minibatch = {MINIBATCH}
gamma = {GAMMA}
gae_lambda = {GAE_LAMBDA}
clip = {CLIP}
learning_rate = {LEARNING_RATE}
learning_rate_final_ratio = 1.0
learning_rate_warmup_updates = 0
reward_scale = 1.0
target_kl = 1e3
threads = {threads}
[league]
[[league.phases]]
name = "practice"
share = 1.0
[evaluator]
matches = 2
every_updates = 100000
matches_per_opponent = 2
final_matches_per_opponent = 2
"""


class Stack:
    """A stack of its own in a throwaway home, with the game announced by a throwaway distribution."""

    def __init__(self, home: Path) -> None:
        self._home = home
        site = home / "site" / "cheap-1.dist-info"
        site.mkdir(parents=True)
        (site / "METADATA").write_text("Metadata-Version: 2.1\nName: cheap\nVersion: 1\n")
        (site / "entry_points.txt").write_text("[ludus.games]\ncheap = cheap\n")
        path = [str(site.parent), str(HERE), str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")]
        self._environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))}

    def command(self, *arguments: str, check: bool = True) -> None:
        command = [sys.executable, "-m", "ludus.app.cli", "--home", str(self._home), *arguments]
        subprocess.run(command, check=check, stdout=sys.stderr, env=self._environment)

    def measure(self, precision: str, activation: str, threads: int, warmup: int, updates: int) -> Measured:
        """Train until `warmup + updates` updates are done; only the last `updates` count."""
        file = self._home / "cheap.toml"
        file.write_text(configuration(precision, activation, threads))
        try:
            self.command("train", "cheap", "--config", str(file), "--run", RUN, "--detach")
            first = self._wait(warmup)
            before = self._cpu()
            last = self._wait(first["step"] + updates)
            after = self._cpu()
        finally:
            self.command("down", check=False)
        rows = [row for row in self._rows() if first["step"] < row["step"] <= last["step"]]
        update = sum(sum(row["cpu_seconds"].values()) for row in rows)
        spent = {part: after.get(part, 0.0) - before.get(part, 0.0) for part in after}
        spent["learner: updates"] = update
        spent["learner: bus and the rest"] = max(spent.pop("learner", 0.0) - update, 0.0)
        return Measured(last["decisions"] - first["decisions"], last["time"] - first["time"], spent)

    def _rows(self) -> list[dict[str, Any]]:
        try:
            text = (self._home / "runs" / RUN / "metrics.jsonl").read_text()
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def _wait(self, updates: int) -> dict[str, Any]:
        """The newest row of metrics.jsonl once there are so many."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            rows = self._rows()
            if len(rows) >= max(updates, 1):
                return rows[-1]
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(rows)} of {updates} updates after {PATIENCE_SECONDS:g} s; logs: {self._home}")
            time.sleep(0.02)

    def _cpu(self) -> dict[str, float]:
        """CPU seconds so far, by part."""
        spent: dict[str, float] = {}
        for process in psutil.process_iter(["cmdline"]):
            line = " ".join(process.info["cmdline"] or ())
            if str(self._home) not in line:
                continue
            try:
                self._add(spent, process, line)
            except psutil.Error:
                continue
        return spent

    def _add(self, spent: dict[str, float], process: psutil.Process, line: str) -> None:
        times = process.cpu_times()
        total = times.user + times.system
        if "ludus.simulator" in line:
            threads = [thread for thread in process.threads() if thread.id == process.pid]
            main = sum(thread.user_time + thread.system_time for thread in threads)
            parts = {"simulator: play": total - main, "simulator: bus and the rest": main}
        elif "ludus.learner" in line:
            parts = {"learner": total}
        else:
            parts = {SERVER if SERVER in line else "league, evaluator, supervisor": total}
        for part, seconds in parts.items():
            spent[part] = spent.get(part, 0.0) + seconds
