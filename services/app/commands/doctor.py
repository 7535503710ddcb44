"""`ludus doctor`: is everything here that a run needs?"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version

from rich.console import Console

from ...games import registry
from ..checks import NEEDED_BYTES, check_space
from ..draw import plain_table
from ..errors import FAILED, CommandError, UsageError
from ..home import Home
from ..presets import folders, presets
from ..processes import describe_exit
from ..stack import find_nats_server, is_up, stack_port
from ..wire import NEEDED, port_is_free

#: Package -> module.
PACKAGES = {
    "torch": "torch", "warp-lang": "warp", "safetensors": "safetensors", "grpcio": "grpc", "nats-py": "nats",
    "protobuf": "google.protobuf",
}  # fmt: skip
IMPORT_SECONDS = 120
Row = tuple[str, str, str]
OK, WARN, BAD = "ok", "careful", "missing"
PYTHON_NEEDED = (3, 11)
CORES_NEEDED = 2


def doctor(options: argparse.Namespace, home: Home, console: Console) -> int:
    table = plain_table("", "what", "found")
    table.columns[2].no_wrap = False
    rows = list(examine(home))
    styles = {OK: "green", WARN: "yellow", BAD: "bold red"}
    for state, what, found in rows:
        table.add_row(f"[{styles[state]}]{state}[/]", what, found)
    console.print(table)
    bad = [what for state, what, _ in rows if state == BAD]
    console.print("Ready: ludus train dogfight" if not bad else f"Put right first: {', '.join(bad)}")
    return FAILED if bad else 0


def examine(home: Home) -> Iterator[Row]:
    """One row per thing looked at."""
    fits = sys.version_info[:2] >= PYTHON_NEEDED
    yield (OK if fits else BAD), "python", f"{platform.python_version()} ({sys.executable}); 3.11 or newer is needed"
    for package, module in PACKAGES.items():
        yield _package(package, module)
    yield _attempt("nats-server", lambda: _server())
    yield _attempt("disk", lambda: _disk(home))
    cores = os.cpu_count() or 1
    yield (OK if cores >= CORES_NEEDED else WARN), "cores", f"{cores}; the default preset is sized for {CORES_NEEDED}"
    yield _attempt("ports", lambda: _ports(home))
    yield _attempt("games", lambda: ", ".join(map(_game, registry.names())))
    yield (OK if folders() else BAD), "presets", ", ".join(map(str, folders())) or "none found: set LUDUS_CONFIGS"
    yield OK, "stack", f"{'up' if is_up(home) else 'down'}, home {home.root}"


def _game(name: str) -> str:
    return f"{name} ({', '.join(presets(name)) or 'no preset'})"


def _package(name: str, module: str) -> Row:
    """Installed, and it can be imported: seen in another process, for a broken one may end it."""
    try:
        found = version(name)
    except PackageNotFoundError:
        return BAD, name, "not installed: pip install 'ludus[local]'"
    argv = [sys.executable, "-c", f"import {module}"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=IMPORT_SECONDS, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [describe_exit(done.returncode)]
        return BAD, name, f"{found} cannot be imported: {last[0]}"
    return OK, name, found


def _attempt(what: str, look: Callable[[], str]) -> Row:
    try:
        return OK, what, look()
    except CommandError as error:
        return BAD, what, str(error)


def _server() -> str:
    from ...kernel.nats_server import version as version_of

    path = find_nats_server()
    return f"{'.'.join(map(str, version_of(path)))} ({path}); {NEEDED} or newer is needed"


def _disk(home: Home) -> str:
    check_space(home.root)
    existing = next(path for path in (home.root, *home.root.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    return f"{free / 2**30:.1f} GB free for {home.root}; a run needs {NEEDED_BYTES / 2**30:.1f} GB"


def _ports(home: Home) -> str:
    port = stack_port(home)
    if port and not is_up(home) and not port_is_free(port):
        raise UsageError(f"port {port}, which the stack used before, is taken; a free one will be chosen")
    from ...kernel.nats_server import free_port

    return f"loopback works (port {free_port()} is free); NATS " + (f"uses {port}" if port else "gets a free one")
