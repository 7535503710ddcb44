"""One turn of the director in the making: a copy of the record being changed, and the effects gathered so far. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ..api.v1.match_pb2 import Ticket
from ..api.v1.policy_pb2 import PolicyRef
from ..api.v1.run_pb2 import RunRecord
from ..kernel.players import version_id
from .plan import Plan
from .tickets import Printer
from .view import Announce, Effect, Keep, Publish, View


class Turn:
    def __init__(self, plan: Plan, record: RunRecord, view: View) -> None:
        self.plan, self.view = plan, view
        self.record = RunRecord()
        self.record.CopyFrom(record)
        self.effects: list[Effect] = []
        self.catalog = {**view.catalog, **{version_id(guest): guest for guest in plan.guests.values()}}
        """kept versions, with those this turn keeps, and the guests"""
        self.printer = Printer(plan.config, record.next_ticket, record.next_match)

    @property
    def genesis(self) -> str:
        """Id of the step-0 version, "" before training has begun."""
        return self.record.pool[0] if self.record.pool else ""

    def has_orders(self) -> bool:
        """Whether this turn sends tickets; the view does not count them."""
        return any(isinstance(effect, Publish) for effect in self.effects)

    def keep(self, policy: PolicyRef) -> bool:
        """False when the weights are gone."""
        player = version_id(policy)
        if player in self.view.lost:
            return False
        if player not in self.catalog:
            self.catalog[player] = policy
            self.effects.append(Keep(policy))
        return True

    def publish(self, tickets: Iterable[Ticket]) -> None:
        self.effects += [Publish(ticket) for ticket in tickets]

    def announce(self, kind: str, message: str, **detail: str | int | float) -> None:
        self.effects.append(Announce(kind, message, detail))

    def close(self) -> tuple[RunRecord, list[Effect]]:
        """The record, with the numbers of all tickets reserved, and the effects."""
        if self.has_orders():
            self.record.next_ticket, self.record.next_match = self.printer.next_ticket, self.printer.next_match
        return self.record, self.effects
