"""Whose turn it is to learn, on which level, as a pure state machine: `step(rules, state, event) -> state, effects`.

Alternation and phase warm-up are those of AMS-DRL self-play (see docs/games/pursuit.md). A change of level is a
transaction (`trial`): versions are kept, a small share of the matches is played on the new level, and the next
evaluation widens that to all of them or takes it back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..kernel.config import RunConfig
from ..kernel.curriculum import CurriculumConfig, Share
from ..kernel.wilson import wilson_interval
from .trial import Outcome, Terms, Trial, begin, drawn, elapse, judge, ripe


@dataclass(frozen=True, slots=True)
class Rules:
    config: CurriculumConfig
    agents: tuple[str, ...]
    batch_decisions: int
    total_updates: int

    @classmethod
    def of(cls, config: RunConfig) -> Rules:
        learner = config.learner.batch_decisions
        return cls(config.league.curriculum, config.agent_names, learner, config.total_updates)

    def updates(self, decisions: int) -> int:
        """At least one."""
        return max(1, round(decisions / self.batch_decisions))

    @property
    def active(self) -> bool:
        """Whether there is anything to direct."""
        return self.config.alternation is not None or self.top > 0

    @property
    def top(self) -> int:
        return max(0, len(self.config.ladder) - 1)

    @property
    def terms(self) -> Terms:
        """Of the trial of a level. Between two of them time is counted in evaluations."""
        advance = self.config.advance
        return Terms(advance.canary_share, advance.canary_updates, advance.retry_evaluations)

    def phase_updates(self, phase: int) -> int:
        """Length of the phase with this number, from 0."""
        one = self.config.alternation
        assert one is not None
        lengths = one.warmup_decisions
        return self.updates(lengths[phase] if phase < len(lengths) else one.phase_decisions)


@dataclass(frozen=True, slots=True)
class State:
    level: int = 0
    """all matches are played on it, or on earlier ones for replay"""
    level_step: float = 0.0
    """mean step of the agents when it began"""
    trial: Trial = field(default_factory=Trial)
    """of the next level"""
    base: Mapping[str, float] | None = None
    """panel win rates before the trial"""
    calm: int = 0
    """evaluations in a row with a small gap"""
    looked: int = -1
    """step of the last evaluation that was looked at"""
    panel: Mapping[str, float] | None = None
    """newest win rates on the panel by agent"""
    warming: str = ""
    """agent that practises against a bot"""
    warm_until: int = 0
    turn: str = ""
    """alternation: who learns; "" before the first phase, and without alternation"""
    phase: int = 0
    """number of the phase, from 0"""
    phase_begin: int = 0
    """the learner's step when it began"""


@dataclass(frozen=True, slots=True)
class Progress:
    """Updates made by every agent; `done`: those that have made their last."""

    steps: Mapping[str, int]
    done: frozenset[str] = frozenset()

    @property
    def mean(self) -> float:
        return sum(self.steps.values()) / max(1, len(self.steps))


@dataclass(frozen=True, slots=True)
class Measured:
    """A complete evaluation on the present level: success by agent, and win rates on the panel."""

    step: int
    success: Mapping[str, Share]
    panel: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Ill:
    """Health took training back, or softened it, while a level was tried."""

    reason: str


@dataclass(frozen=True, slots=True)
class Changed:
    """What people are told. `kind`: "turn", "level_trial", "level", "level_reverted" or "warm_start"."""

    kind: str
    message: str


Event = Progress | Measured | Ill


def step(rules: Rules, state: State, event: Event, now: float = 0.0) -> tuple[State, list[Changed]]:
    """The next state. `now`: mean step of the agents at an evaluation."""
    if isinstance(event, Measured):
        return _measured(rules, state, event, now)
    if isinstance(event, Ill):
        return _settle(rules, state, now, event.reason) if state.trial.on else (state, [])
    state, warmed = _warm(rules, state, event)
    state, level = _by_time(rules, state, event)
    state, turned = _alternate(rules, state, event)
    return state, [*warmed, *level, *turned]


def learning(rules: Rules, state: State, done: frozenset[str] = frozenset()) -> list[str]:
    """The agents that learn now."""
    left = [agent for agent in rules.agents if agent not in done]
    chosen = state.warming or state.turn
    return [chosen] if chosen in left else left if not chosen or not rules.config.alternation else left[:1]


def level_of(rules: Rules, state: State, draw: float, replay: float) -> int:
    """Level of a training match, by two numbers in [0, 1)."""
    advance = rules.config.advance
    if drawn(rules.terms, state.trial, draw):
        return state.level + 1
    if state.level and draw >= 1 - advance.replay_share:
        return int(replay * state.level)
    return state.level


# -- levels ------------------------------------------------------------------------------------------------------------


def _measured(rules: Rules, state: State, event: Measured, now: float) -> tuple[State, list[Changed]]:
    if event.step <= state.looked:
        return state, []
    state = replace(state, looked=event.step, panel=dict(event.panel), calm=_calm(rules, state, event))
    if state.trial.on:
        believed = ripe(rules.terms, state.trial, event.step)
        return _settle(rules, state, now, _fallen(rules, state, event)) if believed else (state, [])
    if state.trial.hold:
        return replace(state, trial=elapse(state.trial, 1)), []
    if state.level < rules.top and _gate(rules, state, event):
        return _try(rules, state, now)
    return state, []


def _calm(rules: Rules, state: State, event: Measured) -> int:
    gap, rates = rules.config.advance.gap, [share.rate for share in event.success.values()]
    small = gap is not None and len(rates) == 2 and abs(rates[0] - rates[1]) < gap
    return state.calm + 1 if small else 0


def _gate(rules: Rules, state: State, event: Measured) -> bool:
    advance = rules.config.advance
    if advance.gap is not None and state.calm >= advance.evaluations:
        return True
    share = event.success.get(advance.win_rate_of or rules.agents[0])
    if advance.win_rate is None or share is None or not share.n:
        return False
    return wilson_interval(share.wins, share.n)[0] >= advance.win_rate


def _by_time(rules: Rules, state: State, event: Progress) -> tuple[State, list[Changed]]:
    limit = rules.config.advance.decisions
    unknown = state.panel is None and rules.config.advance.canary_share > 0
    if limit is None or unknown or state.trial.on or state.trial.hold or state.level >= rules.top:
        return state, []
    if event.mean - state.level_step < rules.updates(limit):
        return state, []
    return _try(rules, state, event.mean)


def _try(rules: Rules, state: State, now: float) -> tuple[State, list[Changed]]:
    trial, outcome = begin(rules.terms, state.trial, now)
    return _changed(rules, replace(state, trial=trial, base=state.panel, calm=0), now, outcome)


def _fallen(rules: Rules, state: State, event: Measured) -> str:
    """What speaks against the level; empty if nothing does."""
    drop, base = rules.config.advance.revert_drop, state.base or {}
    fallen = [agent for agent, rate in event.panel.items() if base.get(agent, rate) - rate > drop]
    return f"{', '.join(fallen)} fell by more than {drop:.0%} on the panel" if fallen else ""


def _settle(rules: Rules, state: State, now: float, failure: str) -> tuple[State, list[Changed]]:
    trial, outcome = judge(rules.terms, state.trial, now, failed=bool(failure))
    return _changed(rules, replace(state, trial=trial), now, outcome, failure)


def _changed(
    rules: Rules, state: State, now: float, outcome: Outcome, failure: str = ""
) -> tuple[State, list[Changed]]:
    """What follows from the outcome of a trial, or of its beginning."""
    if outcome == "widened":
        return _widen(rules, state, now)
    if outcome == "tried":
        message = f"{_name(rules, state.level + 1)} is tried on {rules.terms.share:.0%} of the matches"
        return state, [Changed("level_trial", message)]
    if outcome == "reverted":
        message = f"{_name(rules, state.level + 1)} is taken back: {failure}"
        return replace(state, base=None, calm=0, level_step=now), [Changed("level_reverted", message)]
    return state, []


def _widen(rules: Rules, state: State, now: float) -> tuple[State, list[Changed]]:
    state = replace(state, level=state.level + 1, level_step=now, base=None, calm=0)
    found = [Changed("level", f"{_name(rules, state.level)} begins")]
    warm, alternation = rules.config.advance.warm_start, rules.config.alternation
    if warm is not None:
        state = replace(state, warming=warm.agent, warm_until=-1)
        found.append(Changed("warm_start", f"{warm.agent} practises against {warm.bot}"))
    if alternation and alternation.first_on_new_level:
        state = replace(state, turn=alternation.first_on_new_level, phase_begin=-1)
    return state, found


def _warm(rules: Rules, state: State, event: Progress) -> tuple[State, list[Changed]]:
    """A warm start ends after its decisions."""
    warm = rules.config.advance.warm_start
    if not state.warming or warm is None:
        return state, []
    made = event.steps[state.warming]
    if state.warm_until < 0:
        return replace(state, warm_until=made + rules.updates(warm.decisions)), []
    if made < state.warm_until and state.warming not in event.done:
        return state, []
    return replace(state, warming="", warm_until=0, phase_begin=-1), []


def _name(rules: Rules, level: int) -> str:
    return f"level {rules.config.ladder[level].name!r}"


# -- alternation -------------------------------------------------------------------------------------------------------


def _alternate(rules: Rules, state: State, event: Progress) -> tuple[State, list[Changed]]:
    alternation = rules.config.alternation
    left = [agent for agent in rules.agents if agent not in event.done]
    if alternation is None or state.warming or not left:
        return state, []
    if not state.turn:
        return _give_turn(rules, state, event, alternation.first or rules.agents[0], 0)
    if state.phase_begin < 0:
        state = replace(state, phase_begin=event.steps[state.turn])
    over = event.steps[state.turn] - state.phase_begin >= rules.phase_updates(state.phase)
    if not over and state.turn in left:
        return state, []
    following = rules.agents[(rules.agents.index(state.turn) + 1) % len(rules.agents)]
    return _give_turn(rules, state, event, following if following in left else left[0], state.phase + 1)


def _give_turn(rules: Rules, state: State, event: Progress, agent: str, phase: int) -> tuple[State, list[Changed]]:
    state = replace(state, turn=agent, phase=phase, phase_begin=event.steps[agent])
    length = rules.phase_updates(phase)
    return state, [Changed("turn", f"phase {phase + 1}: {agent} learns for {length} updates, the others stand still")]
