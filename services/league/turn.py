"""One turn of the director in the making: a copy of the record being changed, and the effects gathered so far. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ..api.v1.match_pb2 import Player, Ticket
from ..api.v1.policy_pb2 import PolicyRef
from ..api.v1.run_pb2 import RunRecord
from ..kernel.players import version_id
from .ledger import State
from .opponents import draw_guest, draw_opponent
from .phases import Stage
from .plan import Plan
from .tickets import Printer, player_of
from .view import Announce, Effect, Keep, Publish, View

#: In lockstep training matches have numbers of their own, below this: when an evaluation is ordered again depends on
#: what was lost on the way, and the seeds of training must not.
FIRST_EVALUATION_MATCH = 2**40


class Turn:
    def __init__(self, plan: Plan, record: RunRecord, view: View) -> None:
        self.plan, self.view = plan, view
        self.record = RunRecord()
        self.record.CopyFrom(record)
        self.effects: list[Effect] = []
        self.catalog = {**view.catalog, **{version_id(guest): guest for guest in plan.guests.values()}}
        """kept versions, with those this turn keeps, and the guests"""
        first = FIRST_EVALUATION_MATCH if plan.config.lockstep else 1
        self.printer = Printer(plan.config, record.next_ticket, max(record.next_match, first))

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

    def drawn(self, stage: Stage, standings: State, ticket: int) -> list[Player]:
        """Whom the learner meets in a training ticket of this number; nobody in a game of one seat."""
        if self.plan.alone:
            return []
        pool = [member for member in self.record.pool if member in self.catalog]
        config, guests = self.plan.config, self.plan.guest_ids
        opponent = draw_guest(guests, config.league.guest_share, config.seed, ticket) or draw_opponent(
            stage, config.learner.agent, pool, standings, config.seed, ticket, guests
        )
        return [player_of(opponent, self.catalog)]

    def publish(self, tickets: Iterable[Ticket]) -> None:
        self.effects += [Publish(ticket) for ticket in tickets]

    def announce(self, kind: str, message: str, **detail: str | int | float) -> None:
        self.effects.append(Announce(kind, message, detail))

    def close(self) -> tuple[RunRecord, list[Effect]]:
        """The record, with the numbers of all tickets reserved, and the effects."""
        if self.has_orders():
            self.record.next_ticket, self.record.next_match = self.printer.next_ticket, self.printer.next_match
        return self.record, self.effects
