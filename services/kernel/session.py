"""A connection for one run: checked once, retried through restarts of the server, its streams declared.

Writes are repeated with the same message id until the server has them, so each message is stored once. Memory streams,
which a killed server forgets, are declared again on the way.
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from typing import Any, Self, TypeVar

from . import jetstream
from .door import Door
from .errors import Away, BusError, NoResponders, Unsupported
from .link import Link
from .mailbox import status
from .topology import BUCKET_DECLARER, BUCKETS, MIN_SERVER_VERSION, ROLLOUTS, STREAMS, Stream

T = TypeVar("T")
log = logging.getLogger(__name__)

#: A publish that is not answered in this time is sent again.
ANSWER_SECONDS = 10.0
SHORTEST_ATTEMPT_SECONDS = 0.05
FIRST_RETRY_SECONDS = 0.02
LONGEST_RETRY_SECONDS = 1.0


class Session:
    """A checked connection for one run: retries, declarations, and the plain reads and writes on top of them."""

    def __init__(self, link: Link, run: str, service: str, patience_seconds: float, replicas: int = 1) -> None:
        self.link = link
        self.run = run
        self.service = service
        self.patience_seconds = patience_seconds
        self.replicas = replicas
        self._rollout_depth: int | None = None
        self._declaring = asyncio.Lock()
        self._declared_at = 0.0
        self._created: dict[str, tuple[int, str]] = {}
        self._background: set[asyncio.Task[None]] = set()

    @classmethod
    async def connect(
        cls,
        url: str,
        run: str,
        service: str,
        *,
        patience_seconds: float = 60.0,
        credentials: str = "",
        replicas: int = 1,
    ) -> Self:
        """Connect and check the server. Raises BusError (unreachable) or Unsupported (too old, without JetStream).

        `credentials` is the folder of `ludus nats config`, needed for every server that is not on loopback; `replicas`
        says how many servers of a cluster keep what this service declares.
        """
        door = Door.to(url, run, service, credentials)
        link = await Link.open(url, f"ludus-{service}", patience_seconds, door)
        bus = cls(link, run, service, patience_seconds, replicas)
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
                f"nats-server {self.link.version} at {self.link.address} is too old: {wanted} or newer is needed "
                "(older ones lose streams and drop settings silently). Run `make tools` for the pinned one, or set "
                "NATS_SERVER=/path."
            )

    async def _check_jetstream(self) -> None:
        async def ask() -> None:
            try:
                await jetstream.call(self.link, "INFO")
            except NoResponders:
                raise Unsupported(
                    f"nats-server at {self.link.address} runs without JetStream: start it with a `jetstream` block in "
                    "its configuration (or `-js`)."
                ) from None

        await self.retry("reaching JetStream", ask, self.patience_seconds)

    async def close(self) -> None:
        """Disconnect. Messages already accepted are safe; unacknowledged deliveries will come again."""
        for task in list(self._background):
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self.link.close()

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
                config = jetstream.bucket_config(bucket, self.run, self.replicas)
                await jetstream.declare_stream(self.link, config, may_create=self._may((BUCKET_DECLARER,)))
            self._declared_at = time.monotonic()

    async def _declare_stream(self, stream: Stream) -> None:
        generation = self.link.generation
        depth = self._rollout_depth if stream is ROLLOUTS else None
        asked = jetstream.stream_config(stream, self.run, depth, self.replicas)
        leave = {"max_msgs"} if stream is ROLLOUTS and depth is None else set()
        may_create = self._may(stream.declarers)
        created = await jetstream.declare_stream(self.link, asked, leave=leave, may_create=may_create)
        self._created[stream.name] = (generation, created)

    def _may(self, declarers: Collection[str]) -> bool:
        """Whether this service creates what is missing. Where no permissions are, everybody does."""
        return not self.link.door.locked or self.link.door.identity in declarers

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
            known = str((await self.stream_info(stream))["created"])
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

    async def write(
        self, subject: str, data: bytes, headers: Mapping[str, str], patience_seconds: float | None = None
    ) -> int:
        """Store one message with these headers, `Nats-Msg-Id` among them; returns its sequence. May raise Conflict."""

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

    async def stream_info(self, stream: Stream, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """State and configuration of a stream, as JetStream tells them."""

        async def attempt() -> dict[str, Any]:
            try:
                return await jetstream.call(self.link, f"STREAM.INFO.{stream.stream_name(self.run)}", body)
            except jetstream.ApiError as error:
                if error.number == jetstream.STREAM_NOT_FOUND:
                    raise NoResponders(str(error)) from error
                raise

        return await self.retry(f"looking at {stream.name}", attempt)
