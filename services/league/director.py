"""The director of a run as a pure state machine: `step(plan, record, view) -> record, effects`.

It owns the run's state, phases, snapshots, evaluations and tickets. Nothing here waits, draws from a global generator
or looks at a clock: the same record and view give the same decision, so a restarted league goes on where the record
stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..api.v1 import run_pb2 as run
from ..api.v1.match_pb2 import Ticket
from ..api.v1.policy_pb2 import PolicyRef
from ..kernel.panel import final_candidate, panel_opponents
from ..kernel.players import version_id
from .evaluation import Order, missing, remaining, remaining_in
from .ledger import State
from .opponents import draw_opponent
from .phases import Stage, stage_at
from .plan import Plan
from .pool import admit
from .tickets import Printer, player_of, training_shortage


@dataclass(frozen=True, slots=True)
class View:
    """What the director sees of the world."""

    head: PolicyRef | None = None
    """newest version of the learner"""
    genesis: PolicyRef | None = None
    """its step 0"""
    final: PolicyRef | None = None
    """its last version, once the last update has been made"""
    standings: State = field(default_factory=State)
    training_waiting: int = 0
    """training tickets not yet played to the end"""
    training_undelivered: int = 0
    """of these, the ones no simulator has taken"""
    evaluation_waiting: int = 0
    caught_up: bool = False
    """`standings` hold every result that was in the ledger after the waiting tickets had been counted"""
    catalog: Mapping[str, PolicyRef] = field(default_factory=dict)
    """kept versions by id"""
    lost: frozenset[str] = frozenset()
    """versions whose weights are gone: they can be neither kept nor played"""


@dataclass(frozen=True, slots=True)
class Keep:
    """Make the weights of a version permanent. Carried out before the record is written."""

    policy: PolicyRef


@dataclass(frozen=True, slots=True)
class Publish:
    """Send a ticket. Carried out after its numbers are reserved by the record."""

    ticket: Ticket


@dataclass(frozen=True, slots=True)
class Announce:
    """Tell people. Carried out last."""

    kind: str
    message: str
    detail: Mapping[str, str | int | float] = field(default_factory=dict)


Effect = Keep | Publish | Announce


def step(plan: Plan, record: run.RunRecord, view: View) -> tuple[run.RunRecord, list[Effect]]:
    """The next record and what must be done. The record is equal to the old one when there is nothing to decide."""
    turn = _Turn(plan, record, view)
    if turn.record.state == run.RUN_STATE_STARTING:
        turn.start()
    if turn.record.state in (run.RUN_STATE_TRAINING, run.RUN_STATE_EVALUATING):
        turn.fence()
    if turn.record.state == run.RUN_STATE_TRAINING:
        turn.train()
    if turn.record.state == run.RUN_STATE_EVALUATING:
        turn.finish()
    return turn.close()


class _Turn:
    """One call of `step`: a copy of the record being changed, and the effects gathered so far."""

    def __init__(self, plan: Plan, record: run.RunRecord, view: View) -> None:
        self.plan, self.view = plan, view
        self.record = run.RunRecord()
        self.record.CopyFrom(record)
        self.effects: list[Effect] = []
        self.catalog = dict(view.catalog)
        self.printer = Printer(plan.config, record.next_ticket, record.next_match)

    def start(self) -> None:
        """Training begins when the step-0 version is safe: it opens the pool and is measured first."""
        genesis = self.view.genesis
        if genesis is None or self.view.head is None or not self._keep(genesis):
            return
        self.record.state = run.RUN_STATE_TRAINING
        self.record.pool[:] = [version_id(genesis)]
        self._announce("training", f"{self.plan.config.game}, {self.plan.config.total_updates} updates")
        self._evaluate(version_id(genesis))

    def fence(self) -> None:
        """Follow the learner's epoch."""
        if self.view.head is not None:
            self.record.epoch = max(self.record.epoch, self.view.head.epoch)

    def train(self) -> None:
        if self.view.head is None:
            return
        stage = stage_at(self.plan.config.league.phases, self.view.head.step, self.plan.config.total_updates)
        self._enter(stage)
        self._snapshot(self.view.head)
        if self.view.final is not None:
            self._end_training(self.view.final)
            return
        self._evaluate_on_schedule(self.view.head)
        self._order_again()
        self._order_training(stage, self.view.head)

    def finish(self) -> None:
        """Finished when the ledger holds every final match, of the last version and of step 0."""
        if self.view.evaluation_waiting or not self.view.caught_up or self._published():
            return
        self._order_again()
        if not self._published():
            self.record.state = run.RUN_STATE_FINISHED
            self.record.reason = self._conclusion()
            self._announce("finished", self.record.reason)

    def close(self) -> tuple[run.RunRecord, list[Effect]]:
        if self._published():
            self.record.next_ticket, self.record.next_match = self.printer.next_ticket, self.printer.next_match
        return self.record, self.effects

    # --- phases and snapshots -----------------------------------------------------------------------------------------

    def _enter(self, stage: Stage) -> None:
        if self.record.phase != stage.name:
            self.record.phase = stage.name
            self._announce("phase", f"{stage.name} begins", scripted_share=stage.scripted_share)

    def _snapshot(self, head: PolicyRef) -> None:
        every, size = self.plan.config.league.snapshot_updates, self.plan.config.league.pool_size
        if head.step // every <= self.record.last_snapshot_step // every or not self._keep(head):
            return
        self.record.last_snapshot_step = head.step
        self.record.pool[:] = admit(self.record.pool, version_id(head), size)
        self._announce("snapshot", f"{version_id(head)} joins the pool", pool=len(self.record.pool))

    def _keep(self, policy: PolicyRef) -> bool:
        """False when the weights are gone."""
        player = version_id(policy)
        if player in self.view.lost:
            return False
        if player not in self.catalog:
            self.catalog[player] = policy
            self.effects.append(Keep(policy))
        return True

    # --- evaluation ---------------------------------------------------------------------------------------------------

    def _evaluate_on_schedule(self, head: PolicyRef) -> None:
        """One evaluation at a time: a busy evaluator skips versions instead of falling behind.

        None shortly before the end, where the last version is measured anyway.
        """
        every, left = self.plan.config.evaluator.every_updates, self.plan.config.total_updates - head.step
        due = head.step // every > self.record.last_evaluation_step // every and left >= every // 2
        if due and not self.view.evaluation_waiting and not self._published() and self._keep(head):
            self.record.last_evaluation_step = head.step
            self._evaluate(version_id(head))

    def _end_training(self, final: PolicyRef) -> None:
        if self._keep(final):
            self._evaluate(version_id(final))
            self.record.state = run.RUN_STATE_EVALUATING
            self._announce("evaluating", f"training is over; {version_id(final)} is the last version")

    def _evaluate(self, candidate: str) -> None:
        """Order what the candidate has not been ordered yet."""
        ordered = self.record.evaluation_matches[candidate]
        target = self._target(candidate)
        orders = remaining(candidate, self._opponents(candidate), ordered, target)
        self.record.evaluation_matches[candidate] = max(ordered, target)
        if orders:
            self._announce("evaluation", f"{candidate} is measured on the panel", matches=orders[0].matches)
        self._publish(orders)

    def _order_again(self) -> None:
        """Order once more what was ordered, is no longer on its way and did not arrive."""
        if self.view.evaluation_waiting or not self.view.caught_up or self._published():
            return
        for candidate, ordered in sorted(self.record.evaluation_matches.items()):
            if candidate not in self.catalog:
                continue
            target = min(self._target(candidate), ordered)
            orders = missing(self.view.standings, candidate, self._opponents(candidate), ordered, target)
            if orders:
                self.record.evaluation_matches[candidate] = ordered + max(order.matches for order in orders)
                self._announce("evaluation", f"{candidate}: lost evaluation matches are ordered again")
            self._publish(orders)

    def _target(self, candidate: str) -> int:
        """Matches per opponent: the full number for step 0 and the last version."""
        evaluator = self.plan.config.evaluator
        full = candidate in (self._genesis(), self._final())
        return evaluator.final_matches_per_opponent if full else evaluator.matches_per_opponent

    def _final(self) -> str:
        """Once chosen it stays, even if a learner that restarts gives the same weights a newer epoch."""
        if self.record.state == run.RUN_STATE_EVALUATING:
            return final_candidate(self.record.evaluation_matches)
        return version_id(self.view.final) if self.view.final is not None else ""

    def _conclusion(self) -> str:
        gap = [f"{candidate} against {order.opponent}" for candidate in (self._final(), self._genesis())
               for order in remaining_in(self.view.standings, candidate, self._opponents(candidate),
                                         self._target(candidate))]  # fmt: skip
        short = f"; void or lost matches left a gap in {', '.join(gap)}" if gap else ""
        return f"all {self.plan.config.total_updates} updates made, the last version evaluated{short}"

    def _opponents(self, candidate: str) -> tuple[str, ...]:
        return panel_opponents(candidate, self.plan.bots, self._genesis())

    def _genesis(self) -> str:
        return self.record.pool[0] if self.record.pool else ""

    # --- tickets ------------------------------------------------------------------------------------------------------

    def _order_training(self, stage: Stage, head: PolicyRef) -> None:
        pool = [member for member in self.record.pool if member in self.catalog]
        config, learner = self.plan.config, self.plan.config.learner.agent
        shortage = training_shortage(config, self.view.training_waiting, self.view.training_undelivered)
        for _ in range(shortage):
            number = self.printer.next_ticket
            opponent = draw_opponent(stage, learner, pool, self.view.standings, config.seed, number)
            ticket = self.printer.training(head, player_of(opponent, self.catalog), stage.name)
            self.effects.append(Publish(ticket))

    def _publish(self, orders: list[Order]) -> None:
        for order in orders:
            self.effects += [Publish(ticket) for ticket in self.printer.evaluation(order, self.catalog)]

    def _published(self) -> bool:
        return any(isinstance(effect, Publish) for effect in self.effects)

    def _announce(self, kind: str, message: str, **detail: str | int | float) -> None:
        self.effects.append(Announce(kind, message, detail))
