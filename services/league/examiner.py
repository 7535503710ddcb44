"""Which versions are measured, against whom, when, and when that is complete. Pure changes of a turn."""

from __future__ import annotations

from collections.abc import Iterable

from ..api.v1.policy_pb2 import PolicyRef
from ..games.conditions import DEFAULT_REGIME
from ..kernel.players import version_id
from . import gate, levels
from .evaluation import Order, missing, remaining, remaining_in
from .exams import Exam, finals, opponents, target
from .turn import Turn


def evaluate(turn: Turn, versions: Iterable[PolicyRef]) -> None:
    """Order what these versions, one per agent, have not been ordered yet: each on the panel, and one another."""
    by_agent = {version.agent: version_id(version) for version in versions}
    for candidate in by_agent.values():
        where = "by its return" if turn.plan.alone else "on the panel"
        _order(turn, Exam(candidate), f"{candidate} is measured {where}")
        if champion := gate.on_panel(turn, candidate):
            _order(turn, Exam(candidate, opponent=champion), f"{candidate} is measured against the champion {champion}")
    for one, two in turn.plan.cast.pairs():
        if one in by_agent and two in by_agent:
            exam = Exam(by_agent[one], opponent=by_agent[two])
            _order(turn, exam, f"{exam.candidate} is measured against {exam.opponent}")


def evaluate_level(turn: Turn, versions: Iterable[PolicyRef]) -> None:
    """Order what the curriculum wants to know: success under the conditions of its present level."""
    regime = levels.regime(turn)
    if regime == DEFAULT_REGIME:
        return
    by_agent = {version.agent: version_id(version) for version in versions}
    pairs = [Exam(by_agent[one], regime, by_agent[two]) for one, two in turn.plan.cast.pairs()]
    for exam in pairs or [Exam(candidate, regime) for candidate in by_agent.values()]:
        _order(turn, exam, f"{exam.key} is measured")


def evaluate_regimes(turn: Turn, candidate: str) -> None:
    """Order the candidate's matches in the other regimes that the configuration names."""
    for regime in turn.plan.regimes:
        _order(turn, Exam(candidate, regime), f"{candidate} is measured in regime {regime}")


def _order(turn: Turn, exam: Exam, message: str) -> None:
    ordered, wanted = turn.record.evaluation_matches[exam.key], target(turn, exam)
    orders = remaining(exam.candidate, opponents(turn, exam), ordered, wanted, exam.regime)
    turn.record.evaluation_matches[exam.key] = max(ordered, wanted)
    if orders:
        turn.announce("evaluation", message, matches=orders[0].matches)
    _publish(turn, orders)


def evaluate_on_schedule(turn: Turn) -> None:
    """One evaluation at a time: a busy evaluator skips versions instead of falling behind (but never in lockstep).

    None shortly before the end, where the last version is measured anyway.
    """
    step, heads = turn.view.step, turn.view.mains
    every, left = turn.plan.config.evaluator.every_updates, turn.plan.config.total_updates - step
    due = step // every > turn.record.last_evaluation_step // every and left >= every // 2
    busy = turn.view.evaluation_waiting or turn.has_orders()
    if due and (turn.plan.config.lockstep or not busy) and all([turn.keep(head) for head in heads]):
        turn.record.last_evaluation_step = step
        evaluate(turn, heads)
        evaluate_level(turn, heads)
        gate.nominate(turn, version_id(heads[0]))


def order_again(turn: Turn) -> None:
    """Order once more what was ordered, is no longer on its way and did not arrive."""
    if turn.view.evaluation_waiting or not turn.view.caught_up or turn.has_orders():
        return
    for key, ordered in sorted(turn.record.evaluation_matches.items()):
        exam = Exam.parse(key)
        if exam.candidate not in turn.catalog:
            continue
        wanted = min(target(turn, exam), ordered)
        orders = missing(turn.view.standings, exam.candidate, opponents(turn, exam), ordered, wanted, exam.regime)
        if orders:
            turn.record.evaluation_matches[key] = ordered + max(order.matches for order in orders)
            turn.announce("evaluation", f"{key}: lost evaluation matches are ordered again")
        _publish(turn, orders)


def gaps(turn: Turn) -> list[str]:
    """Pairings of the last versions and of step 0 that the ledger does not hold in full."""
    last, found = finals(turn), []
    wanted = {Exam(version).key for version in (*last, *turn.geneses)}
    wanted |= {Exam(version, regime).key for version in last for regime in turn.plan.regimes}
    wanted |= {key for key in turn.record.evaluation_matches if Exam.parse(key).candidate in last}
    for key in sorted(wanted):
        exam = Exam.parse(key)
        lacking = remaining_in(
            turn.view.standings, exam.candidate, opponents(turn, exam), target(turn, exam), exam.regime
        )
        found += [f"{key} against {order.opponent or 'nobody'}" for order in lacking]
    return found


def _publish(turn: Turn, orders: Iterable[Order]) -> None:
    for order in orders:
        turn.publish(turn.printer.evaluation(turn.seated(order), turn.catalog))
