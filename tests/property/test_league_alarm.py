"""The regression alert goes off as the original trainer's did, and once for every version."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ludus.api.v1.run_pb2 import RUN_STATE_TRAINING, RunRecord
from ludus.kernel.config import load
from ludus.league.alarm import Overall, is_regression, look, measured
from ludus.league.ledger import Pair, PairKey, State
from ludus.league.plan import make_plan
from ludus.league.turn import Turn
from ludus.league.view import Announce, View

QUICK = Path(__file__).parents[2] / "configs" / "dogfight-quick.toml"
PLAN = make_plan(load(QUICK, (), {}))
N = 100


def series(*wins: int) -> list[Overall]:
    return [Overall(f"main@1.{step}", won, N) for step, won in enumerate(wins)]


@pytest.mark.parametrize(
    ("wins", "expected"),
    [
        ((10,), False),
        ((79, 10), False),  # never was good
        ((10, 80), False),
        ((80, 80), False),
        ((80, 79), True),
        ((80, 40, 79), True),  # better than before, and still below
        ((100, 81), False),
        ((100, 80), True),  # 20 points
        ((100, 81, 80), False),
    ],
)
def test_the_rule(wins: tuple[int, ...], expected: bool) -> None:
    assert is_regression(series(*wins)) is expected


@given(st.lists(st.integers(0, N), min_size=2, max_size=12))
def test_silent_before_mastery_and_loud_below_it(wins: list[int]) -> None:
    if max(wins) < 80:
        assert not is_regression(series(*wins))
    elif wins[-1] < 80:
        assert is_regression(series(*wins))


def standings(**wins: int) -> State:
    """Every version, `s0`, `s40`, … has won so many of 20 matches against each bot."""
    pairs = {
        PairKey("evaluate", f"main@1.{step[1:]}", f"bot:{bot}"): Pair(won, 0, 20 - won)
        for step, won in wins.items()
        for bot in PLAN.bots
    }
    return State(pairs=pairs)


def told(state: State, record: RunRecord) -> tuple[RunRecord, list[Announce]]:
    turn = Turn(PLAN, record, View(standings=state))
    look(turn)
    after, effects = turn.close()
    return after, [effect for effect in effects if isinstance(effect, Announce)]


def test_every_regression_is_told_once() -> None:
    record, events = told(standings(s0=0, s40=20, s80=5), RunRecord(state=RUN_STATE_TRAINING))
    assert [event.kind for event in events] == ["regression"]
    assert "main@1.80 wins 25%" in events[0].message
    assert f"n = {20 * len(PLAN.bots)}" in events[0].message
    assert (events[0].detail["version"], events[0].detail["best"]) == ("main@1.80", "main@1.40")
    record, events = told(standings(s0=0, s40=20, s80=5), record)
    assert not events
    record, events = told(standings(s0=0, s40=20, s80=5, s120=20), record)
    assert not events
    _, events = told(standings(s0=0, s40=20, s80=5, s120=20, s160=15), record)
    assert events[0].detail["version"] == "main@1.160"


def test_half_a_panel_is_no_measurement() -> None:
    state = standings(s40=20, s80=5)
    kept = dict(state.pairs)
    del kept[PairKey("evaluate", "main@1.80", f"bot:{PLAN.bots[0]}")]
    assert [one.version for one in measured(State(pairs=kept), "main", PLAN.bots, 20)] == ["main@1.40"]
    assert measured(State(), "main", (), 20) == []
