"""The director's side of the schedule: stages that a run tries, enters and leaves, and which one a match is of.

Pure changes of a turn.
"""

from __future__ import annotations

from . import stages
from .reentry import old_share, reenter
from .seeds import unit
from .stages import Changed, Conditions, Rules, State
from .trial import drawn
from .turn import Turn


def follow(turn: Turn) -> None:
    """Take in how far training is. A version that must be kept and is lost puts a trial off."""
    rules, before = turn.plan.stages, stages.state_of(turn.record)
    state, changes = stages.step(rules, before, turn.view.step, turn.record.trial_failure)
    if any(change.kind == "tried" for change in changes):
        if not all([turn.keep(head) for head in turn.view.heads]):
            return
        turn.ask_for_checkpoints()
    for change in changes:
        _tell(turn, rules, before, change)
    stages.write(turn.record, state)
    _show(turn, rules.conditions(state.entered, turn.view.step))


def of_ticket(turn: Turn, ticket: int) -> Conditions:
    """Under which conditions the matches of the ticket of this number are played."""
    rules, state, now = turn.plan.stages, stages.state_of(turn.record), turn.view.step
    seed = turn.plan.config.seed
    if drawn(rules.terms(state.trying), state.trial, unit(seed, "stage trial", ticket)):
        return rules.conditions(state.trying, now)
    if not state.trial.on and unit(seed, "reentry", ticket) < old_share(turn.record, now):
        before = rules.due(state.entered - 1)
        return rules.conditions(before, state.entered - 1)
    return rules.conditions(state.entered, now)


def _show(turn: Turn, now: Conditions) -> None:
    """In the record, and to people, what is in force. Matches in play keep what they began with."""
    record, stage = turn.record, now.stage
    if record.phase != stage.name:
        record.phase = stage.name
        turn.announce("phase", f"{stage.name} begins", scripted_share=stage.scripted_share)
    if record.randomisation != now.randomisation:
        record.randomisation = now.randomisation
        message = f"{now.randomisation or 'as configured'} begins"
        turn.announce("randomisation", message, update=turn.view.step)


def _tell(turn: Turn, rules: Rules, before: State, change: Changed) -> None:
    """What is not seen from the record."""
    record, config = turn.record, turn.plan.config
    name, canary = _name(rules, before.entered, change.began), config.league.canary
    if change.kind == "tried":
        turn.announce("stage_trial", f"{name} is tried on {canary.share:.0%} of the matches", update=turn.view.step)
    elif change.kind == "reverted":
        wait = rules.terms(change.began).rest
        message = f"{name} is taken back for {wait} updates: {record.trial_failure}"
        turn.announce("stage_reverted", message, update=turn.view.step)
    elif change.kind == "forced":
        turn.record = reenter(record, turn.view.step, config.health.reentry_updates)
        message = f"{name} was taken back {canary.attempts} times: it is entered in steps"
        turn.announce("stage_in_steps", message, update=turn.view.step)


def _name(rules: Rules, entered: int, began: int) -> str:
    """What is different in a stage, beside the one in force."""
    old, new = rules.conditions(entered, began), rules.conditions(began, began)
    parts = {
        f"phase {new.stage.name}": new.stage.name != old.stage.name,
        f"randomisation {new.randomisation or 'as configured'}": new.randomisation != old.randomisation,
        f"bots {', '.join(new.stage.bots) or 'none'}": new.stage.bots != old.stage.bots,
    }
    return ", ".join(part for part, differs in parts.items() if differs) or f"the stage of update {began}"
