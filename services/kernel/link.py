"""One connection to NATS that comes back by itself.

A nats-py client is used for a single connection only and thrown away when it breaks: whatever it still held
(half-written buffers, waiting futures) goes with it, and callers learn at once that their question is lost instead of
running into a timeout. Subscriptions are made again on every new connection; acknowledgements posted in between are
sent then.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError, NoServersError

from .address import server_list, without_credentials
from .door import Door
from .errors import Away, BusError, Unsupported
from .mailbox import Mailbox

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_SECONDS = 2.0
RECONNECT_WAIT_SECONDS = 0.05
SEND_TIMEOUT_SECONDS = 10.0
#: A server that is stopped, or cut off without a reset, is noticed after about three of these.
PING_SECONDS = 3
PENDING_BYTES = 64 * 1024 * 1024
OUTBOX_MESSAGES = 10_000
#: What a broken nats-py client raises; uvloop adds RuntimeError for writes to a closed transport.
BROKEN = (NatsError, OSError, RuntimeError, TimeoutError)

_VIOLATION = re.compile(r'permissions violation for (\w+) to "([^"]+)"')

#: Called with every message, and with None when the connection is lost.
Callback = Callable[[Any | None], None]


class Link:
    """The connection. `generation` counts connections made so far."""

    def __init__(self, url: str, name: str, door: Door) -> None:
        self.url = url
        self.door = door
        self.address = without_credentials(url)
        self._servers = server_list(url)
        self.name = name
        self.generation = 0
        self.version = ""
        self.inbox = door.inbox
        self._mailboxes: dict[str, Mailbox] = {}
        self._tokens = 0
        self._subscriptions: dict[str, Callback] = {}
        self._outbox: deque[tuple[str, bytes]] = deque(maxlen=OUTBOX_MESSAGES)
        self._client: Any = None
        self._connected = asyncio.Event()
        self._lost = asyncio.Event()
        self._posting: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._last_error: BaseException | None = None

    @classmethod
    async def open(cls, url: str, name: str, patience_seconds: float, door: Door) -> Link:
        """Connect, waiting for the server to appear. Raises BusError, at once if the server refuses the client."""
        link = cls(url, name, door)
        deadline = time.monotonic() + patience_seconds
        said = time.monotonic() + 2.0
        while True:
            try:
                await link._dial()
                break
            except Unsupported:
                raise
            except BusError as error:
                if time.monotonic() >= deadline:
                    raise BusError(link._absent(patience_seconds, error)) from error
                if time.monotonic() >= said:
                    log.warning("waiting for NATS at %s (%s)", link.address, error)
                    said = time.monotonic() + 10.0
                await asyncio.sleep(RECONNECT_WAIT_SECONDS)
        link._keeper = asyncio.create_task(link._keep(), name="nats-link")
        return link

    def _absent(self, patience_seconds: float, error: BaseException) -> str:
        return (
            f"no NATS server answers at {self.address} (tried for {patience_seconds:.0f} s; {error}). "
            "Start one (`ludus up`), or give another address in bus.url or --nats-url."
        )

    async def close(self) -> None:
        """Send what is buffered, then disconnect. The link cannot be used afterwards."""
        if self._keeper:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
        if self._posting:
            await self._posting
        if self._client is not None and self._connected.is_set():
            with suppress(*BROKEN):
                await self._client.flush(timeout=2)
        await self._discard()

    # -- using the connection ------------------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        return self._connected.is_set()

    async def wait_connected(self, timeout: float) -> bool:
        """True as soon as there is a connection, False after `timeout` seconds. Raises BusError if none can come."""
        if self._keeper is not None and self._keeper.done():
            raise BusError(f"the connection to {self.address} has been closed")
        with suppress(TimeoutError):
            async with asyncio.timeout(max(timeout, 0.0)):
                await self._connected.wait()
        return self.connected

    async def send(
        self, subject: str, data: bytes = b"", *, reply: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        """Publish. Raises Away when there is no connection, BusError for a message the server would never take."""
        if not self.connected:
            raise Away(f"not connected to {self.address}")
        try:
            async with asyncio.timeout(SEND_TIMEOUT_SECONDS):
                await self._client.publish(subject, data, reply=reply, headers=dict(headers) if headers else None)
        except MaxPayloadError:
            limit = self._client.max_payload
            raise BusError(
                f"a message of {len(data)} bytes for {subject} is larger than the {limit} bytes the server at "
                f"{self.address} takes. Raise max_payload in its configuration to 8MB, or make smaller slabs "
                "(simulator.slabs)."
            ) from None
        except BROKEN as error:
            self._lost.set()
            raise Away(f"lost the connection to {self.address}: {error}") from error

    def post(self, subject: str, data: bytes) -> None:
        """Publish without waiting; kept (up to a limit) until there is a connection. For acknowledgements."""
        self._outbox.append((subject, data))
        if self.connected:
            self._post_soon()

    def unique_subject(self) -> str:
        """A subject of this connection's own, for answers that come to a subscription."""
        self._tokens += 1
        return f"{self.inbox}p.{self._tokens:x}"

    def request_mailbox(self, target: str) -> Mailbox:
        """A place for the replies of one request; use it in a `with` block."""
        self._tokens += 1
        return Mailbox(f"{self.inbox}.{self._tokens:x}", target, self._mailboxes)

    async def request(
        self, subject: str, data: bytes = b"", *, headers: Mapping[str, str] | None = None, timeout: float = 5.0
    ) -> Any:
        """One question, one answer. Raises Away, NoResponders, or BusError when permissions forbid it."""
        with self.request_mailbox(subject) as box:
            await self.send(subject, data, reply=box.subject, headers=headers)
            return await box.get(timeout)

    async def subscribe(self, subject: str, callback: Callback) -> None:
        """Call `callback` with every message on `subject` from now on, on this and every later connection."""
        self._subscriptions[subject] = callback
        if self.connected:
            with suppress(*BROKEN):
                await self._attach(self._client, subject, callback)

    # -- keeping it ----------------------------------------------------------------------------------------------

    async def _dial(self) -> None:
        """One attempt. Before Python 3.12 `asyncio.wait_for`, which nats-py uses, can swallow a cancellation."""
        try:
            await self._connect()
        finally:
            task = asyncio.current_task()
            if task and task.cancelling():
                raise asyncio.CancelledError

    async def _connect(self) -> None:
        client = Client()
        self._lost.clear()

        async def lost() -> None:
            if self._client is client:  # a discarded client may still report its own end
                self._lost.set()

        try:
            async with asyncio.timeout(2 * CONNECT_TIMEOUT_SECONDS):
                await client.connect(
                    self._servers,
                    name=self.name,
                    allow_reconnect=False,
                    max_reconnect_attempts=1,
                    reconnect_time_wait=RECONNECT_WAIT_SECONDS,
                    connect_timeout=CONNECT_TIMEOUT_SECONDS,
                    ping_interval=PING_SECONDS,
                    max_outstanding_pings=2,
                    pending_size=PENDING_BYTES,
                    error_cb=self._on_error,
                    disconnected_cb=lost,
                    closed_cb=lost,
                    **self.door.options(),
                )
                await self._attach(client, f"{self.inbox}.*", self._deliver)
                attached: set[str] = set()
                while missing := self._subscriptions.keys() - attached:  # more may come in while this waits
                    for subject in missing:
                        await self._attach(client, subject, self._subscriptions[subject])
                    attached |= missing
        except BROKEN as error:
            with suppress(*BROKEN):
                async with asyncio.timeout(1.0):
                    await client.close()
            raise self._explain(error) from error
        self._client = client
        self.version = str(client._server_info.get("version", "unknown"))  # the parsed one loses odd suffixes
        self.generation += 1
        self._connected.set()
        self._post_soon()

    def _explain(self, error: BaseException) -> BusError:
        vague = isinstance(error, TimeoutError | NoServersError) or not str(error)
        cause = self._last_error if vague and self._last_error else error
        text = str(cause) or type(cause).__name__
        if "authorization" in text.lower():
            return Unsupported(
                f"NATS at {self.address} refuses this client: {text}. "
                "Check bus.credentials (or user and password in bus.url)."
            )
        return Away(text)

    async def _attach(self, client: Any, subject: str, callback: Callback) -> None:
        async def deliver(message: Any) -> None:
            callback(message)

        # Our own limits bound what is asked for; nats-py's would drop messages silently.
        await client.subscribe(subject, cb=deliver, pending_msgs_limit=0, pending_bytes_limit=0)

    async def _keep(self) -> None:
        """Runs for ever: notices a broken connection and makes a new one."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(0.25):
                    await self._lost.wait()
            # nats-py skips its callbacks when closing fails half-way, so its state is looked at as well.
            if not (self._lost.is_set() or self._client.is_closed):
                continue
            log.info("lost the connection to NATS at %s", self.address)
            await self._discard()
            while not self._connected.is_set():
                try:
                    await self._dial()
                    log.info("connected to NATS at %s again", self.address)
                except BusError as error:
                    self._last_error = error
                    await asyncio.sleep(RECONNECT_WAIT_SECONDS)

    async def _discard(self) -> None:
        self._connected.clear()
        for box in list(self._mailboxes.values()):
            box.put(Away(f"lost the connection to {self.address}"))
        for callback in list(self._subscriptions.values()):
            callback(None)
        client, self._client = self._client, None
        if client is not None:
            with suppress(*BROKEN):
                async with asyncio.timeout(1.0):
                    await client.close()

    def _deliver(self, message: Any | None) -> None:
        if message is not None:
            box = self._mailboxes.get(message.subject)
            if box:
                box.put(message)

    def _post_soon(self) -> None:
        if self._outbox and (self._posting is None or self._posting.done()):
            self._posting = asyncio.ensure_future(self._empty_outbox())

    async def _empty_outbox(self) -> None:
        while self._outbox and self.connected:
            subject, data = self._outbox[0]
            try:
                await self.send(subject, data)
            except Away:
                return
            self._outbox.popleft()

    async def _on_error(self, error: Exception) -> None:
        """nats-py reports here what it does not raise, a refused publish among it."""
        self._last_error = error
        violation = _VIOLATION.search(str(error).lower())
        if not violation:
            log.debug("NATS: %s", error)
            return
        action, subject = violation.groups()
        log.error("NATS at %s forbids this service to %s to %s", self.address, action, subject)
        for box in list(self._mailboxes.values()):
            if box.target.lower() == subject or subject.startswith(self.inbox.lower()):
                box.put(
                    Unsupported(f"NATS at {self.address} forbids this service to {action} to {subject}: check user.")
                )
