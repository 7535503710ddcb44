"""Which versions are measured on the panel, when, and when that is complete. Pure changes of a turn."""

from __future__ import annotations

from collections.abc import Iterable

from ..api.v1 import run_pb2 as run
from ..api.v1.policy_pb2 import PolicyRef
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
    for candidate, ordered in sorted(turn.record.evaluation_matches.items()):
        if candidate not in turn.catalog:
            continue
        wanted = min(target(turn, candidate), ordered)
        orders = missing(turn.view.standings, candidate, opponents(turn, candidate), ordered, wanted)
        if orders:
            turn.record.evaluation_matches[candidate] = ordered + max(order.matches for order in orders)
            turn.announce("evaluation", f"{candidate}: lost evaluation matches are ordered again")
        _publish(turn, orders)


def target(turn: Turn, candidate: str) -> int:
    """Matches per opponent: the full number for step 0 and the last version."""
    evaluator = turn.plan.config.evaluator
    full = candidate in (turn.genesis, final(turn))
    return evaluator.final_matches_per_opponent if full else evaluator.matches_per_opponent


def final(turn: Turn) -> str:
    """Once chosen it stays, even if a learner that restarts gives the same weights a newer epoch."""
    if turn.record.state == run.RUN_STATE_EVALUATING:
        return final_candidate(turn.record.evaluation_matches)
    return version_id(turn.view.final) if turn.view.final is not None else ""


def opponents(turn: Turn, candidate: str) -> tuple[str, ...]:
    if turn.plan.alone:
        return (NOBODY,)
    return panel_opponents(candidate, turn.plan.bots, turn.genesis, turn.plan.guest_ids.values())


def gaps(turn: Turn) -> list[str]:
    """Pairings of the last version and of step 0 that the ledger does not hold in full."""
    return [
        f"{candidate} against {order.opponent or 'nobody'}"
        for candidate in (final(turn), turn.genesis)
        for order in remaining_in(turn.view.standings, candidate, opponents(turn, candidate), target(turn, candidate))
    ]


def _publish(turn: Turn, orders: Iterable[Order]) -> None:
    for order in orders:
        turn.publish(turn.printer.evaluation(order, turn.catalog))
