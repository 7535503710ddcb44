"""The message bus: everything the four services say to one another goes through here.

Streams, consumers and buckets are those of `topology.py`; `session.py` makes a call survive a restart of the server.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass

from . import jetstream
from .errors import BusError, Conflict, StreamFull, Unsupported
from .kv import Bucket, Entry
from .link import Link
from .puller import Delivery, Puller
from .reader import Reader
from .session import Session
from .topology import BUCKETS, Consumer, Stream

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

_TOKEN = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


@dataclass(frozen=True, slots=True)
class Record:
    """One message of a stream, in stream order."""

    sequence: int
    subject: str
    data: bytes


class Bus(Session):
    """The streams and buckets of one run, as one service sees them."""

    def __init__(self, link: Link, run: str, service: str, patience_seconds: float, replicas: int = 1) -> None:
        super().__init__(link, run, service, patience_seconds, replicas)
        self._readers: dict[tuple[str, str], Reader] = {}

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
            return int((await self.stream_info(stream))["state"]["messages"])
        subject = stream.subject_for(self.run, _check_token(token))
        state = (await self.stream_info(stream, {"subjects_filter": subject}))["state"]
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
        info = await self.stream_info(stream)
        limit = int(info["config"]["max_msgs"])
        return sys.maxsize if limit < 0 else max(0, limit - int(info["state"]["messages"]))

    async def purge(self, stream: Stream, token: str) -> int:
        """Remove every message with this token, delivered ones included; returns how many. Never for the ledger."""
        body = {"filter": stream.subject_for(self.run, token)}

        async def attempt() -> int:
            answer = await jetstream.call(self.link, f"STREAM.PURGE.{stream.stream_name(self.run)}", body)
            return int(answer["purged"])

        return await self.retry(f"emptying {stream.name}", attempt)

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
