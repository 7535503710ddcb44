"""The supervisor: makes what runs on this machine equal to what is desired, several times a second.

It owns the stack's nats-server and the services of every run. It keeps nothing in memory that it could not find again:
after kill -9 the processes go on, and the next supervisor adopts them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ..kernel.nats_server import ServerError, free_port
from . import targets
from .bus_keeper import BusKeeper
from .child import find_strays
from .deaths import MemoryKills, record_death
from .errors import CommandError
from .home import Home, Json, RunFolder, read_json, write_json
from .keeper import STOP_SECONDS, RunKeeper
from .launch import program, service_argv, service_environment
from .processes import Identity

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2
BEAT_SECONDS = 1.0
NAME = "supervisor"

Argv = Callable[[RunFolder, str, bool, str], Sequence[str]]


class Supervisor:
    """One per home; the caller holds the lock."""

    def __init__(
        self, home: Home, identity: Identity, find_server: Callable[[], Path], argv: Argv = service_argv
    ) -> None:
        self.home = home
        self._identity = identity
        self._find_server = find_server
        self._argv = argv
        self._keepers: dict[str, RunKeeper] = {}
        self._idle: dict[str, tuple[int, int]] = {}
        self._bus: BusKeeper | None = None
        self._memory_kills = MemoryKills()
        self._error = ""
        self._beat = 0.0
        self._strays: Mapping[str, Identity] = {}

    def adopt(self) -> None:
        """Find what an earlier supervisor left running, and note if it did not end by itself."""
        before = read_json(self.home.stack_file)
        self._strays = find_strays()
        old = Identity.read(before)
        if old and before.get("state") == "up":
            record_death(
                self.home.deaths_file, NAME, old.pid, "gone without a word (killed, or the machine went down)",
                before, restarted=True,
            )  # fmt: skip
        for run in self.home.runs():
            self._keeper(run)
        if any(str(self.home.nats_folder / "process.json") == mark for mark in self._strays) or self._wants_bus():
            self._open_bus()
        self._strays = {}
        self._announce("up")

    def tick(self) -> None:
        """Look at everything once."""
        self._memory_kills.tick()
        for run in self.home.runs():
            if self._changed(run):
                self._keeper(run)
        if self._bus is None and self._wants_bus():
            self._open_bus()
        if self._bus:
            fixed = bool(self._desired().get("nats_port"))
            self._bus.tick(clients=self.alive, fixed_port=fixed)
        for keeper in list(self._keepers.values()):
            keeper.tick(may_start=self._reachable(keeper.run))
            self._forget_if_over(keeper)
        if time.monotonic() - self._beat > BEAT_SECONDS:
            self._announce("up")
            targets.keep(self.home, [keeper.run for keeper in self._keepers.values()])

    @property
    def alive(self) -> bool:
        """Some service of some run is running."""
        return any(keeper.alive for keeper in self._keepers.values())

    @property
    def anything_alive(self) -> bool:
        """Services or the bus."""
        return self.alive or bool(self._bus and self._bus.child.alive)

    def shutdown(self) -> None:
        """End the services, then their bus. Takes at most the patience of both."""
        log.info("going down")
        self._announce("stopping")
        self._end(lambda: [keeper for keeper in self._keepers.values() if keeper.alive], STOP_SECONDS + 5)
        self._end(lambda: [self._bus] if self._bus and self._bus.child.alive else [], STOP_SECONDS)
        self._announce("down")
        log.info("down")

    def _end(self, left: Callable[[], Sequence[RunKeeper | BusKeeper]], patience_seconds: float) -> None:
        deadline = time.monotonic() + patience_seconds
        while (ones := left()) and time.monotonic() < deadline:
            for one in ones:
                one.stop()
                one.poll()
            time.sleep(POLL_SECONDS / 2)

    # --- runs -------------------------------------------------------------------------------------------------------

    def _changed(self, run: RunFolder) -> bool:
        """Whether the desired state of a run that has nothing running was written since it was last looked at."""
        return run.name not in self._keepers and self._idle.get(run.name) != run.stamp

    def _keeper(self, run: RunFolder) -> RunKeeper:
        keeper = RunKeeper(run, self._argv_of, service_environment, self._memory_kills)
        keeper.adopt(self._strays)
        self._keepers[run.name] = keeper
        return keeper

    def _forget_if_over(self, keeper: RunKeeper) -> None:
        """Runs of the past cost one file look-up per tick."""
        if not keeper.alive and not keeper.unfinished:
            self._idle[keeper.run.name] = keeper.stamp
            del self._keepers[keeper.run.name]

    def _argv_of(self, run: RunFolder, name: str, resume: bool) -> Sequence[str]:
        return self._argv(run, name, resume, self._url_of(run))

    # --- the bus ----------------------------------------------------------------------------------------------------

    def _desired(self) -> Json:
        return read_json(self.home.desired_file)

    def _url_of(self, run: RunFolder) -> str:
        """The bus a run was created with, or the stack's own."""
        given = run.config().get("bus", {}).get("url")
        return str(given or (self._bus.url if self._bus else ""))

    def _reachable(self, run: RunFolder) -> bool:
        url = self._url_of(run)
        return bool(url) and (self._bus is None or url != self._bus.url or self._bus.ready)

    def _wants_bus(self) -> bool:
        desired = self._desired()
        if desired.get("bus") and not desired.get("nats_url"):
            return True
        runs = (keeper.run for keeper in self._keepers.values() if keeper.run.wanted)
        return any(not run.config().get("bus", {}).get("url") for run in runs)

    def _open_bus(self) -> None:
        try:
            binary = self._find_server()
        except (ServerError, CommandError) as error:
            self._error = str(error)
            return
        kept = read_json(self.home.stack_file).get("nats_port")
        port = int(self._desired().get("nats_port") or kept or free_port())
        self._bus = BusKeeper(self.home, binary, port, self._memory_kills)
        self._bus.adopt(self._strays)

    def _announce(self, state: str) -> None:
        """Tell the commands: who supervises, where the bus is, what is wrong."""
        self._beat = time.monotonic()
        bus = self._bus
        desired = self._desired()
        try:
            write_json(
                self.home.stack_file,
                {
                    **self._identity.as_json(),
                    "state": state,
                    "program": program(),
                    "beat": time.time(),
                    "nats_url": bus.url if bus else desired.get("nats_url", ""),
                    "nats_port": bus.port if bus else read_json(self.home.stack_file).get("nats_port"),
                    "nats_ready": bus.ready if bus else bool(desired.get("nats_url")),
                    "nats_pid": bus.child.identity.pid if bus and bus.child.identity else None,
                    "nats_restarts": bus.child.restarts if bus else 0,
                    "error": bus.error if bus else self._error,
                },
            )
        except CommandError as error:
            log.error("%s", error)
