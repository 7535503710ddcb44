"""The curriculum's state machine: whatever is measured in whatever order, turns, levels and trials keep their rules."""

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from pydantic import ValidationError

from ludus.kernel.curriculum import CurriculumConfig, Share
from ludus.league.curriculum import Changed, Ill, Measured, Progress, Rules, State, learning, level_of, step
from ludus.league.trial import Trial

AGENTS = ("pursuer", "evader")
BATCH, TOTAL = 100, 400


def rules(**tree: Any) -> Rules:
    return Rules(CurriculumConfig.model_validate(tree), AGENTS, BATCH, TOTAL)


LEVELS = [{"name": f"l{k}"} for k in range(4)]
ALTERNATION = {"phase_decisions": 3000, "warmup_decisions": [500, 1000], "first_on_new_level": "evader"}


class Machine(RuleBasedStateMachine):
    """Updates are made by those who learn; evaluations arrive when they like."""

    @initialize(
        alternates=st.booleans(),
        canary=st.sampled_from([0.0, 0.1]),
        warm=st.booleans(),
        limit=st.none() | st.integers(1000, 5000),
    )
    def begin(self, alternates: bool, canary: float, warm: bool, limit: int | None) -> None:
        advance: dict[str, Any] = {"gap": 0.2, "evaluations": 2, "canary_share": canary, "canary_updates": 3}
        advance |= {"decisions": limit, "warm_start": {"agent": "evader", "decisions": 700} if warm else None}
        tree = {"levels": LEVELS, "advance": advance, "alternation": ALTERNATION if alternates else None}
        self.rules, self.state = rules(**tree), State()
        self.steps = dict.fromkeys(AGENTS, 0)
        self.log: list[Changed] = []
        self.learned = dict.fromkeys(AGENTS, 0)
        self.take(self.progress())

    def progress(self) -> Progress:
        return Progress(dict(self.steps), frozenset(agent for agent in AGENTS if self.steps[agent] >= TOTAL))

    def take(self, event: Progress | Measured | Ill) -> list[Changed]:
        before = self.state
        self.state, changes = step(self.rules, before, event, self.progress().mean)
        assert 0 <= self.state.level - before.level <= 1, "one level at a time, never back"
        if before.level != self.state.level and self.rules.config.advance.canary_share:
            assert before.trial.on, "no level without a trial"
        if self.state.turn != before.turn and before.turn and not any(one.kind == "level" for one in changes):
            made = self.steps[before.turn] - before.phase_begin
            over = made >= self.rules.phase_updates(before.phase) or self.steps[before.turn] >= TOTAL
            assert over, "a turn is not cut short"
        self.log += changes
        return changes

    @rule(updates=st.integers(1, 8))
    def learn(self, updates: int) -> None:
        for agent in learning(self.rules, self.state, self.progress().done):
            self.steps[agent] = min(self.steps[agent] + updates, TOTAL)
        self.take(self.progress())

    @rule(captures=st.integers(0, 100), panel=st.tuples(st.floats(0, 1), st.floats(0, 1)))
    def measure(self, captures: int, panel: tuple[float, float]) -> None:
        at = round(self.progress().mean)
        success = {"pursuer": Share(captures, 100), "evader": Share(100 - captures, 100)}
        before = self.state
        changes = self.take(Measured(at, success, dict(zip(AGENTS, panel, strict=True))))
        if at <= before.looked:
            assert changes == [], "an evaluation counts once"
        if any(one.kind == "level_reverted" for one in changes):
            assert before.base is not None
            assert any(before.base[agent] - rate > 0.15 for agent, rate in zip(AGENTS, panel, strict=True))
            assert not self.state.trial.on
            assert self.state.trial.hold
            assert self.state.trial.failures == before.trial.failures + 1

    @rule()
    def fall_ill(self) -> None:
        before = self.state
        changes = self.take(Ill("main was rolled back"))
        assert [one.kind for one in changes] == ["level_reverted"] * before.trial.on
        assert self.state.level == before.level
        assert not self.state.trial.on

    @invariant()
    def somebody_learns_and_matches_have_a_level(self) -> None:
        if not hasattr(self, "state"):
            return
        done = self.progress().done
        left = [agent for agent in AGENTS if agent not in done]
        chosen = learning(self.rules, self.state, done)
        assert set(chosen) <= set(left)
        assert bool(chosen) == bool(left)
        if self.rules.config.alternation and left:
            assert len(chosen) == 1
        for draw in (0.0, 0.5, 0.99):
            level = level_of(self.rules, self.state, draw, draw)
            assert 0 <= level <= self.state.level + self.state.trial.on <= self.rules.top


TestMachine = Machine.TestCase


def test_phases_warm_up_and_the_agents_take_turns() -> None:
    machine, state = rules(alternation={"phase_decisions": 3000, "warmup_decisions": [500, 1000]}), State()
    steps, turns = dict.fromkeys(AGENTS, 0), []
    for _ in range(120):
        state, changes = step(machine, state, Progress(dict(steps)))
        turns += [(state.turn, state.phase_begin, machine.phase_updates(state.phase)) for _ in changes]
        steps[learning(machine, state)[0]] += 1
    wanted = [("pursuer", 0, 5), ("evader", 0, 10), ("pursuer", 5, 30), ("evader", 10, 30), ("pursuer", 35, 30)]
    assert turns[:5] == wanted


def test_a_level_is_tried_then_widened_or_taken_back() -> None:
    machine = rules(levels=LEVELS, advance={"gap": 0.1, "evaluations": 2, "canary_updates": 5, "retry_evaluations": 1})

    def even(at: int, panel: float) -> Measured:
        return Measured(at, dict.fromkeys(AGENTS, Share(50, 100)), dict.fromkeys(AGENTS, panel))

    state, kinds = State(), []
    for at, panel in ((10, 0.8), (20, 0.8), (22, 0.1), (30, 0.6), (40, 0.8), (50, 0.8), (60, 0.8), (70, 0.8)):
        state, changes = step(machine, state, even(at, panel), at)
        kinds += [(at, change.kind) for change in changes]
    assert kinds == [(20, "level_trial"), (30, "level_reverted"), (50, "level_trial"), (60, "level")]
    assert (state.level, state.level_step) == (1, 60)


def test_a_win_rate_counts_by_its_lower_bound() -> None:
    machine = rules(levels=LEVELS, advance={"win_rate": 0.7, "canary_share": 0.0})
    few, many = Share(8, 10), Share(160, 200)
    state, changes = step(machine, State(), Measured(1, {"pursuer": few, "evader": Share(2, 10)}, {}))
    assert changes == []
    assert step(machine, state, Measured(2, {"pursuer": many, "evader": Share(40, 200)}, {}))[0].level == 1


def test_on_a_new_level_one_agent_practises_against_a_bot_and_learns_first() -> None:
    machine = rules(
        levels=LEVELS,
        alternation={"phase_decisions": 1000, "first_on_new_level": "evader"},
        advance={"decisions": 2000, "canary_share": 0.0, "warm_start": {"agent": "evader", "decisions": 700}},
    )
    state, steps, who = State(), dict.fromkeys(AGENTS, 0), []
    for _ in range(60):
        before = state.level
        state, _ = step(machine, state, Progress(dict(steps)))
        (agent,) = learning(machine, state)
        if (before, state.level) != (0, 0):
            who.append((agent, bool(state.warming)))
        steps[agent] += 1
    practice = who.index(("evader", False))
    assert who[:practice] == [("evader", True)] * practice
    assert practice in (7, 8), "700 decisions are 7 updates, counted from the turn after"
    assert who[practice : practice + 10] == [("evader", False)] * 10, "then a whole phase of the evader"
    assert who[practice + 10] == ("pursuer", False)


def test_matches_are_spread_over_the_trial_the_level_and_those_before() -> None:
    machine = rules(levels=LEVELS, advance={"decisions": 1, "canary_share": 0.1, "replay_share": 0.2})
    draws = [(k + 0.5) / 1000 for k in range(1000)]
    on = [
        level_of(machine, State(level=2, trial=Trial(on=True)), draw, (37 * k % 1000) / 1000)
        for k, draw in enumerate(draws)
    ]
    assert [on.count(level) for level in (2, 3)] == [700, 100]
    assert on.count(0) + on.count(1) == 200
    assert abs(on.count(0) - on.count(1)) <= 10


def test_a_smooth_ladder_ends_at_its_end() -> None:
    smooth = {
        "parameter": "physics.max_separation", "start": 5, "end": 7.2, "step": 1,
        "parameters": {"physics": {"min_separation": 2}},
        "beyond": [{"value": 7, "parameters": {"physics": {"max_obstacles": 3}}}],
    }  # fmt: skip
    ladder = CurriculumConfig.model_validate({"smooth": smooth, "advance": {"decisions": 1}}).ladder
    assert [one.parameters["physics"]["max_separation"] for one in ladder] == [5, 6, 7, 7.2]
    assert [one.parameters["physics"].get("max_obstacles") for one in ladder] == [None, None, 3, 3]
    assert all(one.parameters["physics"]["min_separation"] == 2 for one in ladder)


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"levels": LEVELS}, "levels need a condition"),
        ({"levels": [{"name": "a"}, {"name": "a"}], "advance": {"decisions": 1}}, "a name of its own"),
        ({"levels": LEVELS, "smooth": {"parameter": "x", "start": 1, "end": 2, "step": 1}}, "exclude each other"),
        ({"smooth": {"parameter": "x", "start": 2, "end": 1, "step": 1}}, "start below end"),
        ({"alternation": {"warmup_decisions": [0]}}, "at least 1"),
    ],
)
def test_what_makes_no_sense_is_refused(tree: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        CurriculumConfig.model_validate(tree)
