"""The director of a run as a pure state machine: `step(plan, record, view) -> record, effects`.

It owns the run's state, phases, snapshots, evaluations and tickets. Nothing here waits, draws from a global generator
or looks at a clock: the same record and view give the same decision, so a restarted league goes on where the record
stands.
"""

from __future__ import annotations

from ..api.v1 import run_pb2 as run
from ..kernel.players import version_id
from . import alarm, balance, exploiters, gate, levels, lockstep, schedule
from .examiner import evaluate, evaluate_on_schedule, evaluate_regimes, gaps, order_again
from .plan import Plan
from .pool import admit_version
from .tickets import training_shortage
from .turn import Turn
from .view import Effect, View


def step(plan: Plan, record: run.RunRecord, view: View) -> tuple[run.RunRecord, list[Effect]]:
    """The next record and what must be done. The record is equal to the old one when there is nothing to decide."""
    turn = Turn(plan, record, view)
    if turn.record.state == run.RUN_STATE_STARTING:
        _start(turn)
    everybody = bool(view.agents) and len(view.heads) == len(view.agents)
    if everybody and turn.record.state in (run.RUN_STATE_TRAINING, run.RUN_STATE_EVALUATING):
        turn.record.epoch = max(turn.record.epoch, *(head.epoch for head in view.heads))
    if everybody and turn.record.state == run.RUN_STATE_TRAINING:
        _train(turn)
    if turn.record.state == run.RUN_STATE_EVALUATING:
        _finish(turn)
    return turn.close()


def _start(turn: Turn) -> None:
    """Training begins when the step-0 versions are safe: they open the pool and are measured first."""
    seen, config = turn.view.agents.values(), turn.plan.config
    geneses = [one.genesis for one in seen if one.genesis is not None and one.head is not None]
    if not seen or len(geneses) < len(seen) or not all([turn.keep(genesis) for genesis in geneses]):
        return
    turn.record.state = run.RUN_STATE_TRAINING
    turn.record.pool[:] = [version_id(genesis) for genesis in geneses]
    agents = f" of each agent ({', '.join(turn.view.agents)})" if len(geneses) > 1 else ""
    turn.announce("training", f"{config.game}, {config.total_updates} updates{agents}")
    evaluate(turn, geneses)
    gate.crown(turn)


def _train(turn: Turn) -> None:
    if turn.plan.config.lockstep and not lockstep.is_due(turn):
        _wait(turn)
        return
    schedule.follow(turn)
    _snapshot(turn)
    _end_learning(turn)
    exploiters.follow(turn)
    levels.follow(turn)
    turn.record.trial_failure = ""
    balance.follow(turn)
    if turn.view.over:
        _end_training(turn)
        return
    evaluate_on_schedule(turn)
    order_again(turn)
    alarm.look(turn)
    gate.follow(turn)
    if turn.plan.config.lockstep:
        lockstep.order(turn)
    else:
        _order_training(turn)


def _wait(turn: Turn) -> None:
    """The learner has not come to a window that is not ordered yet."""
    if turn.view.over:
        _end_training(turn)
    else:
        order_again(turn)
        gate.follow(turn)


def _snapshot(turn: Turn) -> None:
    """Every agent's versions join the pool in their own time; those of exploiters when they have earned it."""
    every = turn.plan.config.league.snapshot_updates
    if turn.plan.alone:
        return
    for head in turn.view.mains:
        last = turn.record.snapshot_steps[head.agent]
        if head.step // every > last // every and turn.keep(head):
            turn.record.snapshot_steps[head.agent] = head.step
            turn.record.pool[:] = admit_version(turn.record.pool, version_id(head), turn.pool_rule)
            turn.announce("snapshot", f"{version_id(head)} joins the pool", pool=len(turn.record.pool))


def _end_learning(turn: Turn) -> None:
    """Whoever has made its last update learns no more: its last version is kept and can be met."""
    if len(turn.view.agents) == 1:
        return
    for final in turn.view.finals:
        if turn.keep(final) and final.agent not in turn.view.exploiters:
            turn.record.pool[:] = admit_version(turn.record.pool, version_id(final), turn.pool_rule)
    turn.record.learning[:] = turn.learning
    if not turn.record.learning and not turn.view.over:
        turn.record.learning[:] = [name for name, seen in turn.view.agents.items() if seen.final is None]


def _order_training(turn: Turn) -> None:
    view = turn.view
    for _ in range(training_shortage(turn.plan.config, view.training_waiting, view.training_undelivered)):
        number, bot = turn.printer.next_ticket, levels.practice_bot(turn)
        agent = turn.chooser(number)
        stage, randomisation = schedule.of_ticket(turn, number)
        stage = balance.gentler(turn, agent, stage)
        if agent in view.exploiters:
            players = turn.match(agent, exploiters.opponent(turn, agent, number))
        else:
            players = turn.lineup(agent, stage, view.standings, number, bot)
        turn.publish([turn.printer.training(players, stage.name, randomisation, levels.level(turn, number))])


def _end_training(turn: Turn) -> None:
    last = turn.view.finals
    if not all([turn.keep(final) for final in last]):
        return
    evaluate(turn, [turn.catalog[genesis] for genesis in turn.geneses])
    evaluate(turn, last)
    for final in last:
        evaluate_regimes(turn, version_id(final))
        gate.nominate(turn, version_id(final), last=True)
    turn.record.state = run.RUN_STATE_EVALUATING
    names = " and ".join(version_id(final) for final in last)
    turn.announce("evaluating", f"training is over; {names} {'is the last version' if len(last) == 1 else 'are last'}")


def _finish(turn: Turn) -> None:
    """Finished when the ledger holds every final match, of the last version and of step 0, and the gate has judged."""
    if turn.view.evaluation_waiting or not turn.view.caught_up or turn.has_orders():
        return
    order_again(turn)
    if turn.has_orders() or gate.follow(turn):
        return
    alarm.look(turn)
    incomplete = gaps(turn)
    short = f"; void or lost matches left a gap in {', '.join(incomplete)}" if incomplete else ""
    turn.record.state = run.RUN_STATE_FINISHED
    turn.record.reason = f"all {turn.plan.config.total_updates} updates made, the last version evaluated{short}"
    turn.announce("finished", turn.record.reason)
