"""What an examination is: who, against whom, under which conditions, how many matches. Pure."""

from __future__ import annotations

from typing import NamedTuple

from ..api.v1 import run_pb2 as run
from ..games.conditions import DEFAULT_REGIME
from ..kernel.panel import conditions_of, final_candidate, panel_opponents
from ..kernel.players import NOBODY, agent_of, version_id
from .turn import Turn


class Exam(NamedTuple):
    """A candidate against the panel, or against one other version, under some conditions."""

    candidate: str
    regime: str = DEFAULT_REGIME
    opponent: str = ""
    """a version of another agent, or the champion of its own; "" is the panel"""

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


def target(turn: Turn, exam: Exam) -> int:
    """Matches per opponent. Step 0 and the last versions get their full number when nobody learns any more, so that
    measuring them takes nothing from the learner."""
    evaluator = turn.plan.config.evaluator
    if exam.regime != DEFAULT_REGIME:
        _, deterministic = conditions_of(exam.regime, evaluator.deterministic, DEFAULT_REGIME)
        same = deterministic == evaluator.deterministic
        return evaluator.regime_matches_per_opponent if same else evaluator.other_play_matches_per_opponent
    if exam.opponent and agent_of(exam.opponent) != agent_of(exam.candidate):
        return evaluator.matches_between_agents
    nobody_learns = turn.view.over or turn.record.state == run.RUN_STATE_EVALUATING
    if not nobody_learns:
        first = exam.candidate in turn.geneses
        return _first_look(evaluator.matches_per_opponent) if first else evaluator.matches_per_opponent
    full = exam.candidate in (*turn.geneses, *finals(turn))
    return evaluator.final_matches_per_opponent if full else evaluator.matches_per_opponent


def _first_look(matches: int) -> int:
    """A quarter, in pairs: hardly anything has been learned yet, of which measuring step 0 may take its share."""
    return max(2, matches // 8 * 2)


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
