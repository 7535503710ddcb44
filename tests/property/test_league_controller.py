"""The health controller under any history of updates, with the learner and the controller dying wherever they like.

The machine plays the learner's part of the protocol: it carries intents on, or gives up, and the controller's memory
goes through its bytes before every step, as after a restart.
"""

from __future__ import annotations

import json
from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ludus.kernel.health import Firing, load_rules
from ludus.kernel.remedies import HealthConfig
from ludus.league import controller
from ludus.league.memory import NEUTRAL, Decision, Look, Memory, from_bytes, to_bytes
from ludus.league.onset import step_of_onset
from ludus.league.targets import step_of

RULES = {one.name: one for one in load_rules()}
SUSPECT = sorted(name for name, one in RULES.items() if one.verdict == "suspect")
FAILED = sorted(name for name, one in RULES.items() if one.verdict == "failed")
CONFIG = HealthConfig(survive_updates=8, margin_updates=2, cool_down_updates=6, probation_updates=10, calm_updates=4)
EVERY = 5
"""updates between two checkpoints"""


def firing(name: str) -> Firing:
    return Firing(RULES[name], 9.0, 1.0)


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.memory = Memory()
        self.epoch, self.step, self.undone = 1, 0, 0
        self.checkpoint, self.stage = "1-0", "a"
        self.rollbacks: list[tuple[str, str]] = []
        self.look()

    # -- what an update brings -------------------------------------------------------------------------------------

    def look(self, *names: str, rejected: bool = False) -> Decision:
        before = from_bytes(to_bytes(self.memory))
        assert before == self.memory, "a restart forgets nothing"
        seen = Look(
            self.epoch, self.step, self.undone, rejected, self.checkpoint, self.stage, [firing(name) for name in names]
        )
        self.memory, decision = controller.observe(before, seen, CONFIG)
        self.check(before, decision, names, rejected=rejected)
        return decision

    def check(self, before: Memory, decision: Decision, names: tuple[str, ...], *, rejected: bool) -> None:
        """What one look may lead to."""
        if before.phase in ("rolling", "paused"):
            assert self.memory == before
        if decision.kind != "rollback_planned":
            return
        assert rejected or any(RULES[name].verdict != "suspect" for name in names), "suspicion alone rolls nothing back"
        plan = self.memory.plan
        assert plan is not None
        assert dict(self.memory.checkpoints)[plan.checkpoint] in ("healthy", "pinned")
        assert step_of(plan.checkpoint) <= step_of_onset(self.memory)
        self.rollbacks.append((self.stage, plan.checkpoint))

    def advance(self) -> None:
        self.step += 1
        if self.step % EVERY == 0:
            self.checkpoint = f"{self.epoch}-{self.step}"

    @rule(count=st.integers(1, 20))
    def clean(self, count: int) -> None:
        for _ in range(count):
            self.advance()
            assert self.look().kind in ("", "healthy")

    @rule(name=st.sampled_from(SUSPECT), count=st.integers(1, 6))
    def suspicious(self, name: str, count: int) -> None:
        for _ in range(count):
            self.advance()
            assert not self.look(name).pause

    @rule(names=st.lists(st.sampled_from(FAILED), min_size=1, max_size=3, unique=True))
    def failing(self, names: list[str]) -> None:
        self.advance()
        self.look(*names)

    @rule()
    def exploding(self) -> None:
        """A hard limit: one look is enough, and there is always a pinned step 0 to go back to."""
        self.advance()
        active = self.memory.phase not in ("rolling", "paused")
        self.look("kl_explosion")
        if active:
            assert self.memory.phase in ("rolling", "paused")

    @rule(count=st.integers(1, 5))
    def taken_back(self, count: int) -> None:
        for _ in range(count):
            self.undone += 1
            self.look(rejected=True)

    @rule(stage=st.sampled_from(["a", "b"]))
    def shifts(self, stage: str) -> None:
        self.stage = stage

    # -- the protocol ----------------------------------------------------------------------------------------------

    @precondition(lambda self: self.memory.phase == "rolling")
    @rule()
    def learner_resumes(self) -> None:
        plan = self.memory.plan
        assert plan is not None
        self.epoch += 1
        self.step = step_of(plan.checkpoint)
        self.checkpoint = f"{self.epoch}-{self.step}"
        self.memory = controller.resumed(self.memory, self.epoch, self.step, CONFIG)
        assert self.memory.phase == "probation"
        assert self.memory.overrides != NEUTRAL, "something differs from a plain restore"

    @precondition(lambda self: self.memory.phase == "rolling")
    @rule()
    def learner_gives_up(self) -> None:
        self.memory, decision = controller.pause(self.memory, "the target cannot be read")
        assert decision.pause

    @rule()
    def old_news(self) -> None:
        """What an older epoch still says changes nothing."""
        before = self.memory
        seen = Look(self.epoch - 1, 10_000, 0, False, "0-10000", self.stage, [firing("kl_explosion")])
        self.memory, decision = controller.observe(before, seen, CONFIG)
        assert (self.memory, decision) == (before, Decision())

    @precondition(lambda self: self.memory.phase == "paused")
    @rule()
    def a_person_resumes(self) -> None:
        tried = self.memory.tried
        self.memory = controller.released(self.memory)
        assert (self.memory.phase, self.memory.tried) == ("healthy", tried)
        self.rollbacks.clear()

    # -- always ----------------------------------------------------------------------------------------------------

    @invariant()
    def no_remedy_twice_for_the_same_collapse(self) -> None:
        assert len(set(self.memory.tried)) == len(self.memory.tried)

    @invariant()
    def the_budget_is_kept(self) -> None:
        assert max(Counter(stage for stage, _ in self.rollbacks).values(), default=0) <= CONFIG.rollbacks_per_stage
        assert len(self.rollbacks) <= CONFIG.rollbacks

    @invariant()
    def step_0_stays_good_and_memory_stays_small(self) -> None:
        states = dict(self.memory.checkpoints)
        assert states["1-0"] == "pinned"
        assert len(states) < 60
        assert (self.memory.plan is not None) == (self.memory.phase == "rolling")


Machine.TestCase.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)
TestController = Machine.TestCase


def collapse(memory: Memory, step: int, signal: str = "kl_explosion") -> tuple[Memory, Decision]:
    newest = memory.checkpoints[-1][0] if memory.checkpoints else "1-0"
    return controller.observe(memory, Look(memory.epoch or 1, step, 0, False, newest, "a", [firing(signal)]), CONFIG)


def test_a_recurring_trap_climbs_the_ladder_and_ends_paused() -> None:
    """The same collapse, as long after every rollback: three remedies, each another one, then a person."""
    memory, _ = controller.observe(Memory(), Look(1, 0, 0, False, "1-0", "a"), CONFIG)
    remedies, epoch, start = [], 1, 0
    for _ in range(10):
        for step in range(start + 1, start + 50):
            newest = f"{epoch}-{step - step % EVERY}"
            memory, _ = controller.observe(memory, Look(epoch, step, 0, False, newest, "a"), CONFIG)
        memory, decision = collapse(memory, start + 50)
        if decision.pause:
            break
        assert memory.plan is not None
        remedies.append(memory.plan.remedy)
        epoch, start = epoch + 1, step_of(memory.plan.checkpoint)
        memory = controller.resumed(memory, epoch, start, CONFIG)
    assert remedies == ["restore", "older_reset", "bilateral"]
    assert memory.phase == "paused"
    assert "3 rollbacks in stage a are enough" in memory.reason


def lived(memory: Memory, until: int, *suspects: str) -> Memory:
    """Updates with nothing but suspicion, and a checkpoint every few."""
    for step in range(memory.step + 1, until + 1):
        look = Look(1, step, 0, False, f"1-{step - step % EVERY}", "a", [firing(name) for name in suspects])
        memory, _ = controller.observe(memory, look, CONFIG)
    return memory


def test_one_window_of_evidence_softens_once() -> None:
    memory, window, told = controller.Memory(), firing("kl_high").rule.window, []
    for step in range(1, 2 * window + 1):
        memory, decision = controller.observe(memory, Look(1, step, 0, False, "1-0", "a", [firing("kl_high")]), CONFIG)
        told += [step] if decision.kind == "softened" else []
    assert told == [1, 1 + window]


def test_suspicion_does_not_send_a_collapse_far_back() -> None:
    start, _ = controller.observe(Memory(), Look(1, 0, 0, False, "1-0", "a"), CONFIG)
    memory = lived(start, 60, "kl_high", "critic_blind")
    for names in (["critic_collapse", "gradient_explosion"], ["kl_explosion"]):
        look = Look(1, 61, 0, False, "1-60", "a", [firing(name) for name in names])
        gone, decision = controller.observe(memory, look, CONFIG)
        assert decision.kind == "rollback_planned"
        assert gone.plan is not None
        assert step_of(gone.plan.checkpoint) == 50, "the newest that has lived long enough before step 61"


def test_a_target_that_cannot_be_loaded_gives_way_to_the_next_until_there_is_none() -> None:
    memory, _ = controller.observe(Memory(), Look(1, 0, 0, False, "1-0", "a"), CONFIG)
    memory = lived(memory, 60)
    memory, _ = collapse(memory, 61)
    plans = []
    while memory.plan is not None:
        plans.append(memory.plan)
        memory, decision = controller.unloadable(memory, "gone", CONFIG)
        assert dict(memory.checkpoints)[plans[-1].checkpoint] == "quarantined"
    assert decision.pause
    assert memory.phase == "paused"
    steps = [step_of(plan.checkpoint) for plan in plans]
    assert steps == sorted(steps, reverse=True)
    assert steps[-1] == 0, "the pinned one comes last"
    assert len({plan.id for plan in plans}) == len(plans) >= 3, "each is an intent of its own"
    assert {plan.remedy for plan in plans} == {"restore"}
    assert len(memory.rolled) == 1


def test_a_shift_of_the_stage_does_not_begin_a_cool_down() -> None:
    memory, _ = controller.observe(Memory(), Look(1, 0, 0, False, "1-0", "a"), CONFIG)
    memory, _ = collapse(lived(memory, 60), 61)
    assert memory.plan is not None
    back = step_of(memory.plan.checkpoint)
    memory = controller.resumed(memory, 2, back, CONFIG)
    two = [firing("critic_collapse"), firing("gradient_explosion")]
    for step in range(back + 1, back + CONFIG.cool_down_updates):
        memory, decision = controller.observe(memory, Look(2, step, 0, False, "", "a", two), CONFIG)
        assert not decision.kind, "it has only just been rolled back"
    step = back + CONFIG.cool_down_updates
    memory, decision = controller.observe(memory, Look(2, step, 0, False, "", "b", two), CONFIG)
    assert decision.kind == "rollback_planned"


def test_memory_of_an_older_version_is_read() -> None:
    """What is no longer known is left out, what is new begins empty."""
    tree = json.loads(to_bytes(Memory(step=7)))
    del tree["breaches"]
    assert from_bytes(json.dumps(tree | {"onset": 3, "onset_signal": "kl"}).encode()) == Memory(step=7)
