"""Where messages go that nobody can read: kept with their cause, to be looked at and, once mended, sent again."""

from __future__ import annotations

import hashlib
import logging

from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp

from ..api.v1.deadletter_pb2 import DeadLetter
from .bus import Bus, BusError, Delivery, Record
from .topology import DEADLETTERS, MAX_PAYLOAD_BYTES, STREAMS, Stream

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 2.0
#: A letter holds its message and some lines; what does not fit is kept without its bytes.
ENVELOPE_BYTES = 64 * 1024
CAUSE_CHARACTERS = 2_000


async def bury(bus: Bus, delivery: Delivery, cause: str) -> None:
    """Keep the message with its cause, then take it off its queue.

    Without a place to keep it, it is dropped and logged: poison must not come again.
    """
    letter = DeadLetter(
        letter_id=_letter_id(delivery),
        subject=delivery.subject,
        sequence=delivery.sequence,
        cause=cause[:CAUSE_CHARACTERS],
        service=bus.service,
        size_bytes=len(delivery.data),
    )
    if len(delivery.data) <= MAX_PAYLOAD_BYTES - ENVELOPE_BYTES:
        letter.data = delivery.data
    now = Timestamp()
    now.GetCurrentTime()
    letter.time.CopyFrom(now)
    data, token = letter.SerializeToString(), delivery.stream.name.lower()
    try:
        await bus.publish(DEADLETTERS, data, token=token, msg_id=letter.letter_id, patience_seconds=PATIENCE_SECONDS)
    except BusError as error:
        log.warning("a message that cannot be read (%s) was dropped, since it cannot be kept: %s", cause, error)
    await delivery.term()


async def letters(bus: Bus, count: int) -> list[tuple[int, DeadLetter]]:
    """The oldest `count` that are kept, with the numbers by which they are called."""
    found: list[Record] = []
    while len(found) < count:
        start = found[-1].sequence + 1 if found else 1
        more = await bus.read(DEADLETTERS, start, count - len(found), 0.0)
        if not more:
            break
        found += more
    return [(record.sequence, _opened(record)) for record in found]


async def letter(bus: Bus, number: int) -> DeadLetter:
    """Raises LookupError."""
    records = await bus.read(DEADLETTERS, number, 1, 0.0)
    if not records or records[0].sequence != number:
        raise LookupError(f"there is no dead letter {number}")
    return _opened(records[0])


async def requeue(bus: Bus, found: DeadLetter) -> Stream:
    """Send the message again where it was found; once, however often this is called within the server's memory of ids.

    Raises ValueError if it cannot be.
    """
    if len(found.data) != found.size_bytes:
        raise ValueError(f"its {found.size_bytes} bytes were too many to be kept")
    for stream in STREAMS:
        prefix = stream.subject_for(bus.run, "x").removesuffix("x")
        if stream is not DEADLETTERS and found.subject.startswith(prefix):
            token = found.subject.removeprefix(prefix) if "{token}" in stream.subject else ""
            await bus.publish(stream, found.data, token=token, msg_id=f"requeued-{found.letter_id}")
            return stream
    raise ValueError(f"{found.subject!r} is no subject of the run {bus.run!r}")


def _letter_id(delivery: Delivery) -> str:
    """The same for every delivery of one message."""
    where = f"{delivery.stream.name}:{delivery.incarnation}:{delivery.sequence}:"
    return hashlib.sha256(where.encode() + delivery.data).hexdigest()[:24]


def _opened(record: Record) -> DeadLetter:
    try:
        return DeadLetter.FromString(record.data)
    except DecodeError:
        return DeadLetter(subject=record.subject, cause="the letter itself cannot be read", size_bytes=len(record.data))
