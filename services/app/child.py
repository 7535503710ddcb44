"""One supervised process: started in a session of its own, watched, ended; or adopted from an earlier supervisor.

What it is (process number, start time, how often it was restarted) is kept in its process file, so that whoever
supervises next can go on. It also carries the file's path in its environment: a process started in the instant before
its supervisor was killed is found by that.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from .backoff import Backoff
from .errors import CommandError
from .home import Json, read_json, write_json
from .processes import Identity, start_detached

log = logging.getLogger(__name__)

MARK = "LUDUS_PROCESS"
#: A process that lived this long has taken in what it was told at its start.
SETTLED_SECONDS = 5.0


@dataclass(frozen=True)
class ChildSpec:
    """What to run. `argv` is told whether this start continues a run that was stopped."""

    name: str
    argv: Callable[[bool], Sequence[str]]
    process_file: Path
    log_file: Path
    environment: Mapping[str, str]
    folder: Path
    niceness: int = 0
    """how far it gives way to the others where cores are scarce"""


def _give_way(pid: int, niceness: int) -> None:
    """So much less urgent than whoever supervises it. One that is already gone needs no priority.

    Linux may share out time among sessions first, and every service has a session of its own: that counts by the nice
    value of the session (sched(7), autogroup). As a batch process it also waits for its turn when it wakes up, instead
    of interrupting whoever computes.
    """
    with suppress(ProcessLookupError):
        os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, 0) + niceness)
    if sys.platform == "linux":
        with suppress(OSError):
            os.sched_setscheduler(pid, os.SCHED_BATCH, os.sched_param(0))
    with suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(niceness))


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended. `code` is None for an adopted one: only its parent would have been told."""

    pid: int
    code: int | None
    lived_seconds: float


class Child:
    """`poll` notices the end; `start` is due when `waiting` has passed."""

    def __init__(self, spec: ChildSpec, clock: Callable[[], float] = time.monotonic) -> None:
        self.spec = spec
        self.identity: Identity | None = None
        self.restarts = 0
        self.exit_code: int | None = None
        self.generation = 0
        self._settled = False
        self._clock = clock
        self._process: subprocess.Popen[bytes] | None = None
        self._backoff = Backoff()
        self._born = clock()
        self._due = clock()
        self._asked_to_stop: float | None = None

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def alive(self) -> bool:
        return self.identity is not None

    @property
    def due(self) -> bool:
        """Not running, and its pause is over."""
        return not self.alive and self._clock() >= self._due

    def adopt(self, strays: Mapping[str, Identity]) -> Exit | None:
        """Take over what an earlier supervisor started; tells when that died in the meantime."""
        kept = read_json(self.spec.process_file)
        self.restarts = int(kept.get("restarts", 0))
        self.generation = int(kept.get("generation", 0))
        self.exit_code = kept.get("exit_code")
        self._settled = bool(kept.get("settled"))
        known = Identity.read(kept)
        stray = strays.get(str(self.spec.process_file))
        for identity in (known, stray):
            if identity and identity.alive():
                self.identity = identity
                self._born = self._clock()
                self._save()
                log.info("%s: adopted process %d", self.name, identity.pid)
                return None
        return Exit(known.pid, None, 0.0) if known and self.exit_code is None else None

    def start(self, generation: int, *, resume: bool = False, again: bool = False) -> None:
        """`resume` holds until a process of this generation has lived long enough to act on it."""
        if generation != self.generation:
            self.generation, self._settled = generation, False
        environment = {**self.spec.environment, MARK: str(self.spec.process_file)}
        argv = self.spec.argv(resume and not self._settled)
        self.restarts += int(again)
        self._born, self._asked_to_stop, self.exit_code = self._clock(), None, None
        try:
            self._process = start_detached(argv, self.spec.log_file, environment, self.spec.folder)
        except OSError as error:
            log.error("%s: cannot be started: %s", self.name, error)
            self.delay()
            return
        if self.spec.niceness:
            _give_way(self._process.pid, self.spec.niceness)
        self.identity = Identity.of(self._process.pid) or Identity(self._process.pid, time.time())
        self._save()
        log.info("%s: started as process %d", self.name, self.identity.pid)

    def poll(self) -> Exit | None:
        """The end of the process, once."""
        if self.identity is None:
            return None
        lived = self._clock() - self._born
        code = self._process.poll() if self._process else None
        if code is None and (self._process is not None or self.identity.alive()):
            if not self._settled and lived > SETTLED_SECONDS:
                self._settled = True
                self._save()
            return None
        done = Exit(self.identity.pid, code, lived)
        self.identity = self._process = None
        self.exit_code = code
        return done

    def delay(self, seconds: float | None = None) -> float:
        """Not to be started before a pause: the back-off's, unless given."""
        pause = self._backoff.after(self._clock() - self._born) if seconds is None else seconds
        self._due = self._clock() + pause
        return pause

    def now(self) -> None:
        """To be started without a pause."""
        self._backoff, self._due = Backoff(), self._clock()

    def settle(self, code: int) -> None:
        """Remember that its end has been dealt with."""
        self.exit_code = code
        self._save(ended=True)

    def stop(self, patience_seconds: float) -> bool:
        """Ask once, insist after the patience. True when it had to be killed just now."""
        if self.identity is None:
            return False
        if self._asked_to_stop is None:
            self._asked_to_stop = self._clock()
            self.identity.send(signal.SIGTERM)
        elif self._clock() - self._asked_to_stop > patience_seconds:
            self.identity.kill_session()
            return True
        return False

    @property
    def asked_to_stop(self) -> bool:
        return self._asked_to_stop is not None

    def _save(self, *, ended: bool = False) -> None:
        if ended and not self.spec.folder.exists():
            return  # somebody has removed the run: it is not to come back as a folder of one file
        kept: Json = read_json(self.spec.process_file) if ended else {}
        if self.identity:
            kept |= self.identity.as_json()
        kept |= {
            "service": self.name,
            "generation": self.generation,
            "restarts": self.restarts,
            "settled": self._settled,
            "exit_code": self.exit_code if ended else None,
        }
        try:
            write_json(self.spec.process_file, kept)
        except CommandError as error:
            log.error("%s: %s", self.name, error)


def find_strays() -> dict[str, Identity]:
    """Processes that carry a mark, by the process file it names. Only leaders of their session: not their helpers."""
    found: dict[str, Identity] = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            mark = process.environ().get(MARK)
            if mark and os.getsid(process.pid) == process.pid and (identity := Identity.of(process.pid)):
                found[mark] = identity
    return found
