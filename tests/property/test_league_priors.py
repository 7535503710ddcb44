"""Players that enter with a rating of their own: resumed and imported policies."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ludus.api.v1 import match_pb2 as m
from ludus.api.v1.policy_pb2 import PolicyRef
from ludus.league.ledger import State, fold, fresh_state
from ludus.league.standings import from_bytes, to_bytes

PRIORS = {"main": 1200.5, "bot:ace": 900.0, "starter": 1100.0}


def draw(match: int, *players: m.Player) -> m.MatchResult:
    return m.MatchResult(
        match=match, purpose=m.PURPOSE_TRAIN, players=players, outcome=m.OUTCOME_DRAW, seed=1, scores=[0, 0],
        policies_at_end=[player.policy for player in players],
    )  # fmt: skip


def version(agent: str, epoch: int, step: int, live: bool = False) -> m.Player:
    return m.Player(policy=PolicyRef(agent=agent, epoch=epoch, step=step, sha256="aa"), live=live)


def test_agents_bots_and_guests_enter_with_their_priors_and_others_as_usual() -> None:
    state = fresh_state(PRIORS)
    assert state.rating("main") == state.rating("main@1.5") == 1_200_500
    assert (state.rating("bot:ace"), state.rating("starter@0.0"), state.rating("bot:chaser")) == (
        900_000, 1_100_000, 1_000_000)  # fmt: skip
    state = fold(state, 1, draw(1, version("main", 1, 0, live=True), m.Player(bot="ace")), k=16)
    assert state.players["main"].initial_milli_elo == 1_200_500
    assert state.players["bot:ace"].initial_milli_elo == 900_000
    assert state.players["main"].milli_elo < 1_200_500, "a draw against a weaker one costs"


def test_a_version_enters_where_its_agent_stands_by_now_not_at_the_prior() -> None:
    state = fold(fresh_state(PRIORS), 1, draw(1, version("main", 1, 0, live=True), m.Player(bot="ace")), k=16)
    assert state.rating("main@1.5") == state.players["main"].milli_elo != 1_200_500


@given(prior=st.floats(-500, 4000), opponents=st.lists(st.sampled_from(["ace", "chaser"]), max_size=20))
def test_priors_are_stored_with_the_standings_and_points_are_conserved(prior: float, opponents: list[str]) -> None:
    state: State = fresh_state({"main": prior})
    for number, bot in enumerate(opponents, 1):
        state = fold(state, number, draw(number, version("main", 1, 0, live=True), m.Player(bot=bot)), k=16)
        state = from_bytes(to_bytes(state))
    assert state.priors == {"main": round(prior * 1000)}
    assert sum(row.milli_elo - row.initial_milli_elo for row in state.players.values()) == 0
