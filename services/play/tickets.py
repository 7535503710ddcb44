"""Tickets in play: acknowledged once every result is safe, kept alive until then."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from ..api.v1.match_pb2 import MatchResult, Ticket
from ..kernel.bus import Bus, Delivery
from ..kernel.topology import RESULTS

#: Well below the consumer's ack wait, so that a ticket in play is not handed to somebody else.
KEEPALIVE_SECONDS = 5.0


@dataclass(slots=True)
class _Open:
    delivery: Delivery
    remaining: int


class OpenTickets:
    """What this worker has taken and not yet finished."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._open: dict[str, _Open] = {}

    def __len__(self) -> int:
        return len(self._open)

    def take(self, ticket: Ticket, delivery: Delivery) -> bool:
        """Register a delivered ticket. False if it is a redelivery of one in play: it is not to be played again."""
        known = self._open.get(ticket.ticket_id)
        if known:
            known.delivery = delivery
            return False
        self._open[ticket.ticket_id] = _Open(delivery, ticket.matches)
        return True

    async def publish(self, results: Iterable[MatchResult]) -> None:
        """Write results to the ledger (each acknowledged by the server), then acknowledge the tickets they complete."""
        results = list(results)
        await asyncio.gather(*(self._write(result) for result in results))
        for result in results:
            entry = self._open.get(result.ticket_id)
            if entry is None:
                continue
            entry.remaining -= 1
            if entry.remaining == 0:
                del self._open[result.ticket_id]
                await entry.delivery.ack()

    async def _write(self, result: MatchResult) -> None:
        await self._bus.publish(RESULTS, result.SerializeToString(), msg_id=f"match-{result.match}")

    async def keep_alive(self) -> None:
        """Runs for ever: tells the server that the tickets are still being played."""
        while True:
            await asyncio.sleep(KEEPALIVE_SECONDS)
            for entry in list(self._open.values()):
                await entry.delivery.in_progress()
