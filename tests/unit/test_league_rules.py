"""Phases, pool, commands, refusals: the small rules the league is made of."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ludus.api.v1 import match_pb2 as m
from ludus.api.v1 import run_pb2 as run
from ludus.api.v1.health_pb2 import LearnerHealth
from ludus.api.v1.policy_pb2 import PolicyRef
from ludus.api.v1.standings_pb2 import Standings
from ludus.kernel.config import ConfigError, load
from ludus.league.commands import REMEMBERED, NotPossible, carry_out, revived
from ludus.league.evaluation import PATIENCE, Order, missing, remaining
from ludus.league.judge import Refused, judge
from ludus.league.ledger import Pair, PairKey, State
from ludus.league.phases import stage_at
from ludus.league.plan import make_plan
from ludus.league.pool import Rule, admit
from ludus.league.seeds import derive, evaluation_seed, training_seed, unit
from ludus.league.status import build_status
from ludus.league.tickets import training_shortage

CONFIGS = Path(__file__).parents[2] / "configs"
ORIGINAL = load(CONFIGS / "dogfight-original.toml", environment={})
#: The sizes are fixed here, so that tuning the shipped preset does not move these tests.
SIZES = {"decisions": 9_000_000, "simulator.matches": 256, "learner.batch_decisions": 32_768}
DEFAULT = load(CONFIGS / "dogfight.toml", SIZES.items(), environment={})


@pytest.mark.parametrize(
    ("step", "phase", "share", "bots"),
    [(0, "curriculum", 1.0, ("do_nothing",)), (22, "curriculum", 1.0, ("do_nothing",)),
     (23, "curriculum", 1.0, ("do_nothing", "dogfighter")), (173, "curriculum", 1.0, ("ace", "brawler")),
     (210, "transition", 1.0, ("ace", "brawler")), (240, "transition", 0.6, ("ace", "brawler")),
     (270, "self-play", 0.2, ("ace", "brawler")), (600, "self-play", 0.2, ("ace", "brawler")),
     (9999, "self-play", 0.2, ("ace", "brawler"))],
)  # fmt: skip
def test_stages_of_the_original_recipe(step: int, phase: str, share: float, bots: tuple[str, ...]) -> None:
    stage = stage_at(ORIGINAL.league.phases, step, ORIGINAL.total_updates)
    assert (stage.name, stage.bots) == (phase, bots)
    assert stage.scripted_share == pytest.approx(share)


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=60, unique=True).map(sorted), st.integers(1, 12))
def test_the_pool_keeps_its_size_genesis_and_the_newest(steps: list[int], size: int) -> None:
    pool = ["main@1.0"]
    for step in steps:
        pool = admit(pool, f"main@1.{step}", Rule(size))
        assert len(pool) <= size
        assert pool[0] == "main@1.0"
        assert size == 1 or pool[-1] == f"main@1.{step}"
    assert admit(pool, pool[-1], Rule(size)) == pool


def test_eviction_thins_out_where_versions_are_close() -> None:
    pool = [f"main@1.{step}" for step in (0, 100, 200, 210, 220, 300)]
    assert admit(pool, "main@1.400", Rule(6)) == [f"main@1.{step}" for step in (0, 100, 200, 220, 300, 400)]


@pytest.mark.parametrize(
    ("state", "command", "after"),
    [("TRAINING", "pause", "PAUSED"), ("PAUSED", "pause", "PAUSED"), ("PAUSED", "resume", "TRAINING"),
     ("TRAINING", "resume", "TRAINING"), ("EVALUATING", "resume", "EVALUATING"), ("STARTING", "stop", "STOPPED"),
     ("PAUSED", "stop", "STOPPED"), ("EVALUATING", "stop", "STOPPED")],
)  # fmt: skip
def test_commands(state: str, command: str, after: str) -> None:
    record = run.RunRecord(state=f"RUN_STATE_{state}")
    changed = carry_out(record, command, "id", "because")  # type: ignore[arg-type]
    assert run.RunState.Name(changed.state) == f"RUN_STATE_{after}"
    assert list(changed.commands_done) == ["id"]
    assert changed.reason == ("because" if command == "stop" else "")
    assert carry_out(changed, "stop", "id") == changed


@pytest.mark.parametrize(
    ("state", "command"),
    [("FINISHED", "pause"), ("STOPPED", "resume"), ("FAILED", "stop"), ("STARTING", "pause"), ("EVALUATING", "pause")],
)
def test_impossible_commands_say_why(state: str, command: str) -> None:
    with pytest.raises(NotPossible, match=f"cannot {command} a run that is {state}"):
        carry_out(run.RunRecord(state=f"RUN_STATE_{state}"), command, "id")  # type: ignore[arg-type]


def test_remembered_commands_are_bounded() -> None:
    record = run.RunRecord(state=run.RUN_STATE_TRAINING)
    for number in range(REMEMBERED + 10):
        record = carry_out(record, "resume", str(number))
    assert list(record.commands_done) == [str(number) for number in range(10, REMEMBERED + 10)]


@pytest.mark.parametrize(
    ("state", "pool", "after"),
    [("STOPPED", ["main@1.0"], "TRAINING"), ("STOPPED", [], "STARTING"), ("FAILED", ["main@1.0"], "TRAINING"),
     ("FINISHED", ["main@1.0"], "FINISHED"), ("PAUSED", ["main@1.0"], "PAUSED")],
)  # fmt: skip
def test_resuming_a_run(state: str, pool: list[str], after: str) -> None:
    record = revived(run.RunRecord(state=f"RUN_STATE_{state}", pool=pool, next_match=7))
    assert run.RunState.Name(record.state) == f"RUN_STATE_{after}"
    assert record.next_match == 7


def test_orders_complete_what_was_ordered_before() -> None:
    assert remaining("c", ["bot:ace"], ordered=0, target=200) == [Order("c", "bot:ace", 0, 200)]
    assert remaining("c", ["bot:ace"], ordered=40, target=200) == [Order("c", "bot:ace", 40, 160)]
    assert remaining("c", ["bot:ace"], ordered=200, target=40) == []


def test_missing_matches_are_ordered_again_on_fresh_seeds_until_patience_ends() -> None:
    pairs = {PairKey("evaluate", "c", "bot:ace"): Pair(wins=37)}
    state = State(pairs=pairs)
    assert missing(state, "c", ["bot:ace"], ordered=40, target=40) == [Order("c", "bot:ace", 40, 4)]
    assert missing(state, "c", ["bot:ace"], ordered=40 * PATIENCE, target=40) == []
    assert missing(State(pairs={next(iter(pairs)): Pair(wins=40)}), "c", ["bot:ace"], ordered=40, target=40) == []


def test_seeds_are_reproducible_and_keep_apart() -> None:
    assert derive(1, "train", 5) == derive(1, "train", 5) != derive(2, "train", 5)
    assert all(0 <= training_seed(3, match) < 2**63 <= evaluation_seed(3, match) < 2**64 for match in range(500))
    assert all(0 <= unit(3, "x", index) < 1 for index in range(500))
    assert len({training_seed(3, match) for match in range(5000)}) == 5000


def test_refusals_say_what_is_wrong() -> None:
    players = [m.Player(bot="ace"), m.Player(bot="chaser")]
    good = m.MatchResult(
        match=1, purpose=m.PURPOSE_TRAIN, players=players, outcome=m.OUTCOME_DRAW, scores=[0, 0],
        policies_at_end=[PolicyRef(), PolicyRef()],
    )  # fmt: skip
    assert judge(good).halves == 1
    for field, value, text in [("match", 0, "no match number"), ("first_seat", 3, "seat 3 of 2"),
                               ("void_reason", "x", "not void"), ("purpose", 7, "unknown purpose 7")]:  # fmt: skip
        bad = m.MatchResult()
        bad.CopyFrom(good)
        setattr(bad, field, value)
        with pytest.raises(Refused, match=text):
            judge(bad)
    void = m.MatchResult(outcome=m.OUTCOME_VOID, void_reason="physics broke")
    with pytest.raises(Refused, match="void: physics broke"):
        judge(void)


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [("game", "dogfite", r"unknown game 'dogfite'.*Did you mean 'dogfight'"), ("rules", "x", "unknown rule set"),
     ("league.phases", None, r"league\.phases\.0\.bots \(curriculum\): unknown bot of dogfight 'acee'.*'ace'")],
)  # fmt: skip
def test_names_that_do_not_exist_are_refused_before_anything_starts(key: str, value: str, text: str) -> None:
    always = {"start": 1, "end": 1}
    phases = [{"name": "curriculum", "share": 1.0, "scripted_share": always, "bots": [{"bots": ["acee"]}]}]
    config = load(CONFIGS / "dogfight.toml", [(key, phases if value is None else value)], environment={})
    with pytest.raises(ConfigError, match=text):
        make_plan(config)


def test_the_league_imports_neither_torch_nor_warp() -> None:
    code = "import sys, ludus.league.service, ludus.league.replay; print({'torch', 'warp'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"


def test_training_tickets_fill_the_slots_first_and_then_keep_few_waiting() -> None:
    # 256 slots and 8 matches per ticket: 32 tickets fill the slots.
    assert training_shortage(DEFAULT, unfinished=0, undelivered=0) == 64
    assert training_shortage(DEFAULT, unfinished=100, undelivered=0) == 16
    assert training_shortage(DEFAULT, unfinished=100, undelivered=10) == 6
    assert training_shortage(DEFAULT, unfinished=100, undelivered=40) == 0


def test_status_tells_progress_time_left_and_trouble() -> None:
    health = LearnerHealth(policy=PolicyRef(step=137), decisions_per_second=40_000, warning="clipping a lot")
    standings = Standings(refused={"invalid": 3, "duplicate": 9})
    record = run.RunRecord(state=run.RUN_STATE_TRAINING)
    status = build_status(DEFAULT, record, [health], standings, tickets_waiting=5, elapsed_seconds=9.0)
    assert status.progress == pytest.approx(0.5)
    assert status.eta_seconds == pytest.approx(137 * 32_768 / 40_000)
    assert list(status.warnings) == ["learner: clipping a lot", "results refused: 3 invalid"]
    record.state = run.RUN_STATE_PAUSED
    assert build_status(DEFAULT, record, [health], standings, tickets_waiting=5, elapsed_seconds=9.0).eta_seconds == 0
