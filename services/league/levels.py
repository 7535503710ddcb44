"""The director's side of the curriculum: what the state machine is told, and what its answers change. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from ..api.v1.run_pb2 import CurriculumState
from ..games.conditions import DEFAULT_REGIME
from ..kernel.curriculum import Share
from ..kernel.panel import EVALUATE
from ..kernel.players import NOBODY, agent_of, orient, version_id, version_of
from . import curriculum
from .curriculum import Changed, Event, Ill, Measured, Progress, State
from .evaluation import remaining_in
from .exams import Exam, opponents, target
from .pool import admit_version
from .seeds import unit
from .trial import message_of, trial_of
from .turn import Turn


def state_of(turn: Turn) -> State:
    """As the record has it."""
    if not turn.record.HasField("curriculum"):
        return State()
    stored = turn.record.curriculum
    known = {name: getattr(stored, name) for name in _NAMES}
    known |= {name: dict(known[name]) or None for name in ("base", "panel")}
    return State(**known | {"trial": trial_of(stored.trial)})


def follow(turn: Turn) -> None:
    """Take in what has happened since the last turn. A version that must be kept and is lost puts it off."""
    rules = turn.plan.curriculum
    if not rules.active:
        return
    state, changes = state_of(turn), list[Changed]()
    done = frozenset(final.agent for final in turn.view.finals)
    progress = Progress({head.agent: head.step for head in turn.view.heads}, done)
    illness = [Ill(turn.record.trial_failure)] if turn.record.trial_failure else []
    events: list[Event] = [*illness, *_evaluations(turn, state), progress]
    for event in events:
        state, found = curriculum.step(rules, state, event, progress.mean)
        changes += found
    if any(change.kind != "level_reverted" for change in changes) and not keep_everybody(turn):
        return
    if state.trial.on and any(change.kind == "level_trial" for change in changes):
        turn.ask_for_checkpoints()
    turn.record.curriculum.CopyFrom(stored_as(state))
    turn.record.learning[:] = curriculum.learning(rules, state, done)
    for change in changes:
        turn.announce(change.kind, change.message)


def stored_as(state: State) -> CurriculumState:
    """For the record."""
    known = {name: value for name in _NAMES if (value := getattr(state, name)) is not None}
    return CurriculumState(**known | {"trial": message_of(state.trial)})


def keep_everybody(turn: Turn) -> bool:
    """Every agent's version of now is kept and joins the pool: whoever stands still is met as it is."""
    if not all([turn.keep(head) for head in turn.view.heads]):
        return False
    for head in turn.view.heads:
        turn.record.snapshot_steps[head.agent] = head.step
        turn.record.pool[:] = admit_version(turn.record.pool, version_id(head), turn.pool_rule)
    return True


def level(turn: Turn, ticket: int) -> str:
    """Level of a training match; "" where there are none."""
    rules, seed = turn.plan.curriculum, turn.plan.config.seed
    if not rules.config.ladder:
        return ""
    draws = unit(seed, "level", ticket), unit(seed, "earlier level", ticket)
    return rules.config.ladder[curriculum.level_of(rules, state_of(turn), *draws)].name


def practice_bot(turn: Turn) -> str:
    """Whom the only agent that learns meets while it warms up for a new level; "" otherwise."""
    warm = turn.plan.curriculum.config.advance.warm_start
    return warm.bot if warm is not None and state_of(turn).warming else ""


def regime(turn: Turn) -> str:
    """Conditions in which the curriculum's evaluations are played: those of the present level."""
    rules = turn.plan.curriculum
    return rules.config.ladder[state_of(turn).level].name if rules.config.ladder else DEFAULT_REGIME


def newest_exam(turn: Turn, looked: int) -> Exam | None:
    """The newest evaluation on the present level, complete or not, if it is later than step `looked`."""
    exams = [exam for exam in map(Exam.parse, turn.record.evaluation_matches) if exam.regime == regime(turn)]
    exams = [exam for exam in exams if bool(exam.opponent) == bool(turn.plan.cast.pairs())]
    exams = [exam for exam in exams if step_of(exam) > looked]
    return max(exams, key=step_of, default=None)


def _evaluations(turn: Turn, state: State) -> Iterator[Measured]:
    """The newest evaluation on the present level, if it is complete and news."""
    newest = newest_exam(turn, state.looked)
    if newest is None:
        return
    versions = [version for version in (newest.candidate, newest.opponent) if version]
    panels = [Exam(version) for version in versions]
    if all(complete(turn, exam) for exam in (newest, *panels)):
        success = {agent_of(version): won(turn, newest, version) for version in versions}
        yield Measured(step_of(newest), success, {agent_of(one.candidate): won(turn, one).rate for one in panels})


def step_of(exam: Exam) -> int:
    """Mean step of the versions in it."""
    steps = [version_of(version)[2] for version in (exam.candidate, exam.opponent) if version]
    return sum(steps) // len(steps)


def complete(turn: Turn, exam: Exam) -> bool:
    """Whether the ledger holds all of its matches."""
    against, wanted = opponents(turn, exam), target(turn, exam)
    return not remaining_in(turn.view.standings, exam.candidate, against, wanted, exam.regime)


def won(turn: Turn, exam: Exam, version: str = "") -> Share:
    """Matches of an examination won by its candidate, or by the other version in it."""
    own, wins, matches = version or exam.candidate, 0, 0
    others = opponents(turn, exam) if own == exam.candidate else (exam.candidate,)
    booked = "" if exam.regime == DEFAULT_REGIME else exam.regime
    for other in others:
        if other == NOBODY:
            continue
        first, second = orient(own, other)
        pair = turn.view.standings.pair(EVALUATE, first, second, booked)
        wins += pair.wins if first == own else pair.losses
        matches += pair.matches
    return Share(wins, matches)


_NAMES = [one.name for one in fields(State) if one.name != "trial"]
