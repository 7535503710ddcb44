"""Content-addressed bytes on the bus: weights of policies, named by their sha256.

A blob is one message on `...blob.<sha256>`; a large one is cut into `...blob.<sha256>.<i>` and a head that counts the
pieces, written last. A blob that is not kept expires by itself.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from .bus import Bus
from .errors import BusError, Conflict
from .kv import EXPECTED, MSG_ID
from .topology import BLOBS, LIVE_BLOB_SECONDS

PIECE_BYTES = 4 * 1024 * 1024
PIECES = "Ludus-Pieces"
TTL = "Nats-TTL"


class BlobMissing(BusError):
    """The blob is not there (any more), or what is there does not have this hash."""


async def put_blob(bus: Bus, data: bytes, *, keep: bool) -> str:
    """Store bytes; returns their sha256 in hex. Not kept, they expire after LIVE_BLOB_SECONDS."""
    sha256 = hashlib.sha256(data).hexdigest()
    pieces = [data[i : i + PIECE_BYTES] for i in range(0, len(data), PIECE_BYTES)]
    if len(pieces) <= 1:
        await _store(bus, sha256, data, {}, keep)
        return sha256
    for index, piece in enumerate(pieces):
        await _store(bus, f"{sha256}.{index}", piece, {}, keep)
    await _store(bus, sha256, b"", {PIECES: str(len(pieces))}, keep)
    return sha256


async def get_blob(bus: Bus, sha256: str) -> bytes:
    """The bytes with this hash, verified. Raises BlobMissing."""
    head = await _message(bus, sha256)
    count = int((head.headers or {}).get(PIECES, 0))
    data = head.data if not count else b"".join([(await _message(bus, f"{sha256}.{i}")).data for i in range(count)])
    if hashlib.sha256(data).hexdigest() != sha256:
        raise BlobMissing(f"blob {sha256} is damaged: its bytes have another hash. Publish it again.")
    return bytes(data)


async def keep_blob(bus: Bus, sha256: str) -> None:
    """Make a blob permanent. Raises BlobMissing if it has expired already."""
    await put_blob(bus, await get_blob(bus, sha256), keep=True)


async def _message(bus: Bus, token: str) -> Any:
    message = await bus.last_message(BLOBS.stream_name(bus.run), BLOBS.subject_for(bus.run, token))
    if message is None:
        raise BlobMissing(f"blob {token} is not stored: it was never published, or it expired unpinned")
    return message


async def _store(bus: Bus, token: str, data: bytes, headers: dict[str, str], keep: bool) -> None:
    """Write one message. Never lets a permanent one expire: compare-and-set on what was seen there."""
    subject = BLOBS.subject_for(bus.run, token)
    while True:
        seen = await bus.last_message(BLOBS.stream_name(bus.run), subject)
        if seen is not None and TTL not in seen.headers and seen.data == data:
            return
        wanted = {
            **headers,
            MSG_ID: secrets.token_hex(12),
            EXPECTED: seen.headers["Nats-Sequence"] if seen is not None else "0",
        }
        if not keep:
            wanted[TTL] = f"{LIVE_BLOB_SECONDS:.0f}s"
        try:
            await bus.write(subject, data, wanted)
            return
        except Conflict:
            continue
