"""Key-value buckets with compare-and-set, on top of a stream (the layout every NATS client knows)."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from . import jetstream
from .errors import Conflict
from .reader import batch
from .session import Session
from .topology import KV_HISTORY, bucket_name

EXPECTED = "Nats-Expected-Last-Subject-Sequence"
MSG_ID = "Nats-Msg-Id"
_KEY = re.compile(r"[A-Za-z0-9_=-]+(\.[A-Za-z0-9_=-]+)*")


@dataclass(frozen=True, slots=True)
class Entry:
    """What a key holds. `revision` rises with every write to the bucket."""

    key: str
    value: bytes
    revision: int


class Bucket:
    """One bucket of the run. Every call is retried through a restart of the server, within the bus's patience."""

    def __init__(self, bus: Session, name: str) -> None:
        self._bus = bus
        self._name = bucket_name(name, bus.run)
        self._stream = f"KV_{self._name}"

    def _subject(self, key: str) -> str:
        if not _KEY.fullmatch(key):
            raise ValueError(f"{key!r} cannot be a key: expected letters, digits, '_', '-', '=' and '.' between them")
        return f"$KV.{self._name}.{key}"

    async def get(self, key: str) -> Entry | None:
        """The newest value, None for a key never written."""
        message = await self._bus.last_message(self._stream, self._subject(key))
        if message is None or "KV-Operation" in message.headers:
            return None
        return Entry(key, message.data, int(message.headers["Nats-Sequence"]))

    async def put(self, key: str, value: bytes) -> int:
        """Write unconditionally; returns the new revision."""
        return await self._bus.write(self._subject(key), value, {MSG_ID: secrets.token_hex(12)})

    async def create(self, key: str, value: bytes) -> int:
        """Write a key that must not exist yet. Raises Conflict if it does."""
        return await self.update(key, value, 0)

    async def update(self, key: str, value: bytes, revision: int) -> int:
        """Write only if the key is still at `revision`; returns the new one. Raises Conflict otherwise."""
        headers = {MSG_ID: secrets.token_hex(12), EXPECTED: str(revision)}
        try:
            return await self._bus.write(self._subject(key), value, headers)
        except Conflict:
            # The server may have stored an earlier attempt of this very write and died before it could say so.
            own = await self._own_write(key, revision, headers[MSG_ID])
            if own is None:
                raise
            return own

    async def _own_write(self, key: str, revision: int, msg_id: str) -> int | None:
        """Revision of the write with this id, even if others have written since (as far as the history goes)."""

        async def attempt() -> int | None:
            later = await batch(self._bus.link, self._stream, self._subject(key), revision + 1, KV_HISTORY)
            own = [int(m.headers["Nats-Sequence"]) for m in later if m.headers.get(MSG_ID) == msg_id]
            return own[0] if own else None

        return await self._bus.retry(f"reading {key}", attempt)

    async def keys(self) -> list[str]:
        """All keys, sorted."""
        prefix = f"$KV.{self._name}."

        async def attempt() -> list[str]:
            body = {"subjects_filter": f"{prefix}>"}
            info = await jetstream.call(self._bus.link, f"STREAM.INFO.{self._stream}", body)
            return sorted(subject.removeprefix(prefix) for subject in info["state"].get("subjects") or {})

        return await self._bus.retry(f"listing {self._name}", attempt)
