"""kill -9 at random instants of a process that does nothing but write checkpoints: one can always be loaded."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from ludus.learner import checkpoint
from ludus.learner.state import State

from .learner_kit import ARCHITECTURE, MANIFEST, config

#: Forks a writer for every line it reads, so that torch is imported once. The writer goes on where the newest
#: checkpoint stands and says each step that its vault calls durable.
WRITERS = """
import os, sys
from pathlib import Path
import torch
from ludus.learner.vault import Vault
from {kit} import ARCHITECTURE, MANIFEST, SIGNER, config
from ludus.learner.state import State
torch.set_num_threads(1)

def write(root):
    state = State(ARCHITECTURE, config().learner, torch.float32, seed=1)
    vault = Vault(root, state, MANIFEST, kept=2, signer=SIGNER)
    saved = vault.recover()
    state.counters.epoch = saved.epoch + 1 if saved else 1
    while True:
        if saved:
            state.counters.step += 1
            for tensor in state.weights().values():
                tensor += 1
        saved = vault.write(pinned=saved is None)
        vault.let_go(vault.surplus())
        os.write(1, f"durable {{vault.durable_step}}\\n".encode())

for line in sys.stdin:
    writer = os.fork()
    if not writer:
        write(Path(line.strip()))
    os.write(1, f"writer {{writer}}\\n".encode())
    os.waitpid(writer, 0)
    os.write(1, b"dead\\n")
"""


@contextmanager
def writers() -> Iterator[subprocess.Popen[str]]:
    root = Path(__file__).parents[2]
    program = WRITERS.format(kit="tests.unit.learner_kit")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])}
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        env=environment,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def killed_writer(process: subprocess.Popen[str], root: Path, after_steps: int, after_seconds: float) -> int | None:
    """Start a writer, kill it that long after so many durable steps; the last step that it called durable."""
    assert process.stdin
    assert process.stdout
    process.stdin.write(f"{root}\n")
    lines, pid, killed = [], 0, False
    for line in process.stdout:
        word, _, number = line.strip().partition(" ")
        if word == "writer":
            pid = int(number)
        elif word == "durable":
            lines.append(int(number))
        if pid and not killed and len(lines) >= after_steps:
            time.sleep(after_seconds)
            os.kill(pid, signal.SIGKILL)
            killed = True
        if word == "dead":
            return lines[-1] if lines else None
    raise AssertionError("the writers are gone")


def kills(root: Path, count: int, seed: int) -> dict[str, int]:
    """`count` kills; what they met. Asserts after each that nothing that was called durable is lost."""
    rng, durable = random.Random(seed), -1
    met = {"before any": 0, "between files": 0, "durable": 0}
    with writers() as process:
        for _ in range(count):
            # Now and then before its first step, while it still reads the newest.
            said = killed_writer(process, root, rng.choice((0, 1, 1, 2)), 0.02 * rng.random())
            durable = durable if said is None else said
            met["between files"] += any(root.glob(".*-*.*"))
            state = State(ARCHITECTURE, config().learner, torch.float32, seed=2)
            saved = checkpoint.restore_newest(root, state, MANIFEST)
            if saved is None:
                assert durable == -1, f"step {durable} was durable, and nothing is there"
                met["before any"] += 1
                continue
            assert saved.step >= durable, f"step {durable} was durable, {saved.step} is the newest"
            assert state.counters.step == saved.step
            met["durable"] = saved.step
    return met


@pytest.mark.timeout(120)
def test_twenty_kills(tmp_path: Path) -> None:
    met = kills(tmp_path / "checkpoints", 20, seed=1)
    assert met["durable"] > 5, "the writers must get something done"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_hundred_kills(tmp_path: Path) -> None:
    met = kills(tmp_path / "checkpoints", 200, seed=2)
    assert met["between files"] > 20, "many kills must hit a checkpoint half written, or they prove nothing"
    assert met["durable"] > 50
