"""A home of its own for a test, and `ludus` as a person calls it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ludus.app.home import Home, read_json
from ludus.app.processes import Identity


@contextmanager
def home_in(folder: Path) -> Iterator[Home]:
    """Taken down afterwards; nothing may be left then."""
    made = Home(folder / "home")
    yield made
    ludus(made, "down")
    left = [pid for pid in processes(made) if Identity.of(pid)]
    assert not left, "something still runs after `ludus down`"


def ludus(home: Home, *argv: str, code: int = 0) -> str:
    """Everything it said. Nobody sits at its terminal."""
    done = subprocess.run(
        [sys.executable, "-m", "ludus.app.cli", "--home", str(home.root), *argv],
        capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def processes(home: Home) -> list[int]:
    stack = read_json(home.stack_file)
    files = [*home.root.glob("runs/*/services/*.pid.json"), home.nats_folder / "process.json"]
    return [int(one["pid"]) for one in [stack, *map(read_json, files)] if one.get("pid")]
