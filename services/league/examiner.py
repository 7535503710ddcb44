"""Which versions are measured on the panel, when, and when that is complete. Pure changes of a turn."""

from __future__ import annotations

from collections.abc import Iterable

from ..api.v1 import run_pb2 as run
from ..api.v1.policy_pb2 import PolicyRef
from ..games.conditions import DEFAULT_REGIME
from ..kernel.panel import final_candidate, panel_opponents
from ..kernel.players import NOBODY, version_id
from .evaluation import Order, missing, remaining, remaining_in
from .turn import Turn


def evaluate(turn: Turn, candidate: str) -> None:
    """Order what the candidate has not been ordered yet."""
    ordered, wanted = turn.record.evaluation_matches[candidate], target(turn, candidate)
    orders = remaining(candidate, opponents(turn, candidate), ordered, wanted)
    turn.record.evaluation_matches[candidate] = max(ordered, wanted)
    if orders:
        where = "by its return" if turn.plan.alone else "on the panel"
        turn.announce("evaluation", f"{candidate} is measured {where}", matches=orders[0].matches)
    _publish(turn, orders)


def evaluate_regimes(turn: Turn, candidate: str) -> None:
    """Order the candidate's matches in the other regimes that the configuration names."""
    for regime in turn.plan.regimes:
        exam = f"{candidate}/{regime}"
        ordered, wanted = turn.record.evaluation_matches[exam], target(turn, exam)
        orders = remaining(candidate, opponents(turn, candidate), ordered, wanted, regime)
        turn.record.evaluation_matches[exam] = max(ordered, wanted)
        if orders:
            turn.announce("evaluation", f"{candidate} is measured in regime {regime}", matches=orders[0].matches)
        _publish(turn, orders)


def evaluate_on_schedule(turn: Turn, head: PolicyRef) -> None:
    """One evaluation at a time: a busy evaluator skips versions instead of falling behind (but never in lockstep).

    None shortly before the end, where the last version is measured anyway.
    """
    every, left = turn.plan.config.evaluator.every_updates, turn.plan.config.total_updates - head.step
    due = head.step // every > turn.record.last_evaluation_step // every and left >= every // 2
    busy = turn.view.evaluation_waiting or turn.has_orders()
    if due and (turn.plan.config.lockstep or not busy) and turn.keep(head):
        turn.record.last_evaluation_step = head.step
        evaluate(turn, version_id(head))


def order_again(turn: Turn) -> None:
    """Order once more what was ordered, is no longer on its way and did not arrive."""
    if turn.view.evaluation_waiting or not turn.view.caught_up or turn.has_orders():
        return
    for exam, ordered in sorted(turn.record.evaluation_matches.items()):
        candidate, regime = candidate_and_regime(exam)
        if candidate not in turn.catalog:
            continue
        wanted = min(target(turn, exam), ordered)
        orders = missing(turn.view.standings, candidate, opponents(turn, candidate), ordered, wanted, regime)
        if orders:
            turn.record.evaluation_matches[exam] = ordered + max(order.matches for order in orders)
            turn.announce("evaluation", f"{exam}: lost evaluation matches are ordered again")
        _publish(turn, orders)


def candidate_and_regime(exam: str) -> tuple[str, str]:
    """A key of `evaluation_matches`: `main@1.40` or `main@1.40/sniper`."""
    candidate, _, regime = exam.partition("/")
    return candidate, regime or DEFAULT_REGIME


def target(turn: Turn, exam: str) -> int:
    """Matches per opponent: the full number for step 0 and the last version, another one in other regimes."""
    evaluator = turn.plan.config.evaluator
    candidate, regime = candidate_and_regime(exam)
    if regime != DEFAULT_REGIME:
        return evaluator.regime_matches_per_opponent
    full = candidate in (turn.genesis, final(turn))
    return evaluator.final_matches_per_opponent if full else evaluator.matches_per_opponent


def final(turn: Turn) -> str:
    """Once chosen it stays, even if a learner that restarts gives the same weights a newer epoch."""
    if turn.record.state == run.RUN_STATE_EVALUATING:
        return final_candidate(candidate_and_regime(exam)[0] for exam in turn.record.evaluation_matches)
    return version_id(turn.view.final) if turn.view.final is not None else ""


def opponents(turn: Turn, candidate: str) -> tuple[str, ...]:
    if turn.plan.alone:
        return (NOBODY,)
    return panel_opponents(candidate, turn.plan.bots, turn.genesis, turn.plan.guest_ids.values())


def gaps(turn: Turn) -> list[str]:
    """Pairings of the last version and of step 0 that the ledger does not hold in full."""
    last = final(turn)
    found = []
    for exam in (last, turn.genesis, *(f"{last}/{regime}" for regime in turn.plan.regimes)):
        candidate, regime = candidate_and_regime(exam)
        lacking = remaining_in(turn.view.standings, candidate, opponents(turn, candidate), target(turn, exam), regime)
        found += [f"{exam} against {order.opponent or 'nobody'}" for order in lacking]
    return found


def _publish(turn: Turn, orders: Iterable[Order]) -> None:
    for order in orders:
        turn.publish(turn.printer.evaluation(order, turn.catalog))
