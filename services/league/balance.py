"""Of two roles one has left the other behind: only the weak one learns until it has caught up. Pure changes of a turn.

Whoever always wins has nothing to learn from it, and whoever always loses learns little from opponents it never beats.
So the winner stands still, and the other one meets it as it was at several times.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..kernel.curriculum import Share
from ..kernel.players import agent_of
from ..kernel.remedies import HealthConfig
from ..kernel.schedule import Ramp
from ..kernel.wilson import wilson_interval
from . import levels
from .phases import Stage
from .pool import admit_version
from .turn import Turn

#: Evaluations in a row that must say the same.
EVALUATIONS = 2
HALF = Ramp(start=0.5, end=0.5)


@dataclass(frozen=True, slots=True)
class State:
    weak: str = ""
    """the agent that alone learns; "" while both are a match for each other"""
    began: int = 0
    """mean step at which that began"""
    stronger: str = ""
    """who was far ahead in the last evaluation"""
    streak: int = 0
    """in so many in a row"""
    looked: int = 0
    """step of the last evaluation that was looked at"""
    futile: bool = False
    """it has not helped: the game gives one side its wins, and nobody waits again"""


def step(state: State, at: int, success: Mapping[str, Share], config: HealthConfig) -> State:
    """After an evaluation of the two against each other, at that mean step."""
    state = replace(state, looked=at)
    if state.weak:
        if success[state.weak].rate >= config.caught_up:
            return State(looked=at)
        return State(looked=at, futile=True) if at - state.began >= config.strengthen_updates else state
    if state.futile:
        return state
    ahead = next((one for one, share in success.items() if wilson_interval(*share)[0] >= config.dominance), "")
    streak = (state.streak + 1 if ahead == state.stronger else 1) if ahead else 0
    if streak < EVALUATIONS:
        return replace(state, stronger=ahead, streak=streak)
    (weak,) = (one for one in success if one != ahead)
    return State(weak, at, ahead, streak, at)


def follow(turn: Turn) -> None:
    """Look at the newest evaluation. A version that must be kept and is lost puts it off."""
    if not _applies(turn):
        return
    before = state_of(turn)
    exam = levels.newest_exam(turn, before.looked)
    after = before
    if exam is not None and levels.complete(turn, exam):
        versions = (exam.candidate, exam.opponent)
        success = {agent_of(version): levels.won(turn, exam, version) for version in versions}
        after = step(before, levels.step_of(exam), success, turn.plan.config.health)
    if after.weak in _done(turn):
        after = State(looked=after.looked)
    if after.weak != before.weak and not levels.keep_everybody(turn):
        return
    _write(turn, before, after)


def gentler(turn: Turn, agent: str, stage: Stage) -> Stage:
    """Whom an agent that is being strengthened meets: half the time those that it is a match for."""
    if not agent or state_of(turn).weak != agent:
        return stage
    phase = stage.phase.model_copy(update={"opponents": {"latest": HALF, "pfsp-variance": HALF}})
    return Stage(phase, stage.progress)


def state_of(turn: Turn) -> State:
    """As the record has it."""
    stored = turn.record.balance
    return State(stored.weak, stored.began, stored.stronger, stored.streak, stored.looked, stored.futile)


def _applies(turn: Turn) -> bool:
    """Two agents of different roles, neither of which practises. Not in lockstep: there evaluations decide nothing."""
    plan, health = turn.plan, turn.plan.config.health
    two = len(plan.cast.agents) == 2 and len(plan.cast.pairs()) == 1 and not levels.state_of(turn).warming
    return two and health.controller and health.dominance < 1 and not plan.config.lockstep


def _done(turn: Turn) -> set[str]:
    return {final.agent for final in turn.view.finals}


def _write(turn: Turn, before: State, after: State) -> None:
    stored, rules = turn.record.balance, turn.plan.curriculum
    stored.weak, stored.began, stored.stronger = after.weak, after.began, after.stronger
    stored.streak, stored.looked, stored.futile = after.streak, after.looked, after.futile
    if after.weak:
        turn.record.learning[:] = [after.weak]
    elif before.weak and not rules.active:
        turn.record.learning[:] = [agent for agent in turn.plan.cast.agents if agent not in _done(turn)]
    if after.weak and not before.weak:
        _admit(turn, after.stronger)
        turn.announce("strengthening", f"{after.stronger} almost always wins: {after.weak} alone learns")
    if before.weak and not after.weak:
        told = "had its time and has not caught up: it is the game" if after.futile else "has caught up"
        turn.announce("strengthened", f"{before.weak} {told}; both learn as before")


def _admit(turn: Turn, agent: str) -> None:
    """Every kept version of the winner joins the pool, as far as there is room: the weak one begins with what it can
    beat."""
    for version in turn.catalog:
        if agent_of(version) == agent and version not in turn.plan.guest_ids.values():
            turn.record.pool[:] = admit_version(turn.record.pool, version, turn.pool_rule)
