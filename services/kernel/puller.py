"""Taking messages from a durable consumer, and what to tell the server about each."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from . import jetstream
from .errors import Away, BusError, NoResponders
from .mailbox import status
from .session import Session
from .topology import Consumer, Stream

log = logging.getLogger(__name__)

#: What the server may send for one request: below the 64 MB at which it calls a client slow and cuts it off.
MAX_BYTES = 32 * 1024 * 1024
#: The server ends a request by itself; this much later we stop believing that it will.
GRACE_SECONDS = 1.0
AWAY_WAIT_SECONDS = 0.1
CONFIRM_SECONDS = 5.0


@dataclass(slots=True)
class Delivery:
    """One message from a work queue. It comes again unless it is acknowledged or given up."""

    data: bytes
    subject: str
    sequence: int
    """stream sequence"""
    deliveries: int
    """how many times it has been handed out, this one included"""
    reply: str = field(repr=False)
    bus: Session = field(repr=False)
    stream: Stream = field(repr=False)
    incarnation: str = field(repr=False)
    arrived: float = field(repr=False)

    async def ack(self) -> None:
        """It is done. Sent without waiting; kept for later while the server is away."""
        await self._post(b"+ACK")

    async def ack_sync(self) -> None:
        """It is done, and the server has confirmed that. Raises BusError if it does not: then the message comes again.

        A server that was killed may have forgotten the last deliveries it made; it leaves their acknowledgements
        unanswered.
        """
        what = f"acknowledging message {self.sequence} of {self.stream.name}"

        async def attempt() -> None:
            generation = self.bus.link.generation
            try:
                await self.bus.link.request(self.reply, b"+ACK", timeout=CONFIRM_SECONDS)
            except Away as error:
                if self.bus.link.connected and self.bus.link.generation == generation:
                    raise BusError(f"{what}: the server does not know this delivery, it will come again") from error
                raise

        if await self._still_there():
            await self.bus.retry(what, attempt)

    async def nak(self, delay_seconds: float = 0.0) -> None:
        """Not done: hand it out again, after the delay."""
        await self._post(b"-NAK " + json.dumps({"delay": int(delay_seconds * jetstream.NANOSECONDS)}).encode())

    async def in_progress(self) -> None:
        """Still being worked on: restart the server's patience (ack_wait_seconds of the consumer)."""
        if self.bus.link.connected:
            await self._post(b"+WPI")

    async def term(self) -> None:
        """Poison: never hand it out again."""
        await self._post(b"+TERM")

    async def _post(self, word: bytes) -> None:
        if self.stream.storage == "file" or self.bus.known_incarnation(self.stream) == self.incarnation:
            self.bus.link.post(self.reply, word)
        else:
            self.bus.in_background(self._post_if_there(word))

    async def _post_if_there(self, word: bytes) -> None:
        try:
            if await self._still_there():
                self.bus.link.post(self.reply, word)
        except BusError as error:
            log.warning("message %d of %s was not acknowledged: %s", self.sequence, self.stream.name, error)

    async def _still_there(self) -> bool:
        """False when a killed server has forgotten a memory stream: the number then belongs to another message."""
        return self.stream.storage == "file" or await self.bus.incarnation(self.stream) == self.incarnation


class Puller:
    """Fetches from one durable consumer; finds its way back by itself after a restart of the server."""

    def __init__(
        self,
        bus: Session,
        consumer: Consumer,
        token: str,
        *,
        max_messages: int | None = None,
        max_bytes: int | None = None,
    ) -> None:
        self._bus = bus
        self._stream = consumer.stream
        self._stream_name = consumer.stream.stream_name(bus.run)
        self._config = jetstream.consumer_config(consumer, bus.run, token, bus.replicas)
        self._name = str(self._config["durable_name"])
        self._ack_wait_seconds = consumer.ack_wait_seconds
        self._max_messages = max_messages or consumer.max_ack_pending
        self._max_bytes = max_bytes or MAX_BYTES
        self._inbox = bus.link.unique_subject()
        self._arrivals: asyncio.Queue[Any | None] = asyncio.Queue()
        self._buffer: deque[Delivery] = deque()
        self._requests = 0
        self._oversized = False
        self._declared_generation = 0
        self._incarnation = ""

    async def open(self) -> None:
        """Declare the consumer and listen. Raises Away, NoResponders, Unsupported."""
        await self._bus.link.subscribe(f"{self._inbox}.*", self._arrivals.put_nowait)
        await self._declare()

    async def _declare(self) -> None:
        generation = self._bus.link.generation
        try:
            await jetstream.declare_consumer(self._bus.link, self._stream_name, self._config)
        except jetstream.ApiError as error:
            if error.number != jetstream.STREAM_NOT_FOUND:
                raise
            raise NoResponders(f"stream {self._stream_name} does not exist") from error
        self._incarnation = await self._bus.incarnation(self._stream)
        self._declared_generation = generation

    async def fetch(self, count: int, timeout_seconds: float) -> list[Delivery]:
        """What is there, up to `count`; if nothing is, the first that comes within the timeout. [] otherwise."""
        deadline = time.monotonic() + timeout_seconds
        count = min(count, self._max_messages)
        while count > 0:
            started = time.monotonic()
            self._sweep()
            if self._buffer:
                break
            try:
                async with asyncio.timeout(deadline - started + 2 * GRACE_SECONDS):
                    await self._pull(count, deadline)
            except (Away, TimeoutError) as error:
                log.debug("%s: %s", self._name, error)
                await self._recover(error, started, deadline)
            if time.monotonic() >= deadline:
                break
        return [self._buffer.popleft() for _ in range(min(count, len(self._buffer)))]

    async def _recover(self, error: Exception, started: float, deadline: float) -> None:
        if isinstance(error, NoResponders):
            self._declared_generation = 0
            try:
                async with asyncio.timeout(max(deadline - time.monotonic(), GRACE_SECONDS)):
                    await self._bus.redeclare(started)
            except (Away, TimeoutError) as still:
                log.debug("%s: %s", self._name, still)
        remaining = deadline - time.monotonic()
        await asyncio.sleep(max(0.0, min(AWAY_WAIT_SECONDS, remaining)))
        await self._bus.link.wait_connected(deadline - time.monotonic())

    async def _pull(self, count: int, deadline: float) -> None:
        """One request; ends with the first status of the server about it."""
        if self._declared_generation != self._bus.link.generation:
            await self._declare()
        self._requests += 1
        reply = f"{self._inbox}.{self._requests}"
        remaining = max(0.0, deadline - time.monotonic())
        body = {"no_wait": True, "expires": max(1_000_000, int(remaining * jetstream.NANOSECONDS))}
        # A single message above the limit in bytes is taken alone.
        wanted = 1 if self._oversized else count
        body |= {"batch": wanted} if self._oversized else {"batch": wanted, "max_bytes": self._max_bytes}
        self._oversized = False
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream_name}.{self._name}"
        await self._bus.link.send(subject, json.dumps(body).encode(), reply=reply)
        while len(self._buffer) < wanted and await self._arrival(reply, deadline + GRACE_SECONDS):
            pass

    async def _arrival(self, reply: str, deadline: float) -> bool:
        """Take one thing the server sent. False when it ends the request `reply`."""
        try:
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                message = await self._arrivals.get()
        except TimeoutError:
            return False
        if message is None:
            raise Away("lost the connection")
        code = status(message)
        if not code:
            self._buffer.append(self._delivery(message))
            return True
        if message.subject != reply or code == "100":
            return True
        why = str(message.headers.get("Description", ""))
        if code == "503" or (code == "409" and "Consumer" in why):
            raise NoResponders(f"consumer {self._name} is gone: {why}")
        self._oversized = not self._buffer and "MaxBytes" in why
        return False

    def _sweep(self) -> None:
        """Take in what arrived for an abandoned request; forget what the server gives to others by now."""
        while not self._arrivals.empty():
            message = self._arrivals.get_nowait()
            if message is not None and not status(message):
                self._buffer.append(self._delivery(message))
        oldest = time.monotonic() - 0.5 * self._ack_wait_seconds
        while self._buffer and self._buffer[0].arrived < oldest:
            self._buffer.popleft()

    def _delivery(self, message: Any) -> Delivery:
        # $JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time>.<pending>, or with two more tokens
        # (domain, account) in front of the stream and one (random) at the end.
        tokens = message.reply.split(".")
        deliveries, sequence = (tokens[4], tokens[5]) if len(tokens) < 11 else (tokens[6], tokens[7])
        return Delivery(
            message.data,
            message.subject,
            int(sequence),
            int(deliveries),
            message.reply,
            self._bus,
            self._stream,
            self._incarnation,
            time.monotonic(),
        )
