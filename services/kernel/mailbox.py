"""Where the answers to one request arrive."""

from __future__ import annotations

import asyncio
from typing import Any

from .errors import Away, NoResponders


class Mailbox:
    """Replies to one request, in order."""

    def __init__(self, subject: str, target: str, boxes: dict[str, Mailbox]) -> None:
        self.subject = subject
        """where the replies come to"""
        self.target = target
        """what was asked"""
        self._boxes = boxes
        self._queue: asyncio.Queue[Any] = asyncio.Queue()

    def put(self, item: Any) -> None:
        """A message, or the exception that `get` is to raise."""
        self._queue.put_nowait(item)

    async def get(self, timeout: float) -> Any:
        """The next reply. Raises Away when the connection breaks or nothing comes, NoResponders when nobody listens."""
        try:
            async with asyncio.timeout(max(timeout, 0.0)):
                item = await self._queue.get()
        except TimeoutError:
            raise Away(f"no answer to {self.target} within {timeout:.1f} s") from None
        if isinstance(item, Exception):
            raise item
        if status(item) == "503":
            raise NoResponders(f"nothing listens on {self.target}")
        return item

    def __enter__(self) -> Mailbox:
        self._boxes[self.subject] = self
        return self

    def __exit__(self, *_: object) -> None:
        self._boxes.pop(self.subject, None)


def status(message: Any) -> str:
    """Status code of a control message, "" for an ordinary one."""
    headers = message.headers
    return str(headers.get("Status", "")) if headers and not message.data else ""
