"""What a run leaves on the bus: whether there is any of it, and an end to it.

Streams and buckets go by the name of the run, so whoever takes the name of an earlier run takes its record, its results
and the command that stopped it.
"""

from __future__ import annotations

from functools import partial

from . import jetstream
from .session import Session
from .topology import BUCKETS, RUN_BUCKET, STREAMS, bucket_name


def names_of(run: str) -> list[str]:
    """Streams that the server keeps for a run; a bucket is one too. The run's own record comes last."""
    buckets = sorted(BUCKETS, key=lambda bucket: bucket == RUN_BUCKET)
    return [stream.stream_name(run) for stream in STREAMS] + [f"KV_{bucket_name(bucket, run)}" for bucket in buckets]


async def known(bus: Session) -> bool:
    """Whether the server has the record of a run of this name. Raises BusError."""
    return await _exists(bus, f"KV_{bucket_name(RUN_BUCKET, bus.run)}")


async def remove(bus: Session) -> list[str]:
    """Delete everything that the server keeps for the run; returns what was there. Raises BusError.

    What is interrupted can be done again: the record by which `known` sees the run is the last to go.
    """
    found = [name for name in names_of(bus.run) if await _exists(bus, name)]
    for name in found:
        await bus.retry(f"deleting {name}", partial(jetstream.call, bus.link, f"STREAM.DELETE.{name}"))
    return found


async def _exists(bus: Session, stream_name: str) -> bool:
    async def attempt() -> bool:
        try:
            await jetstream.call(bus.link, f"STREAM.INFO.{stream_name}")
        except jetstream.ApiError as error:
            if error.number == jetstream.STREAM_NOT_FOUND:
                return False
            raise
        return True

    return await bus.retry(f"looking for {stream_name}", attempt)
