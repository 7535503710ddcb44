"""The director of a run as a pure state machine: `step(plan, record, view) -> record, effects`.

It owns the run's state, phases, snapshots, evaluations and tickets. Nothing here waits, draws from a global generator
or looks at a clock: the same record and view give the same decision, so a restarted league goes on where the record
stands.
"""

from __future__ import annotations

from ..api.v1 import run_pb2 as run
from ..api.v1.policy_pb2 import PolicyRef
from ..kernel.players import version_id
from . import lockstep
from .examiner import evaluate, evaluate_on_schedule, evaluate_regimes, gaps, order_again
from .phases import Stage, randomisation_at, stage_at
from .plan import Plan
from .pool import admit
from .tickets import training_shortage
from .turn import Turn
from .view import Effect, View


def step(plan: Plan, record: run.RunRecord, view: View) -> tuple[run.RunRecord, list[Effect]]:
    """The next record and what must be done. The record is equal to the old one when there is nothing to decide."""
    turn = Turn(plan, record, view)
    if turn.record.state == run.RUN_STATE_STARTING:
        _start(turn)
    if view.head is not None and turn.record.state in (run.RUN_STATE_TRAINING, run.RUN_STATE_EVALUATING):
        turn.record.epoch = max(turn.record.epoch, view.head.epoch)
    if view.head is not None and turn.record.state == run.RUN_STATE_TRAINING:
        _train(turn, view.head)
    if turn.record.state == run.RUN_STATE_EVALUATING:
        _finish(turn)
    return turn.close()


def _start(turn: Turn) -> None:
    """Training begins when the step-0 version is safe: it opens the pool and is measured first."""
    genesis, config = turn.view.genesis, turn.plan.config
    if genesis is None or turn.view.head is None or not turn.keep(genesis):
        return
    turn.record.state = run.RUN_STATE_TRAINING
    turn.record.pool[:] = [version_id(genesis)]
    turn.announce("training", f"{config.game}, {config.total_updates} updates")
    evaluate(turn, version_id(genesis))


def _train(turn: Turn, head: PolicyRef) -> None:
    if turn.plan.config.lockstep and not lockstep.is_due(turn, head):
        _wait(turn)
        return
    stage = stage_at(turn.plan.config.league.phases, head.step, turn.plan.config.total_updates)
    if turn.record.phase != stage.name:
        turn.record.phase = stage.name
        turn.announce("phase", f"{stage.name} begins", scripted_share=stage.scripted_share)
    _randomise(turn, head)
    _snapshot(turn, head)
    if turn.view.final is not None:
        _end_training(turn, turn.view.final)
        return
    evaluate_on_schedule(turn, head)
    order_again(turn)
    if turn.plan.config.lockstep:
        lockstep.order(turn, stage, head)
    else:
        _order_training(turn, stage, head)


def _wait(turn: Turn) -> None:
    """The learner has not come to a window that is not ordered yet."""
    if turn.view.final is not None:
        _end_training(turn, turn.view.final)
    else:
        order_again(turn)


def _randomise(turn: Turn, head: PolicyRef) -> None:
    """In every phase alike; matches in play keep the level they began with."""
    config = turn.plan.config
    level = randomisation_at(config.league.randomisation, head.step, config.total_updates)
    if turn.record.randomisation != level:
        turn.record.randomisation = level
        turn.announce("randomisation", f"{level or 'as configured'} begins", update=head.step)


def _snapshot(turn: Turn, head: PolicyRef) -> None:
    every, size = turn.plan.config.league.snapshot_updates, turn.plan.config.league.pool_size
    if turn.plan.alone:
        return
    if head.step // every <= turn.record.last_snapshot_step // every or not turn.keep(head):
        return
    turn.record.last_snapshot_step = head.step
    turn.record.pool[:] = admit(turn.record.pool, version_id(head), size)
    turn.announce("snapshot", f"{version_id(head)} joins the pool", pool=len(turn.record.pool))


def _order_training(turn: Turn, stage: Stage, head: PolicyRef) -> None:
    view, level = turn.view, turn.record.randomisation
    for _ in range(training_shortage(turn.plan.config, view.training_waiting, view.training_undelivered)):
        players = turn.drawn(stage, view.standings, turn.printer.next_ticket)
        turn.publish([turn.printer.training(head, players, stage.name, level)])


def _end_training(turn: Turn, last: PolicyRef) -> None:
    if turn.keep(last):
        evaluate(turn, version_id(last))
        evaluate_regimes(turn, version_id(last))
        turn.record.state = run.RUN_STATE_EVALUATING
        turn.announce("evaluating", f"training is over; {version_id(last)} is the last version")


def _finish(turn: Turn) -> None:
    """Finished when the ledger holds every final match, of the last version and of step 0."""
    if turn.view.evaluation_waiting or not turn.view.caught_up or turn.has_orders():
        return
    order_again(turn)
    if turn.has_orders():
        return
    incomplete = gaps(turn)
    short = f"; void or lost matches left a gap in {', '.join(incomplete)}" if incomplete else ""
    turn.record.state = run.RUN_STATE_FINISHED
    turn.record.reason = f"all {turn.plan.config.total_updates} updates made, the last version evaluated{short}"
    turn.announce("finished", turn.record.reason)
