"""Where a drill lives: a folder with a nats-server in it, of which nothing is left whatever ends the drill.

A signal that ends the program unwinds it first. After one that cannot be caught the next drill clears up: whoever is
alive holds a lock in its folder.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from ...kernel.nats_server import NatsServer

PREFIX = "ludus-drill-"
ROOM_BYTES = 512 * 1024 * 1024
#: What would end the program at once; SIGINT is Python's own and unwinds it anyway.
ENDING = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def place() -> Iterator[tuple[Path, str]]:
    """The folder, and the address of the server in it. Raises ServerError without a nats-server."""
    clear_up()
    with _unwinding(), tempfile.TemporaryDirectory(prefix=PREFIX, dir=root()) as name, _inhabited(Path(name)):
        server = _server(Path(name))
        try:
            server.start()
            yield Path(name), server.url
        finally:
            server.kill9()


def root() -> Path:
    """Without a disk, where there is room: nothing of a drill has to last, and fsync would set its pace."""
    shared = Path("/dev/shm")  # noqa: S108  (the folder in it is our own)
    fits = os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > ROOM_BYTES
    return shared if fits else Path(tempfile.gettempdir())


def clear_up() -> None:
    """End and remove what drills have left that were killed."""
    for folder in root().glob(f"{PREFIX}*"):
        try:
            with _lock(folder).open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _server(folder).kill9()
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # somebody lives there, or is just moving in, or it is another user's
            continue


@contextmanager
def _inhabited(folder: Path) -> Iterator[None]:
    """The kernel lets go of the lock whatever way the process ends. Under its name it is always held."""
    moving_in = folder / "lock.new"
    with moving_in.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        moving_in.rename(_lock(folder))
        yield


def _lock(folder: Path) -> Path:
    return folder / "lock"


def _server(folder: Path) -> NatsServer:
    """One that need not survive a power cut."""
    return NatsServer(folder / "nats", sync_interval="1s")


@contextmanager
def _unwinding() -> Iterator[None]:
    """Those signals raise SystemExit instead. One that is ignored stays ignored."""
    if threading.current_thread() is not threading.main_thread():  # only that one may ask for signals
        yield
        return
    before = {number: signal.getsignal(number) for number in ENDING}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, _end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, frame: FrameType | None) -> None:
    """A second one must not interrupt the clearing up."""
    for other in ENDING:
        signal.signal(other, signal.SIG_IGN)
    raise SystemExit(128 + number)
