"""From the ticket stream into the arena."""

from __future__ import annotations

from collections.abc import Collection

from google.protobuf.message import DecodeError

from ..api.v1.match_pb2 import Ticket
from ..games import check
from ..kernel import deadletter
from ..kernel.bus import Delivery, Puller
from ..kernel.config import RunConfig
from ..kernel.service import Context
from .arena import Arena
from .matches import parameters_of
from .store import PolicyStore
from .tickets import OpenTickets

#: After this long the server hands a ticket that could not be played to somebody else.
RETRY_SECONDS = 2.0


class Intake:
    """Takes tickets of one pool, loads the policies they name and queues their matches."""

    def __init__(
        self,
        ctx: Context,
        puller: Puller,
        arena: Arena,
        store: PolicyStore,
        tickets: OpenTickets,
    ) -> None:
        self._ctx = ctx
        self._puller = puller
        self._arena = arena
        self._store = store
        self._tickets = tickets

    async def top_up(self, matches: int, timeout_seconds: float) -> None:
        """Pull tickets until `matches` are queued or none is left."""
        per_ticket = self._ctx.config.league.matches_per_ticket
        missing = matches - len(self._arena.queue)
        if missing <= 0:
            return
        for delivery in await self._puller.fetch(-(-missing // per_ticket), timeout_seconds):
            await self._accept(delivery)

    async def _accept(self, delivery: Delivery) -> None:
        try:
            ticket = Ticket.FromString(delivery.data)
            check_ticket(ticket, self._ctx.config, self._arena.game.spec.per_match)
        except (DecodeError, ValueError) as error:
            await deadletter.bury(self._ctx.bus, delivery, str(error))
            await self._ctx.event("ticket_refused", f"ticket refused: {error}")
            return
        problem = await self._store.load_all(ticket)
        if problem:
            await delivery.nak(RETRY_SECONDS)
            self._ctx.log.warning("ticket %s waits: %s", ticket.ticket_id, problem)
        elif self._tickets.take(ticket, delivery):
            self._arena.offer(ticket)


def check_ticket(ticket: Ticket, config: RunConfig, per_match: Collection[str]) -> None:
    """Raises ValueError if a process of this run must not play it. `per_match`: parameters in which the matches of its
    game may differ."""
    asked = (ticket.run, ticket.game, ticket.rules)
    have = (config.run, config.game, config.rules)
    if asked != have:
        raise ValueError(f"it is for {asked}, this process plays {have}")
    parameters, own = dict(parameters_of(ticket.parameters_json)), config.game_parameters
    different = [name for name in {*parameters, *own} if parameters.get(name) != own.get(name)]
    if not set(different) <= set(per_match):
        raise ValueError(
            f"it asks for parameters {parameters}, this process was built with {own}; between matches of one game "
            f"only {', '.join(map(repr, per_match)) or 'nothing'} may differ"
        )
    if different:
        check(config.game, rules=config.rules, **parameters)
