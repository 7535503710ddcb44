"""What a service is given by the kernel: its configuration, the bus, and the state of the run around it."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp

from ..api.v1.event_pb2 import Event
from ..api.v1.run_pb2 import (
    RUN_STATE_FAILED,
    RUN_STATE_FINISHED,
    RUN_STATE_PAUSED,
    RUN_STATE_STOPPED,
    RunRecord,
)
from .bus import Bus, BusError
from .config import RunConfig
from .heartbeat import Heartbeat
from .http import Post
from .metrics import Metrics
from .rpc_door import Listening
from .topology import EVENTS, RUN_BUCKET

WATCH_SECONDS = 0.5
EVENT_PATIENCE_SECONDS = 2.0
STATE_KEY = "state"
_OVER = (RUN_STATE_FINISHED, RUN_STATE_STOPPED, RUN_STATE_FAILED)
#: States a resumed run leaves again.
_RESUMABLE = (RUN_STATE_STOPPED, RUN_STATE_FAILED)


@dataclass
class Context:
    """One process of a run. `stopping` is set when it has to end: by a signal, or because the run is over."""

    config: RunConfig
    name: str
    service: str
    worker: int
    resume: bool
    grpc_port: int
    bus: Bus
    metrics: Metrics
    heartbeat: Heartbeat
    host: str = "127.0.0.1"
    listening: Listening | None = None
    """how this service lets others in; None on loopback"""
    posts: dict[str, Post] = field(default_factory=dict)
    """by path: what the service takes by POST on its HTTP port"""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("ludus"))
    paused: bool = False
    finished: bool = False
    rounds: int = 0
    """of the work; 0 while it rests"""
    _record: RunRecord | None = None
    _revision: int = 0
    _looked: bool = False
    _stale_revision: int | None = None

    def ready(self) -> None:
        """The service can do its work."""
        self._state("ready", "")

    def not_ready(self, reason: str) -> None:
        """It cannot at the moment, and why."""
        self._state("waiting", reason)

    def _state(self, state: str, reason: str) -> None:
        if (state, reason) == (self.heartbeat.state, self.heartbeat.reason) or self.stopping.is_set():
            return
        self.log.info("%s%s", state, f": {reason}" if reason else "")
        self.heartbeat.update(state=state, reason=reason)
        self.heartbeat.beat()
        self.metrics.set(f"ludus_{self.service}_ready", float(state == "ready"))

    def round(self) -> None:
        """The work came round: it did something, or looked and found nothing to do. 30 s without it is a hang."""
        self.rounds += 1

    def rest(self) -> None:
        """There is nothing left to do but to wait: no hang."""
        self.rounds = 0

    def beat(self, **fields: Any) -> None:
        """Numbers for the heartbeat file: step, durable_step, decisions, ..."""
        self.heartbeat.update(**fields)

    async def event(self, kind: str, message: str, **detail: Any) -> None:
        """Tell the audit trail and the console. Gives up after a moment without the server: it never holds up work."""
        self.log.info("%s: %s", kind, message, extra={"detail": detail})
        event = Event(
            event_id=secrets.token_hex(12),
            run=self.bus.run,
            kind=kind,
            service=self.name,
            message=message,
            detail_json=json.dumps(detail, default=str) if detail else "",
        )
        now = Timestamp()
        now.GetCurrentTime()
        event.time.CopyFrom(now)
        try:
            await self.bus.publish(
                EVENTS,
                event.SerializeToString(),
                token=kind,
                msg_id=event.event_id,
                patience_seconds=EVENT_PATIENCE_SECONDS,
            )
        except BusError as error:
            self.log.warning("event %r was not published: %s", kind, error)

    async def run_record(self) -> RunRecord | None:
        """The state of the run as last seen (about every half second); None before the league has written one."""
        if self._record is None:
            await self.look()
        return self._record

    async def watch(self) -> None:
        """Runs for ever: follows the run record, sets `paused`, `finished` and `stopping`."""
        while True:
            try:
                await self.look()
            except BusError as error:
                self.log.warning("the state of the run cannot be read: %s", error)
            await asyncio.sleep(WATCH_SECONDS)

    async def look(self) -> None:
        """Read the run record once and act on it."""
        entry = await (await self.bus.bucket(RUN_BUCKET)).get(STATE_KEY)
        first, self._looked = not self._looked, True
        if entry is None or entry.revision == self._revision:
            return
        try:
            record = RunRecord.FromString(entry.value)
        except DecodeError as error:
            self.log.error("the run record (revision %d) is not readable: %s", entry.revision, error)
            return
        self._record, self._revision = record, entry.revision
        if first and self.resume and record.state in _RESUMABLE:
            # The run was stopped before; the league is about to say that it goes on.
            self._stale_revision = entry.revision
        self.paused = record.state == RUN_STATE_PAUSED
        if record.state in _OVER and entry.revision != self._stale_revision:
            self.finished = True
            self.stopping.set()
