"""Stages of the schedule: tried on a share of the matches, then entered or taken back, and that only so many times."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ludus.api.v1 import run_pb2 as run
from ludus.kernel.config import RunConfig, load
from ludus.league.stages import Changed, Rules, State, state_of, step, write
from ludus.league.trial import fail

from .test_league_director import World

CONFIGS = Path(__file__).parents[2] / "configs"
ORIGINAL = CONFIGS / "dogfight-original.toml"
TOTAL, RETRY, ATTEMPTS = 200, 6, 2
#: Stages begin here, by the clock: three pools of bots, three phases, two levels of randomisation.
RANDOMISATION = [{"level": "none", "from_update": 0}, {"level": "full", "from_update": 90}]


def config(share: float, updates: int) -> RunConfig:
    learner = load(ORIGINAL, environment={}).learner
    settings = {
        "decisions": TOTAL * learner.batch_decisions,
        "league.randomisation": RANDOMISATION,
        "league.canary": {"share": share, "updates": updates, "retry_updates": RETRY, "attempts": ATTEMPTS},
    }
    return load(ORIGINAL, settings.items(), environment={})


class Machine(RuleBasedStateMachine):
    """Training goes on and is thrown back; health finds something whenever it likes."""

    @initialize(share=st.sampled_from([0.0, 0.25, 1.0]), updates=st.integers(0, 8))
    def begin(self, share: float, updates: int) -> None:
        self.rules, self.record, self.now = Rules.of(config(share, updates)), run.RunRecord(), 0
        self.starts = {self.rules.due(at) for at in range(TOTAL + 1)}
        self.failures = 0
        self.waited = self.wanted = 0

    def look(self, failure: str = "") -> list[Changed]:
        """One turn of the director; the state goes through the record, as it does in a run."""
        before = state_of(self.record)
        state, changes = step(self.rules, before, self.now, failure)
        write(self.record, state)
        assert state_of(self.record) == state
        for change in changes:
            self.check(before, change)
        return changes

    def check(self, before: State, change: Changed) -> None:
        terms = self.rules.terms(change.began)
        if change.kind == "tried":
            assert terms.share > 0
            assert self.waited >= self.wanted, "not before the time is over"
            assert change.began == self.rules.due(self.now), "what the clock wants"
            self.failures = self.failures if before.trying == change.began else 0
            assert self.failures < ATTEMPTS, "bounded"
        elif change.kind == "reverted":
            self.waited, self.wanted = 0, min(RETRY, terms.rest)
            assert self.wanted > 0
            self.failures += 1
        elif change.kind == "forced":
            assert self.failures == ATTEMPTS
        elif change.kind == "entered":
            quiet = before.trial.on and self.now - before.trial.begun >= self.rules.terms(before.trying).updates
            assert quiet or not terms.share, "only after a trial, if there is to be one"

    @rule(updates=st.integers(0, 12))
    def learn(self, updates: int) -> None:
        self.waited += min(updates, TOTAL - self.now)
        self.now = min(self.now + updates, TOTAL)
        self.look()

    @rule()
    def fall_ill(self) -> None:
        before = state_of(self.record)
        changes = self.look("main was rolled back")
        kinds = [change.kind for change in changes]
        assert kinds == ["reverted"] if before.trial.on else "reverted" not in kinds
        if before.trial.on:
            assert state_of(self.record).entered == before.entered

    @precondition(lambda self: hasattr(self, "now") and self.now)
    @rule(updates=st.integers(1, 60), ill=st.booleans())
    def roll_back(self, updates: int, ill: bool) -> None:
        trial = state_of(self.record).trial
        self.now = max(0, self.now - updates)
        changes = self.look("main was rolled back" if ill else "")
        assert not (trial.on and ill) or changes[0].kind == "reverted"

    @invariant()
    def one_stage_is_in_force_and_at_most_a_later_one_is_tried(self) -> None:
        if not hasattr(self, "record"):
            return
        state, due = state_of(self.record), self.rules.due(self.now)
        assert state.entered in self.starts
        assert state.entered <= due
        if state.trial.on:
            assert state.entered < state.trying <= due
            assert not state.trial.hold
        if state.entered != due:
            assert state.trial.on or state.trial.hold, "what is due is tried, or one waits"
        here = self.rules.conditions(state.entered, self.now)
        if state.entered == due:
            assert here == self.rules.conditions(due, self.now)
        began = self.rules.conditions(state.entered, state.entered)
        assert (here.stage.name, here.stage.bots) == (began.stage.name, began.stage.bots), "it does not end"

    def teardown(self) -> None:
        """Whatever was, without further trouble every stage that is due is entered."""
        if not hasattr(self, "record"):
            return
        while self.now < TOTAL:
            self.now, self.waited = self.now + 1, self.waited + 1
            self.look()
        last = self.rules.due(TOTAL)
        assert state_of(self.record).entered == last or TOTAL - last < RETRY + self.rules.terms(last).updates


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


def orders(league: World, step_number: int) -> Counter[str]:
    """Phases of the training tickets of one turn at this update, many of them."""
    league.learn(step_number - league.head.step)
    phases: Counter[str] = Counter()
    while phases.total() < 400:
        league.issued.clear()
        league.waiting.clear()
        league.turn()
        phases.update(ticket.phase for ticket in league.issued if ticket.pool == "train")
    return phases


def original() -> World:
    """The transition is due with update 210 of 600; the stage before it is in force."""
    decisions = 600 * load(ORIGINAL, environment={}).learner.batch_decisions
    league = World(load(ORIGINAL, [("decisions", decisions), ("league.canary.retry_updates", 5)], environment={}))
    for at in (0, 200, 205):
        league.learn(at - league.head.step)
        league.turn()
    return league


def told(league: World, kind: str) -> list[str]:
    return [event.message for event in league.events if event.kind == kind]


def test_a_phase_is_tried_on_a_share_of_the_matches_and_then_widened() -> None:
    league = original()
    assert set(orders(league, 209)) == {"curriculum"}
    tried = orders(league, 210)
    assert tried["transition"] / tried.total() == pytest.approx(0.25, abs=0.06)
    assert league.record.phase == "curriculum", "it is not in force"
    assert league.record.checkpoint_step == 210, "learners save themselves first"
    assert f"main@1.{210}" in league.kept
    assert told(league, "stage_trial")[-1] == "phase transition is tried on 25% of the matches"
    assert set(orders(league, 214)) == {"transition"}
    assert league.record.phase == "transition"


def test_a_phase_that_harms_is_taken_back_tried_again_and_entered_in_steps_in_the_end() -> None:
    league = original()
    at = 210
    for attempt in range(3):
        league.learn(at - league.head.step)
        league.turn()
        assert league.record.stages.trying == 210
        assert league.record.stages.trial.on
        league.record = fail(league.record, "main was rolled back")
        league.learn(1)
        league.turn()
        assert len(told(league, "stage_reverted")) == attempt + 1
        assert set(orders(league, at + 5)) == {"curriculum"}, "it is waited"
        at += 6
    assert told(league, "stage_reverted")[-1] == "phase transition is taken back for 5 updates: main was rolled back"
    entered = orders(league, at)
    assert league.record.phase == "transition"
    assert entered["transition"] / entered.total() == pytest.approx(0.3, abs=0.06)
    assert told(league, "stage_in_steps") == ["phase transition was taken back 3 times: it is entered in steps"]
    assert set(orders(league, at + league.plan.config.health.reentry_updates)) == {"transition"}


def test_health_says_nothing_where_nothing_is_tried() -> None:
    record = run.RunRecord(phase="curriculum")
    assert fail(record, "main was rolled back") == record


def test_a_run_reaches_every_phase_even_if_health_takes_every_first_trial_back() -> None:
    """In the shortest of the presets, where nearly every trial has to be short."""
    league = World(load(CONFIGS / "dogfight-quick.toml", environment={}))
    plain, struck = league.turn, set[int]()

    def turn() -> None:
        if league.record.stages.trial.on and league.record.stages.trying not in struck:
            struck.add(league.record.stages.trying)
            league.record = fail(league.record, "training of main was softened")
        plain()

    league.turn = turn  # type: ignore[method-assign]
    league.run(updates=4, tickets=400)
    assert struck
    assert len(told(league, "stage_reverted")) == len(struck)
    assert told(league, "phase")[-1] == f"{league.plan.config.league.phases[-1].name} begins"
