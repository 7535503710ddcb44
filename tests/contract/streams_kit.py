"""What the tests of streams share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ludus.kernel.bus import Bus
from ludus.kernel.topology import (
    CONSUMERS,
    RESULTS,
    TICKETS,
)

Make = Any
TRAIN = CONSUMERS["simulator"]
#: Redelivers after one second instead of twenty.
HASTY = replace(TRAIN, name="hasty", ack_wait_seconds=1.0)


async def publish_many(bus: Bus, count: int, first: int = 0) -> list[int]:
    return [await bus.publish(RESULTS, f"r{i}".encode(), msg_id=f"r{i}") for i in range(first, first + count)]


async def tickets(bus: Bus, count: int, token: str = "train") -> None:
    for i in range(count):
        await bus.publish(TICKETS, f"{token}{i}".encode(), token=token, msg_id=f"{token}{i}")
