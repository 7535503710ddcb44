"""The message bus: everything the four services say to one another goes through here.

Writes are retried with the same message id until the server has them, through restarts of the server, so each message
is stored once. Streams and consumers are those of `topology.py`; memory streams, which a killed server forgets, are
declared again on the way.
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from . import jetstream
from .errors import Away, BusError, Conflict, NoResponders, StreamFull, Unsupported
from .kv import Bucket, Entry
from .link import Link, status
from .puller import Delivery, Puller
from .reader import Reader
from .topology import (
    MIN_SERVER_VERSION,
    POLICIES_BUCKET,
    ROLLOUTS,
    RUN_BUCKET,
    STREAMS,
    Consumer,
    Stream,
)

__all__ = [
    "Bucket",
    "Bus",
    "BusError",
    "Conflict",
    "Delivery",
    "Entry",
    "Puller",
    "Record",
    "StreamFull",
    "Unsupported",
]

T = TypeVar("T")
log = logging.getLogger(__name__)

_TOKEN = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
BUCKETS = (POLICIES_BUCKET, RUN_BUCKET)
#: A publish that is not answered in this time is sent again.
ANSWER_SECONDS = 10.0
SHORTEST_ATTEMPT_SECONDS = 0.05
FIRST_RETRY_SECONDS = 0.02
LONGEST_RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Record:
    """One message of a stream, in stream order."""

    sequence: int
    subject: str
    data: bytes


class Bus:
    """The streams and buckets of one run, as one service sees them."""

    def __init__(self, link: Link, run: str, service: str, patience_seconds: float) -> None:
        self.link = link
        self.run = run
        self.service = service
        self.patience_seconds = patience_seconds
        self._rollout_depth: int | None = None
        self._declaring = asyncio.Lock()
        self._declared_at = 0.0
        self._created: dict[str, tuple[int, str]] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._readers: dict[tuple[str, str], Reader] = {}

    @classmethod
    async def connect(cls, url: str, run: str, service: str, *, patience_seconds: float = 60.0) -> Bus:
        """Connect and check the server. Raises BusError (unreachable) or Unsupported (too old, without JetStream)."""
        link = await Link.open(url, f"ludus-{service}", patience_seconds)
        bus = cls(link, run, service, patience_seconds)
        try:
            bus._check_version()
            await bus._check_jetstream()
        except BaseException:
            await link.close()
            raise
        return bus

    def _check_version(self) -> None:
        found = re.match(r"v?(\d+)\.(\d+)\.(\d+)", self.link.version)
        if found is None or tuple(map(int, found.groups())) < MIN_SERVER_VERSION:
            wanted = ".".join(map(str, MIN_SERVER_VERSION))
            raise Unsupported(
                f"nats-server {self.link.version} at {self.link.url} is too old: {wanted} or newer is needed (older "
                "ones lose streams and drop settings silently). Run `make tools` for the pinned one, or set "
                "NATS_SERVER=/path."
            )

    async def _check_jetstream(self) -> None:
        async def ask() -> None:
            try:
                await jetstream.call(self.link, "INFO")
            except NoResponders:
                raise Unsupported(
                    f"nats-server at {self.link.url} runs without JetStream: start it with a `jetstream` block in its "
                    "configuration (or `-js`)."
                ) from None

        await self.retry("reaching JetStream", ask, self.patience_seconds)

    async def close(self) -> None:
        """Disconnect. Messages already accepted are safe; unacknowledged deliveries will come again."""
        for task in list(self._background):
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self.link.close()

    # -- declaring -----------------------------------------------------------------------------------------------

    async def declare(self, *, rollout_depth: int | None = None) -> None:
        """All streams and buckets of the run; idempotent, also while others do the same.

        `rollout_depth` is the number of slabs ROLLOUTS holds (learner.buffer_slabs); None leaves an existing one alone.
        Durable consumers are declared by `puller`, which knows the token they filter on.
        """
        if rollout_depth is not None:
            self._rollout_depth = rollout_depth
        await self.retry("declaring the streams", self._declare_once)

    async def _declare_once(self) -> None:
        async with self._declaring:
            for stream in STREAMS:
                await self._declare_stream(stream)
            for bucket in BUCKETS:
                await jetstream.declare_stream(self.link, jetstream.bucket_config(bucket, self.run))
            self._declared_at = time.monotonic()

    async def _declare_stream(self, stream: Stream) -> None:
        generation = self.link.generation
        depth = self._rollout_depth if stream is ROLLOUTS else None
        asked = jetstream.stream_config(stream, self.run, depth)
        if stream is ROLLOUTS and depth is None:
            del asked["max_msgs"]
        created = await jetstream.declare_stream(self.link, asked)
        self._created[stream.name] = (generation, created)

    async def redeclare(self, since: float) -> None:
        """Declare the memory streams again, unless that has been done after the monotonic time `since`.

        File streams survive the server; one that is gone is not replaced by an empty one behind everybody's back.
        """
        async with self._declaring:
            if self._declared_at < since:
                for stream in STREAMS:
                    if stream.storage == "memory":
                        await self._declare_stream(stream)
                self._declared_at = time.monotonic()

    async def incarnation(self, stream: Stream) -> str:
        """When the server made the stream: another value means that the old one and its sequence numbers are gone."""
        known = self.known_incarnation(stream)
        if known is None:
            generation = self.link.generation
            known = str((await self._info(stream))["created"])
            self._created[stream.name] = (generation, known)
        return known

    def known_incarnation(self, stream: Stream) -> str | None:
        """The same without asking: None when the connection has changed since it was last looked at."""
        generation, created = self._created.get(stream.name, (0, ""))
        return created if generation == self.link.generation and self.link.connected else None

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something small that nobody waits for; dropped when the bus closes."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    # -- retrying ------------------------------------------------------------------------------------------------

    async def retry(self, what: str, attempt: Callable[[], Awaitable[T]], patience_seconds: float | None = None) -> T:
        """Run `attempt` until the server is there to answer it. Raises BusError when that takes too long."""
        patience = self.patience_seconds if patience_seconds is None else patience_seconds
        deadline = time.monotonic() + patience
        wait = FIRST_RETRY_SECONDS
        while True:
            started = time.monotonic()
            try:
                async with asyncio.timeout(max(deadline - started, SHORTEST_ATTEMPT_SECONDS)):
                    return await attempt()
            except (Away, TimeoutError) as error:
                cause = str(error) or "no answer"
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    raise BusError(f"{what} did not succeed within {patience:g} s: {cause}") from error
                missing = isinstance(error, NoResponders)
                log.debug("%s: %s; trying again", what, cause)
            await asyncio.sleep(min(wait * (0.5 + random.random()), max(remaining, 0)))  # noqa: S311 spreads retries
            wait = min(2 * wait, LONGEST_RETRY_SECONDS)
            await self.link.wait_connected(deadline - time.monotonic())
            if missing:
                await self._restore(started)

    async def _restore(self, since: float) -> None:
        try:
            await self.redeclare(since)
        except Away as error:
            log.debug("declaring the streams again: %s", error)

    # -- streams -------------------------------------------------------------------------------------------------

    async def publish(
        self,
        stream: Stream,
        data: bytes,
        *,
        token: str = "",
        msg_id: str,
        ttl_seconds: float | None = None,
        patience_seconds: float | None = None,
    ) -> int:
        """Store one message; returns its stream sequence (that of the first copy if the id was stored before).

        Retries with the same id until the server has it. Raises StreamFull at once when a bounded stream has no room,
        BusError after `patience_seconds` (of the bus, unless given) without the server.
        """
        headers = {"Nats-Msg-Id": msg_id}
        _check_token(token)
        if ttl_seconds is not None:
            headers["Nats-TTL"] = f"{max(1, round(ttl_seconds))}s"
        return await self.write(stream.subject_for(self.run, token), data, headers, patience_seconds)

    async def write(
        self, subject: str, data: bytes, headers: Mapping[str, str], patience_seconds: float | None = None
    ) -> int:
        """Store one message with these headers; `Nats-Msg-Id` must be among them. Raises also Conflict."""

        async def attempt() -> int:
            answer = await self.link.request(subject, data, headers=headers, timeout=ANSWER_SECONDS)
            return int(jetstream.parse(subject, answer.data)["seq"])

        return await self.retry(f"publishing to {subject}", attempt, patience_seconds)

    async def last_message(self, stream_name: str, subject: str) -> Any | None:
        """The newest message on a subject of a stream with direct access, with its headers; None if there is none."""

        async def attempt() -> Any | None:
            message = await self.link.request(f"$JS.API.DIRECT.GET.{stream_name}.{subject}")
            return None if status(message) == "404" else message

        return await self.retry(f"reading {subject}", attempt)

    async def last(self, stream: Stream, token: str = "") -> Record | None:
        """The newest message with this token. The stream must have `allow_direct`."""
        message = await self.last_message(stream.stream_name(self.run), stream.subject_for(self.run, token))
        if message is None:
            return None
        return Record(int(message.headers["Nats-Sequence"]), message.headers["Nats-Subject"], message.data)

    async def read(
        self, stream: Stream, start: int, count: int, timeout_seconds: float, token: str = ""
    ) -> list[Record]:
        """Up to `count` messages with sequence >= `start`, in stream order; waits for the first up to the timeout.

        [] when there is none in that time, or while the server is away. The stream must have `allow_direct`.
        """
        key = (stream.name, token)
        reader = self._readers.get(key)
        if reader is None:
            subject = stream.subject_for(self.run, token) if token else stream.filter_for(self.run)
            reader = self._readers[key] = Reader(self.link, stream.stream_name(self.run), subject)
            await reader.open()
        found = await reader.read(start, count, timeout_seconds)
        return [Record(int(m.headers["Nats-Sequence"]), m.headers["Nats-Subject"], m.data) for m in found]

    async def waiting(self, stream: Stream, token: str = "") -> int:
        """How many messages the stream holds now (with this token): delivered but unacknowledged ones included."""
        if not token:
            return int((await self._info(stream))["state"]["messages"])
        subject = stream.subject_for(self.run, _check_token(token))
        state = (await self._info(stream, {"subjects_filter": subject}))["state"]
        return int((state.get("subjects") or {}).get(subject, 0))

    async def undelivered(self, consumer: Consumer, token: str) -> int:
        """How many messages of this token no worker has taken yet; all of them before the consumer's first worker."""
        name = jetstream.consumer_config(consumer, self.run, token)["durable_name"]
        path = f"CONSUMER.INFO.{consumer.stream.stream_name(self.run)}.{name}"

        async def attempt() -> int | None:
            try:
                return int((await jetstream.call(self.link, path))["num_pending"])
            except jetstream.ApiError as error:
                if error.number in (jetstream.CONSUMER_NOT_FOUND, jetstream.STREAM_NOT_FOUND):
                    return None
                raise

        pending = await self.retry(f"looking at the consumer {name}", attempt)
        return await self.waiting(consumer.stream, token) if pending is None else pending

    async def room(self, stream: Stream) -> int:
        """How many more messages fit into the stream."""
        info = await self._info(stream)
        limit = int(info["config"]["max_msgs"])
        return sys.maxsize if limit < 0 else max(0, limit - int(info["state"]["messages"]))

    async def purge(self, stream: Stream, token: str) -> int:
        """Remove every message with this token, delivered ones included; returns how many. Never for the ledger."""
        body = {"filter": stream.subject_for(self.run, token)}

        async def attempt() -> int:
            answer = await jetstream.call(self.link, f"STREAM.PURGE.{stream.stream_name(self.run)}", body)
            return int(answer["purged"])

        return await self.retry(f"emptying {stream.name}", attempt)

    async def _info(self, stream: Stream, body: dict[str, Any] | None = None) -> dict[str, Any]:
        async def attempt() -> dict[str, Any]:
            try:
                return await jetstream.call(self.link, f"STREAM.INFO.{stream.stream_name(self.run)}", body)
            except jetstream.ApiError as error:
                if error.number == jetstream.STREAM_NOT_FOUND:
                    raise NoResponders(str(error)) from error
                raise

        return await self.retry(f"looking at {stream.name}", attempt)

    async def puller(
        self, consumer: Consumer, token: str, *, max_messages: int | None = None, max_bytes: int | None = None
    ) -> Puller:
        """Take messages of one token from a durable consumer; at most `max_messages`, `max_bytes` per request."""
        puller = Puller(self, consumer, token, max_messages=max_messages, max_bytes=max_bytes)
        await self.retry(f"declaring the consumer {consumer.name}", puller.open)
        return puller

    async def bucket(self, name: str) -> Bucket:
        """The key-value bucket POLICIES_BUCKET or RUN_BUCKET of this run."""
        if name not in BUCKETS:
            raise ValueError(f"unknown bucket {name!r}: expected one of {', '.join(BUCKETS)}")
        return Bucket(self, name)


def _check_token(token: str) -> str:
    """Part of a subject: no blanks, no wildcards. Raises ValueError."""
    if token and not _TOKEN.fullmatch(token):
        raise ValueError(
            f"{token!r} cannot stand in a subject: expected letters, digits, '_', '-' and '.' between them"
        )
    return token
