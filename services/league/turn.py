"""One turn of the director in the making: a copy of the record being changed, and the effects gathered so far. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..api.v1.match_pb2 import Player, Ticket
from ..api.v1.policy_pb2 import PolicyRef
from ..api.v1.run_pb2 import RunRecord
from ..kernel.players import agent_of, bot_id, version_id
from .evaluation import Order
from .ledger import State
from .opponents import draw_guest, draw_opponent
from .phases import Stage
from .plan import Plan
from .pool import Rule
from .seeds import unit
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
        self.printer = self.printer_from(record.next_ticket, max(record.next_match, first))

    def printer_from(self, next_ticket: int, next_match: int) -> Printer:
        return Printer(self.plan.config, next_ticket, next_match, fixed_seats=self.plan.cast.fixed)

    @property
    def geneses(self) -> list[str]:
        """Id of every agent's step-0 version; none before training has begun."""
        first: dict[str, str] = {}
        for member in self.record.pool:
            first.setdefault(agent_of(member), member)
        return list(first.values())

    @property
    def learning(self) -> list[str]:
        """The agents that learn now: those the record names, or all, as far as they have updates left to make."""
        done = {final.agent for final in self.view.finals}
        asked = self.record.learning or self.plan.cast.agents
        return [agent for agent in asked if agent not in done]

    @property
    def pool_rule(self) -> Rule:
        """Who stays in the pool. In lockstep ratings are those of training, whose results come in a fixed order."""
        league, view = self.plan.config.league, self.view
        state = view.training if self.plan.config.lockstep else view.standings
        pinned = tuple(self.record.champions[-1:])
        return Rule(league.pool_size, league.pool_keep, league.pool_recent, league.pool_elite, state.rating, pinned)

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

    def ask_for_checkpoints(self) -> None:
        """A change is about to be tried: every learner saves itself as it is before what the change brings arrives."""
        self.record.checkpoint_step = self.view.step

    def chooser(self, ticket: int) -> str:
        """Who chooses an opponent for the ticket of this number: the agents that learn take turns, exploiters as often
        as their share says."""
        learning, exploiters = self.learning, self.view.exploiters
        mains = [agent for agent in learning if agent not in exploiters]
        attacking = [agent for agent in learning if agent in exploiters]
        share = self.plan.config.league.exploiters.share
        part = share * len(attacking) / (share * len(attacking) + len(mains)) if attacking else 0.0
        chosen = attacking if unit(self.plan.config.seed, "exploiter", ticket) < part else mains
        return chosen[ticket % len(chosen)]

    def lineup(self, agent: str, stage: Stage, standings: State, ticket: int, bot: str = "") -> list[Player]:
        """The players of a training ticket of this number. `bot`: nobody else is met at the moment."""
        if self.plan.alone:
            return [Player(policy=self.view.agents[agent].head, live=True)]
        return self.match(agent, bot_id(bot) if bot else self._drawn(agent, stage, standings, ticket))

    def match(self, agent: str, opponent: str) -> list[Player]:
        """An agent's live seat against a fixed player, or against the live seat of another agent."""
        seen = self.view.agents
        own = Player(policy=seen[agent].head, live=True)
        head = seen[opponent].head if opponent in seen else None
        other = Player(policy=head, live=True) if head is not None else player_of(opponent, self.catalog)
        return self.plan.cast.seated(agent, own, other)

    def _drawn(self, agent: str, stage: Stage, standings: State, ticket: int) -> str:
        """Whom an agent meets."""
        config, cast = self.plan.config, self.plan.cast
        pool = [member for member in cast.pool_against(agent, self.record.pool) if member in self.catalog]
        guests = self.plan.guests_against(agent)
        others = [other for other in cast.opponents(agent) if other not in (agent, *self.view.exploiters)]
        live = [other for other in others if other in self.learning]
        return draw_guest(guests, config.league.guest_share, config.seed, ticket) or draw_opponent(
            stage, agent, pool, standings, config.seed, ticket, guests, cast.bots_against(agent), live
        )

    def seated(self, order: Order) -> Order:
        """The order with its players in the order of their seats."""
        cast, agent = self.plan.cast, agent_of(order.candidate)
        return replace(order, second=cast.seated(agent, "own", "other")[0] == "other")

    def publish(self, tickets: Iterable[Ticket]) -> None:
        self.effects += [Publish(ticket) for ticket in tickets]

    def announce(self, kind: str, message: str, **detail: str | int | float) -> None:
        self.effects.append(Announce(kind, message, detail))

    def close(self) -> tuple[RunRecord, list[Effect]]:
        """The record, with the numbers of all tickets reserved, and the effects."""
        if self.has_orders():
            self.record.next_ticket, self.record.next_match = self.printer.next_ticket, self.printer.next_match
        return self.record, self.effects
