"""Keeps the stack's own nats-server alive, on the same port and store through every restart."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from ..kernel.nats_server import NatsServer, ServerError, free_port
from .child import Child, ChildSpec
from .deaths import MemoryKills, cause_of, record_death
from .disk import ROOM_BYTES, disk_full, free_bytes
from .errors import CommandError
from .home import Home
from .processes import Identity
from .wire import port_is_free, server_info

log = logging.getLogger(__name__)

NAME = "nats-server"
STOP_SECONDS = 10.0
#: Whoever ends this early has been given something it cannot work with.
AT_ONCE_SECONDS = 5.0
HOST = "127.0.0.1"
DISK_SECONDS = 1.0


class BusKeeper:
    """`ready` once the server answers. `error` says why it does not start."""

    def __init__(self, home: Home, binary: Path, port: int, memory_kills: MemoryKills) -> None:
        self.home = home
        self._memory_kills = memory_kills
        self.binary = binary
        self.port = port
        self.ready = False
        self.error = ""
        self._starts = 0
        self._asked = 0.0
        self._disk_asked = 0.0
        self._starved = False
        self.child = Child(
            ChildSpec(
                name=NAME,
                argv=lambda resume: self._command(),
                process_file=home.nats_folder / "process.json",
                log_file=home.log_file(NAME),
                environment=os.environ,
                folder=home.nats_folder,
            )
        )

    @property
    def url(self) -> str:
        return f"nats://{HOST}:{self.port}"

    def adopt(self, strays: Mapping[str, Identity]) -> None:
        if exit_ := self.child.adopt(strays):
            record_death(self.home.deaths_file, NAME, exit_.pid, cause_of(None, {}), {}, restarted=True)

    def tick(self, *, clients: bool, fixed_port: bool) -> None:
        """`clients`: services are connected to this port, so that it cannot be changed; nor if the user chose it."""
        self.poll()
        if time.monotonic() - self._disk_asked > DISK_SECONDS:
            self._watch_disk()
        if self.child.due:
            self._start(may_move=not clients and not fixed_port)
        elif self.child.alive and not self.ready and time.monotonic() - self._asked > 0.05:
            self._look()

    def poll(self) -> None:
        """Notice that it has ended."""
        if exit_ := self.child.poll():
            self.ready = False
            if self.child.asked_to_stop:
                self.child.settle(exit_.code or 0)
                return
            words = self._last_words() if exit_.code is None or exit_.code > 0 else ""
            cause = cause_of(exit_.code, {"error": words}, memory_kills=self._memory_kills.fresh)
            if exit_.lived_seconds < AT_ONCE_SECONDS:
                self.error = f"{self.binary} ends at once: {words or cause}"
            record_death(self.home.deaths_file, NAME, exit_.pid, cause, {}, restarted=True)
            self.child.delay()

    def stop(self) -> None:
        """Ask it to end, insist later; it flushes its files first."""
        self.ready = False
        self.child.stop(STOP_SECONDS)

    def _start(self, *, may_move: bool) -> None:
        self.home.nats_folder.mkdir(parents=True, exist_ok=True)
        if not port_is_free(self.port, HOST):
            if not may_move:
                self.error = f"port {self.port} is taken by another program: end that, or use --nats-port"
                log.error("%s: %s", NAME, self.error)
                self.child.delay()
                return
            self.port = free_port(HOST)
        try:
            self.child.start(1, again=self._starts > 0)
            self._starts += 1
        except ServerError as error:
            self.error = str(error)
            log.error("%s: %s", NAME, error)
            self.child.delay()

    def _look(self) -> None:
        self._asked = time.monotonic()
        try:
            server_info(self.url, timeout_seconds=0.5)
        except CommandError:
            return
        self.ready, self.error = True, ""
        log.info("%s answers at %s", NAME, self.url)

    def _watch_disk(self) -> None:
        """After a write that failed for want of room the server refuses every later one: it needs a fresh start."""
        self._disk_asked = time.monotonic()
        if full := disk_full(self.home):
            self._starved, self.error = True, full
        elif self._starved and free_bytes(self.home) > ROOM_BYTES:
            self._starved, self.error = False, ""
            if self.child.alive and self.child.identity:
                log.warning("there is room on the disk again: %s is started afresh", NAME)
                os.kill(self.child.identity.pid, signal.SIGTERM)

    def _last_words(self) -> str:
        """The last error in its log, or its last line where none is marked as one."""
        try:
            lines = self.child.spec.log_file.read_text(errors="replace").splitlines()[-20:]
        except OSError:
            return ""
        bad = [line for line in lines if "[FTL]" in line or "[ERR]" in line]
        return bad[-1].partition("] ")[2] if bad else (lines[-1] if lines else "")

    def _command(self) -> list[str]:
        """Writes the server's configuration for the present port."""
        return NatsServer(self.home.nats_folder, port=self.port, binary=self.binary).prepare()
