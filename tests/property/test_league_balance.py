"""One role leaves the other behind: the weak one alone learns until it has caught up, and every run still ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ludus.api.v1 import match_pb2 as m
from ludus.api.v1 import run_pb2 as run
from ludus.kernel.config import load
from ludus.kernel.curriculum import Share
from ludus.kernel.players import agent_of, is_version, player_id
from ludus.kernel.remedies import HealthConfig
from ludus.league.balance import EVALUATIONS, State, step

from .test_league_director import FOLDER, World

CONFIG = HealthConfig(dominance=0.9)  # type: ignore[call-arg]
ALTERNATING, BOTH = FOLDER / "pursuit-alternating.toml", FOLDER / "pursuit.toml"


def measured(wins: int, n: int = 100) -> dict[str, Share]:
    return {"pursuer": Share(wins, n), "evader": Share(n - wins, n)}


def test_two_clear_evaluations_in_a_row_and_not_before() -> None:
    state = step(State(), 5, measured(99), CONFIG)
    assert not state.weak
    assert not step(state, 10, measured(60), CONFIG).streak, "an even match begins anew"
    other = step(state, 10, measured(1), CONFIG)
    assert (other.stronger, other.streak, other.weak) == ("evader", 1, ""), "the other one ahead is another streak"
    assert step(state, 10, measured(99), CONFIG).weak == "evader"
    assert not step(state, 10, measured(10, 10), CONFIG).weak, "ten of ten may be luck"


def test_it_ends_when_the_weak_one_has_caught_up_or_has_had_its_time() -> None:
    weak = State("evader", 10, "pursuer", 2, 10)
    assert step(weak, 15, measured(80), CONFIG).weak == "evader"
    assert step(weak, 15, measured(70), CONFIG) == State(looked=15)
    futile = step(weak, 10 + CONFIG.strengthen_updates, measured(100), CONFIG)
    assert futile == State(looked=60, futile=True)
    assert not step(step(futile, 65, measured(100), CONFIG), 70, measured(100), CONFIG).weak, "not a second time"


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(1, 60)), max_size=40))
def test_nobody_waits_longer_than_allowed(evaluations: list[tuple[int, int]]) -> None:
    state, at = State(), 0
    for wins, passed in evaluations:
        at += passed
        before, state = state, step(state, at, measured(wins), CONFIG)
        assert state.looked == at
        if state.weak:
            assert at - state.began < CONFIG.strengthen_updates
            assert state.weak != state.stronger
            assert before.weak or before.streak >= EVALUATIONS - 1
        assert not (before.weak and state.weak) or before.weak == state.weak


class Lopsided(World):
    """The pursuer, in the first seat, wins everything for a while."""

    lopsided = True

    def outcome(self, match: int) -> int:
        return int(m.OUTCOME_FIRST_WINS) if self.lopsided else super().outcome(match)


@pytest.mark.parametrize("path", [ALTERNATING, BOTH], ids=lambda path: path.stem)
def test_the_winner_stands_still_and_is_met_as_it_was(path: Path) -> None:
    short = [
        ("evaluator.final_matches_per_opponent", 4),
        ("evaluator.matches_per_opponent", 2),
        ("evaluator.matches_between_agents", 100),
    ]
    league = Lopsided(load(path, [("health.dominance", 0.9), ("decisions", 1_000_000), *short], {}))
    for _ in range(300):
        league.turn()
        if league.record.balance.weak:
            break
        league.play(60)
        league.learn(3)
    assert league.record.balance.weak == "evader"
    assert list(league.record.learning) == ["evader"]
    assert any(event.kind == "strengthening" for event in league.events)
    stronger = [member for member in league.record.pool if agent_of(member) == "pursuer"]
    assert len(stronger) > 1
    league.issued.clear()
    league.waiting.clear()
    league.turn()
    training = [ticket for ticket in league.issued if ticket.purpose == m.PURPOSE_TRAIN]
    assert training
    met = {player_id(player) for ticket in training for player in ticket.players if not player.live}
    assert all(agent_of(one) != "evader" for one in met if is_version(one))
    assert len({one for one in met if is_version(one)}) > 1, "at several times"
    live = {player.policy.agent for ticket in training for player in ticket.players if player.live}
    assert live == {"evader"}
    league.lopsided = False
    for _ in range(300):
        league.turn()
        if not league.record.balance.weak:
            break
        league.play(60)
        league.learn(3)
    assert not league.record.balance.weak
    league.run(updates=40)
    assert league.record.state == run.RUN_STATE_FINISHED
