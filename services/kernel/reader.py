"""Reading a stream in order, from any sequence, without a consumer on the server.

Each batch is one direct-get request that names the sequence to start from, so nothing has to be kept or rebuilt when
the server restarts. New messages are noticed by listening on the stream's subject as well: a copy of each passes by
here and rings, then the stored message is fetched.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from typing import Any

from .errors import Away
from .link import Link
from .mailbox import status

#: The copy that rings may arrive a moment before the message is stored; look again soon, then more and more rarely.
FIRST_LOOK_SECONDS = 0.002
LONGEST_LOOK_SECONDS = 0.5
BATCH_MESSAGES = 500
BATCH_BYTES = 16 * 1024 * 1024
ANSWER_SECONDS = 5.0
#: What a server may take beyond a reader's timeout to say that there is nothing.
GRACE_SECONDS = 1.0


class Reader:
    """Reads one stream, messages of one subject filter."""

    def __init__(self, link: Link, stream_name: str, subject: str) -> None:
        self._link = link
        self._stream_name = stream_name
        self._subject = subject
        self._bell = asyncio.Event()

    async def open(self) -> None:
        await self._link.subscribe(self._subject, lambda _message: self._bell.set())

    async def read(self, start: int, count: int, timeout_seconds: float) -> list[Any]:
        """Messages with sequence >= start; [] when the timeout passes without any."""
        deadline = time.monotonic() + timeout_seconds
        wait = LONGEST_LOOK_SECONDS
        while True:
            self._bell.clear()
            found: list[Any] = []
            await self._link.wait_connected(deadline - time.monotonic())
            with suppress(Away):
                patience = max(deadline - time.monotonic(), 0.0) + GRACE_SECONDS
                found = await batch(self._link, self._stream_name, self._subject, start, count, patience)
            remaining = deadline - time.monotonic()
            if found or remaining <= 0:
                return found
            if await self._rings(min(wait, remaining)):
                wait = FIRST_LOOK_SECONDS
            else:
                wait = min(2 * wait, LONGEST_LOOK_SECONDS)

    async def _rings(self, timeout: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._bell.wait()
        return self._bell.is_set()


async def batch(
    link: Link, stream_name: str, subject: str, start: int, count: int, answer_seconds: float = ANSWER_SECONDS
) -> list[Any]:
    """Stored messages on a subject from sequence `start` on, in order, with their headers; at most BATCH_MESSAGES.

    Raises Away.
    """
    found: list[Any] = []
    body = {
        "seq": max(1, start),
        "batch": min(count, BATCH_MESSAGES),
        "max_bytes": BATCH_BYTES,
        "next_by_subj": subject,
    }
    with link.request_mailbox(f"$JS.API.DIRECT.GET.{stream_name}") as box:
        await link.send(box.target, json.dumps(body).encode(), reply=box.subject)
        while status(message := await box.get(answer_seconds)) == "":
            found.append(message)
    return found
