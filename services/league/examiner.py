"""Which versions are measured, against whom, when, and when that is complete. Pure changes of a turn."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..api.v1 import run_pb2 as run
from ..api.v1.policy_pb2 import PolicyRef
from ..games.conditions import DEFAULT_REGIME
from ..kernel.panel import final_candidate, panel_opponents
from ..kernel.players import NOBODY, agent_of, version_id
from .evaluation import Order, missing, remaining, remaining_in
from .turn import Turn


class Exam(NamedTuple):
    """A candidate against the panel, or against one other version, under some conditions."""

    candidate: str
    regime: str = DEFAULT_REGIME
    opponent: str = ""
    """a version of another agent; "" is the panel"""

    @property
    def key(self) -> str:
        """In `RunRecord.evaluation_matches`: `main@1.40`, `main@1.40/sniper`, `pursuer@1.40|evader@1.40`."""
        against = f"|{self.opponent}" if self.opponent else ""
        return self.candidate + against + (f"/{self.regime}" if self.regime != DEFAULT_REGIME else "")

    @classmethod
    def parse(cls, key: str) -> Exam:
        players, _, regime = key.partition("/")
        candidate, _, opponent = players.partition("|")
        return cls(candidate, regime or DEFAULT_REGIME, opponent)


def evaluate(turn: Turn, versions: Iterable[PolicyRef]) -> None:
    """Order what these versions, one per agent, have not been ordered yet: each on the panel, and one another."""
    by_agent = {version.agent: version_id(version) for version in versions}
    for candidate in by_agent.values():
        where = "by its return" if turn.plan.alone else "on the panel"
        _order(turn, Exam(candidate), f"{candidate} is measured {where}")
    for one, two in turn.plan.cast.pairs():
        if one in by_agent and two in by_agent:
            exam = Exam(by_agent[one], opponent=by_agent[two])
            _order(turn, exam, f"{exam.candidate} is measured against {exam.opponent}")


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
    step, heads = turn.view.step, turn.view.heads
    every, left = turn.plan.config.evaluator.every_updates, turn.plan.config.total_updates - step
    due = step // every > turn.record.last_evaluation_step // every and left >= every // 2
    busy = turn.view.evaluation_waiting or turn.has_orders()
    if due and (turn.plan.config.lockstep or not busy) and all([turn.keep(head) for head in heads]):
        turn.record.last_evaluation_step = step
        evaluate(turn, heads)


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


def target(turn: Turn, exam: Exam) -> int:
    """Matches per opponent: the full number for step 0 and the last versions, another one in other regimes."""
    evaluator = turn.plan.config.evaluator
    if exam.regime != DEFAULT_REGIME:
        return evaluator.regime_matches_per_opponent
    if exam.opponent:
        return evaluator.matches_between_agents
    full = exam.candidate in (*turn.geneses, *finals(turn))
    return evaluator.final_matches_per_opponent if full else evaluator.matches_per_opponent


def finals(turn: Turn) -> list[str]:
    """Once chosen they stay, even if a learner that restarts gives the same weights a newer epoch."""
    if turn.record.state != run.RUN_STATE_EVALUATING:
        return [version_id(final) for final in turn.view.finals]
    measured = [Exam.parse(key) for key in turn.record.evaluation_matches]
    candidates = [version for exam in measured for version in (exam.candidate, exam.opponent) if version]
    own = [[one for one in candidates if agent_of(one) == agent] for agent in turn.plan.cast.agents]
    return [final_candidate(versions) for versions in own if versions]


def opponents(turn: Turn, exam: Exam) -> tuple[str, ...]:
    """Whom the candidate meets in an examination."""
    if turn.plan.alone:
        return (NOBODY,)
    if exam.opponent:
        return (exam.opponent,)
    cast, agent = turn.plan.cast, agent_of(exam.candidate)
    geneses = [one for one in turn.geneses if cast.meets(agent, agent_of(one))]
    guests = turn.plan.guests_against(agent).values()
    return panel_opponents(exam.candidate, cast.bots_against(agent), geneses, guests)


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
