"""`python -m ludus.app.daemon`: the supervisor as a process without a terminal, started by `ludus up` or `train`."""

from __future__ import annotations

import argparse
import faulthandler
import fcntl
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..kernel.heartbeat import STALLED_SECONDS
from ..kernel.nats_server import find
from .home import Home
from .launch import service_argv
from .processes import Identity
from .supervisor import POLL_SECONDS, Argv, Supervisor

log = logging.getLogger(__name__)

LOCK_SECONDS = 2.0


class AlreadySupervised(Exception):
    """Another supervisor holds the lock of this home."""


@contextmanager
def sole_supervisor(home: Home) -> Iterator[None]:
    """Hold the home's lock; the kernel releases it whatever way the process ends.

    One that is just going away is waited for. Raises AlreadySupervised.
    """
    home.root.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + LOCK_SECONDS
    with home.lock_file.open("a") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise AlreadySupervised(f"{home.root} is supervised by another process") from error
            time.sleep(0.05)
        yield


def own_identity() -> Identity:
    identity = Identity.of(os.getpid())
    assert identity is not None
    return identity


def serve(home: Home, find_server: Callable[[], Path], argv: Argv = service_argv) -> int:
    """Supervise until SIGTERM or SIGINT; then end everything in order."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with sole_supervisor(home):
            supervisor = Supervisor(home, own_identity(), find_server, argv)
            supervisor.adopt()
            log.info("supervising %s as process %d", home.root, os.getpid())
            while not stopping.wait(POLL_SECONDS):
                faulthandler.dump_traceback_later(STALLED_SECONDS)
                supervisor.tick()
            faulthandler.cancel_dump_traceback_later()
            supervisor.shutdown()
    except AlreadySupervised as error:
        log.info("%s", error)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m ludus.app.daemon", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="the folder to supervise")
    options = parser.parse_args(argv)
    faulthandler.enable()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    return serve(Home(options.home), find)


if __name__ == "__main__":
    sys.exit(main())
