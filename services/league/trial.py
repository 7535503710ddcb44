"""A change that is tried before it is made: on a share of the matches, then on all of them, or on none again. Pure.

Levels of the curriculum and stages of the schedule change in this way. What speaks against a trial, and how time passes
while one waits for the next, is theirs to say.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from ..api.v1 import run_pb2 as run

Outcome = Literal["", "tried", "widened", "reverted"]


@dataclass(frozen=True, slots=True)
class Terms:
    share: float
    """of the matches in a trial; 0: none is needed"""
    updates: float
    """that it lasts, at least"""
    rest: int
    """ticks between two trials"""


@dataclass(frozen=True, slots=True)
class Trial:
    on: bool = False
    begun: float = 0.0
    """mean step of the agents"""
    failures: int = 0
    """trials of this change that were taken back"""
    hold: int = 0
    """ticks left before the next one"""


def begin(terms: Terms, trial: Trial, now: float) -> tuple[Trial, Outcome]:
    """Without a share the change is made at once."""
    if not terms.share:
        return Trial(), "widened"
    return Trial(True, now, trial.failures), "tried"


def ripe(terms: Terms, trial: Trial, now: float) -> bool:
    """Whether it has lasted long enough to be believed."""
    return trial.on and now - trial.begun >= terms.updates


def judge(terms: Terms, trial: Trial, now: float, *, failed: bool) -> tuple[Trial, Outcome]:
    """A failure counts at once; that there was none counts in the end."""
    if trial.on and failed:
        return Trial(failures=trial.failures + 1, hold=terms.rest), "reverted"
    return (Trial(), "widened") if ripe(terms, trial, now) else (trial, "")


def elapse(trial: Trial, ticks: int) -> Trial:
    """Time passes after a failure."""
    return replace(trial, hold=max(0, trial.hold - ticks))


def drawn(terms: Terms, trial: Trial, draw: float) -> bool:
    """Whether a match is of the trial, by a number in [0, 1)."""
    return trial.on and draw < terms.share


def trial_of(stored: run.Trial) -> Trial:
    """As the record has it."""
    return Trial(stored.on, stored.begun, stored.failures, stored.hold)


def message_of(trial: Trial) -> run.Trial:
    """For the record."""
    return run.Trial(on=trial.on, begun=trial.begun, failures=trial.failures, hold=trial.hold)


def fail(record: run.RunRecord, reason: str) -> run.RunRecord:
    """Health has found something while a change was tried: the director takes it back with its next turn."""
    if not (record.stages.trial.on or record.curriculum.trial.on):
        return record
    changed = run.RunRecord()
    changed.CopyFrom(record)
    changed.trial_failure = reason
    return changed
