"""Which stage of the schedule is in force, as a pure state machine: `step(rules, state, now) -> state, changes`.

A stage is a phase, a pool of bots and a level of randomisation. The clock of updates says which one is due; that one is
tried on a share of the matches first (`trial`), and is in force when nothing has spoken against it. What moves within a
stage, like the share of scripted opponents, follows the clock alone: it has no other side to go back to.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from ..api.v1 import run_pb2 as run
from ..kernel.config import RunConfig
from ..kernel.schedule import LeagueConfig
from .phases import Stage, randomisation_at, stage_at, stage_starts
from .trial import Terms, Trial, begin, elapse, judge, message_of, trial_of


class Conditions(NamedTuple):
    """Of a training match."""

    stage: Stage
    randomisation: str


@dataclass(frozen=True, slots=True)
class Rules:
    league: LeagueConfig
    total_updates: int
    starts: tuple[int, ...]
    """the updates with which stages begin by the clock, ascending from 0"""

    @classmethod
    def of(cls, config: RunConfig) -> Rules:
        league, total = config.league, config.total_updates
        return cls(league, total, stage_starts(league.phases, league.randomisation, total))

    def due(self, now: int) -> int:
        """The update with which the stage began that the clock wants."""
        return self.starts[bisect_right(self.starts, now) - 1]

    def ended(self, began: int) -> int:
        """The last update of the stage that began with this one."""
        return (*self.starts, self.total_updates + 1)[bisect_right(self.starts, began)] - 1

    def conditions(self, began: int, now: int) -> Conditions:
        """The stage that began with this update, as it is now. When the clock has left it, it is as it was at last."""
        league, total = self.league, self.total_updates
        at = max(began, min(now, self.ended(began)))
        return Conditions(stage_at(league.phases, at, total), randomisation_at(league.randomisation, at, total))

    def terms(self, began: int) -> Terms:
        """Of its trial, in updates. A short stage has short ones; one of less than four updates is entered at once."""
        canary = self.league.canary
        quarter = (self.ended(began) - began + 1) // 4
        return Terms(canary.share if quarter else 0.0, min(canary.updates, quarter), min(canary.retry_updates, quarter))


@dataclass(frozen=True, slots=True)
class State:
    entered: int = 0
    """the stage in force, by the update with which it began"""
    trying: int = 0
    """the same of the stage that is or was tried last"""
    trial: Trial = field(default_factory=Trial)
    looked: int = 0
    """the update up to which one has waited after a failure"""


class Changed(NamedTuple):
    """`kind`: "entered", "forced" (in steps, after too many failures), "tried", "reverted" or "left" (back in time)."""

    kind: Literal["entered", "forced", "tried", "reverted", "left"]
    began: int
    """of the stage it is about"""


def step(rules: Rules, state: State, now: int, failure: str = "") -> tuple[State, list[Changed]]:
    """The next state at update `now`. `failure`: what health has found during the trial; empty: nothing."""
    due = rules.due(now)
    state, settled = _settle(rules, state, now, failure)
    state, left = _back(state, due)
    state = _wait(state, now)
    if state.trial.on or state.trial.hold or due == state.entered:
        return state, [*settled, *left]
    state, begun = _begin(rules, state, due, now)
    return state, [*settled, *left, begun]


def state_of(record: run.RunRecord) -> State:
    """As the record has it."""
    stored = record.stages
    return State(record.stage_step, stored.trying, trial_of(stored.trial), stored.looked)


def write(record: run.RunRecord, state: State) -> None:
    """Into the record."""
    record.stage_step = state.entered
    record.stages.CopyFrom(run.StageState(trial=message_of(state.trial), trying=state.trying, looked=state.looked))


def in_force(rules: Rules, record: run.RunRecord, now: int) -> Conditions:
    """Those of the matches that belong to no trial."""
    return rules.conditions(record.stage_step, now)


def _settle(rules: Rules, state: State, now: int, failure: str) -> tuple[State, list[Changed]]:
    trial, outcome = judge(rules.terms(state.trying), state.trial, now, failed=bool(failure))
    if outcome == "widened":
        return State(state.trying), [Changed("entered", state.trying)]
    if outcome == "reverted":
        return replace(state, trial=trial, looked=now), [Changed("reverted", state.trying)]
    return state, []


def _back(state: State, due: int) -> tuple[State, list[Changed]]:
    """Training has gone back to before the stage in force, or before the one that is tried: it comes again."""
    if state.trial.on and due < state.trying:
        state = replace(state, trial=replace(state.trial, on=False))
    if due >= state.entered:
        return state, []
    return replace(state, entered=due), [Changed("left", due)]


def _wait(state: State, now: int) -> State:
    """Updates that are made a second time count too."""
    if not state.trial.hold:
        return state
    trial = elapse(state.trial, max(0, now - state.looked))
    return replace(state, trial=trial, looked=now if trial.hold else 0)


def _begin(rules: Rules, state: State, due: int, now: int) -> tuple[State, Changed]:
    failures = state.trial.failures if state.trying == due else 0
    if failures >= rules.league.canary.attempts:
        return State(due), Changed("forced", due)
    trial, outcome = begin(rules.terms(due), Trial(failures=failures), now)
    if outcome == "widened":
        return State(due), Changed("entered", due)
    return State(state.entered, due, trial), Changed("tried", due)
