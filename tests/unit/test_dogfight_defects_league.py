"""Defects of the original dogfight's trainers, pool and ratings: for each, a test that fails when it is put back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ludus.api.v1 import match_pb2 as m
from ludus.api.v1 import run_pb2 as run
from ludus.api.v1.policy_pb2 import PolicyRef
from ludus.games import make, spec
from ludus.kernel.config import NetworkConfig, load
from ludus.kernel.players import version_id
from ludus.league.director import step
from ludus.league.evaluation import Order
from ludus.league.ledger import State, fold
from ludus.league.phases import randomisation_at, stage_at
from ludus.league.plan import make_plan
from ludus.league.standings import from_bytes, to_bytes
from ludus.league.tickets import Printer, player_of
from ludus.league.view import Publish, Seen, View
from ludus.play.architecture import Architecture, ArchitectureMismatch
from ludus.play.arena import Arena
from ludus.play.bank import PolicyBank
from ludus.play.matches import outcome_for_players
from ludus.play.network import Actor
from ludus.play.weights import Manifest
from ludus.play.weights import from_bytes as weights_from_bytes
from ludus.play.weights import to_bytes as weights_to_bytes

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
FULL = load(CONFIGS / "dogfight-full.toml", (), {})
PLAN = make_plan(FULL)
LIVE = m.Player(policy=PolicyRef(agent="main", epoch=1, step=9, sha256="a"), live=True)


def architecture(observation: str = "original") -> Architecture:
    return Architecture.of(spec("dogfight"), "training", observation, NetworkConfig(hidden=16))


def booked(state: State, match: int, opponent: m.Player, outcome: int, sequence: int = 0) -> State:
    ends = [LIVE.policy, opponent.policy if opponent.HasField("policy") else PolicyRef()]
    result = m.MatchResult(
        match=match, purpose=m.PURPOSE_TRAIN, players=[LIVE, opponent], outcome=outcome, seed=1, scores=[0, 0],
        policies_at_end=ends,
    )  # fmt: skip
    return fold(state, sequence or state.position + 1, result, k=32)


# --- domain randomisation by update -------------------------------------------------------------------


def ordered(update: int, before: run.RunRecord | None = None) -> tuple[run.RunRecord, list[m.Ticket]]:
    """What the director writes down and orders for training with the learner at an update, in a run in that stage."""
    genesis = PolicyRef(agent="main", epoch=1, step=0, sha256="0")
    head = PolicyRef(agent="main", epoch=1, step=update, sha256="h")
    record = run.RunRecord(state=run.RUN_STATE_TRAINING, next_match=1, next_ticket=1, pool=["main@1.0"])
    if before is not None:
        record.stage_step = before.stage_step
        record.stages.CopyFrom(before.stages)
    view = View(agents={"main": Seen(head, genesis)}, catalog={"main@1.0": genesis})
    after, effects = step(PLAN, record, view)
    found = [effect.ticket for effect in effects if isinstance(effect, Publish)]
    return after, [ticket for ticket in found if ticket.pool == "train"]


@pytest.mark.parametrize(
    ("progress", "phase", "level"),
    [
        (0.0, "curriculum", "none"), (0.34, "curriculum", "none"), (0.36, "transition", "narrow"),
        (0.46, "self-play", "full"), (0.99, "self-play", "full"),
    ],
)  # fmt: skip
def test_randomisation_is_updated_in_every_phase_and_stands_in_every_ticket(
    progress: float, phase: str, level: str
) -> None:
    """It was looked at in the first two phases only: where 'full' was due in the third, it never came."""
    update = round(progress * FULL.total_updates)
    record, tried = ordered(update)
    assert {(phase, level)} <= {(ticket.phase, ticket.randomisation) for ticket in tried}, (
        "from a record of long before"
    )
    _, tickets = ordered(update + FULL.league.canary.updates, record)
    assert {(ticket.phase, ticket.randomisation) for ticket in tickets} == {(phase, level)}
    assert {f'"randomisation": "{level}"' in ticket.parameters_json for ticket in tickets} == {True}


def test_no_stage_is_skipped_and_none_depends_on_when_the_run_was_resumed() -> None:
    """A resumed phase began to count at 0 again; here everything is a function of the update alone."""
    total = FULL.total_updates
    levels = [randomisation_at(FULL.league.randomisation, update, total) for update in range(total + 1)]
    assert list(dict.fromkeys(levels)) == ["none", "narrow", "full"]
    assert levels[-1] == "full"
    stages = [stage_at(FULL.league.phases, update, total) for update in range(total + 1)]
    assert [stage.name for stage in stages] == sorted(
        (stage.name for stage in stages), key=["curriculum", "transition", "self-play"].index
    )


def test_an_evaluation_is_not_randomised_by_the_stage_of_the_training() -> None:
    printer = Printer(FULL, 1, 1)
    catalog = {"main@1.5": PolicyRef(agent="main", epoch=1, step=5, sha256="5")}
    (plain,) = printer.evaluation(Order("main@1.5", "bot:ace", 0, 4), catalog)
    (knife,) = printer.evaluation(Order("main@1.5", "bot:ace", 0, 4, "knife_fight"), catalog)
    assert "randomisation" not in plain.parameters_json
    assert (plain.regime, knife.regime) == ("", "knife_fight")
    assert '"max_turn_rate": 5.5' in knife.parameters_json
    assert list(plain.seeds) == list(knife.seeds), "regimes are compared on the same starts"


# --- opponents ----------------------------------------------------------------------------------------


def test_a_neural_opponent_acts_and_is_not_replaced_by_zeros() -> None:
    """Its actions failed a type check and became zeros: self-play against an aircraft that does nothing."""
    game = make("dogfight", batch=2, seed=3, autoreset="disabled")
    bank = PolicyBank(architecture(), 2, 2, device="cpu", seed=5)
    opponent = PolicyRef(agent="main", epoch=1, step=3, sha256="3")
    networks = [Actor(architecture(), generator=torch.Generator().manual_seed(k)) for k in range(2)]
    sticks = ([-0.6, 0.3], [0.7, 0.4])
    with torch.no_grad():
        for network, stick in zip(networks, sticks, strict=True):
            network.head.weight.zero_()
            network.head.bias[:2] = torch.tensor(stick)
    bank.set_live(LIVE.policy, networks[0])
    bank.add(opponent, networks[1])
    arena = Arena(game, bank, worker="test", never_idle=False, seed=1)
    players = [LIVE, m.Player(policy=opponent)]
    arena.offer(m.Ticket(ticket_id="t", players=players, matches=2, seeds=[4], deterministic=True))
    arena.fill()
    with torch.inference_mode():
        arena.step()
    state = game.snapshot()
    taken = np.stack([state["action_yaw"], state["action_throttle"]], axis=-1)
    np.testing.assert_allclose(taken[0], sticks, atol=1e-6, err_msg="learner in seat 0, opponent in seat 1")
    np.testing.assert_allclose(taken[1], sticks[::-1], atol=1e-6, err_msg="and the other way round")


def test_a_scripted_seat_is_flagged_as_it_was_when_the_match_began() -> None:
    """The flags were one array that the next episode had changed already."""
    game = make("dogfight", batch=1, seed=3, autoreset="disabled")
    bank = PolicyBank(architecture(), 1, 2, device="cpu", seed=5)
    bank.set_live(LIVE.policy, Actor(architecture(), generator=torch.Generator().manual_seed(1)))
    bank.add(LIVE.policy, Actor(architecture(), generator=torch.Generator().manual_seed(1)))
    arena = Arena(game, bank, worker="test", never_idle=True, seed=1)
    bot, version = m.Player(bot="brawler"), m.Player(policy=LIVE.policy)
    for k, opponent in enumerate((bot, version, bot)):
        arena.offer(m.Ticket(ticket_id=f"t{k}", first_match=2 * k, players=[LIVE, opponent], matches=2, seeds=[k]))
    results = []
    arena.fill()
    game.restore({"tick": np.array([10_700])})
    with torch.inference_mode():
        while len(results) < 6:
            found = arena.step()
            results += found
            if found:
                game.restore({"tick": np.array([10_700])})
    assert [result.players[1].bot for result in results] == ["brawler"] * 2 + [""] * 2 + ["brawler"] * 2


@pytest.mark.parametrize("first_seat", [0, 1])
def test_losses_are_losses_and_draws_are_draws_from_either_seat(first_seat: int) -> None:
    """Everything that was no win was booked as a draw, so losses scored one half and there were none."""
    winner_0, draw, winner_1 = (outcome_for_players(outcome, first_seat) for outcome in (1, 2, 3))
    wins, losses = (winner_0, winner_1) if first_seat == 0 else (winner_1, winner_0)
    state, ace = State(), m.Player(bot="ace")
    for number, outcome in enumerate([wins] * 2 + [draw] * 3 + [losses] * 4, 1):
        state = booked(state, number, ace, outcome)
    pair = state.pair("train", "main", "bot:ace")
    assert (pair.wins, pair.draws, pair.losses) == (2, 3, 4)
    assert pair.recent_score == pytest.approx((2 + 1.5) / 9)
    assert (state.players["bot:ace"].wins, state.players["bot:ace"].losses) == (4, 2)


def test_a_result_counts_once_and_for_the_opponent_that_played() -> None:
    """A list of episodes was replayed for five updates and booked to whoever was the opponent then."""
    old, new = (m.Player(policy=PolicyRef(agent="main", epoch=1, step=k, sha256=str(k))) for k in (1, 2))
    state = booked(State(), 7, old, m.OUTCOME_FIRST_WINS)
    again = booked(state, 7, old, m.OUTCOME_FIRST_WINS)
    other = booked(again, 7, new, m.OUTCOME_FIRST_WINS)
    assert other.pair("train", "main", "main@1.1").matches == 1
    assert other.pair("train", "main", "main@1.2").matches == 0
    assert (other.players, other.refused) == (state.players, {"duplicate": 2})


# --- ratings and the pool -----------------------------------------------------------------------------


def test_both_ratings_move_by_the_same_amount() -> None:
    """The opponent's never moved; later it moved by the learner's already changed rating, so points were made."""
    state = State()
    for number, outcome in enumerate([m.OUTCOME_FIRST_WINS] * 30 + [m.OUTCOME_SECOND_WINS] * 5, 1):
        before = state
        state = booked(state, number, m.Player(bot="ace"), outcome)
        moved = {name: row.milli_elo - before.rating(name) for name, row in state.players.items()}
        assert moved["main"] == -moved["bot:ace"] != 0
    assert state.rating("main") + state.rating("bot:ace") == 2 * State().rating("main")


def test_the_learners_rating_survives_a_restart() -> None:
    state = State()
    for number in range(1, 20):
        state = booked(state, number, m.Player(bot="ace"), m.OUTCOME_FIRST_WINS)
    assert from_bytes(to_bytes(state)).players == state.players
    assert state.players["main"].milli_elo > 1_100_000


def test_snapshots_follow_updates_and_not_the_rating() -> None:
    """'+50 points' came with almost every update."""
    genesis = PolicyRef(agent="main", epoch=1, step=0, sha256="0")
    record = run.RunRecord(state=run.RUN_STATE_TRAINING, next_match=1, next_ticket=1, pool=["main@1.0"])
    state, every = State(), FULL.league.snapshot_updates
    for update in range(5, 2 * every + 1, 5):
        for number in range(4 * update, 4 * update + 20):
            state = booked(state, number, m.Player(bot="ace"), m.OUTCOME_FIRST_WINS)
        head = PolicyRef(agent="main", epoch=1, step=update, sha256=str(update))
        agents, kept = {"main": Seen(head, genesis)}, {"main@1.0": genesis}
        view = View(agents, standings=state, catalog=kept, training_waiting=10**6)
        record, _ = step(PLAN, record, view)
    assert list(record.pool) == ["main@1.0", f"main@1.{every}", f"main@1.{2 * every}"]


def test_an_opponent_knows_its_own_observation_size() -> None:
    """The pool did not keep it, and a version of another size failed in the middle of the transition, or worse."""
    small = Actor(architecture("original"), generator=torch.Generator().manual_seed(1))
    manifest = Manifest(
        architecture(), agent="main", epoch=1, step=3, game="dogfight", rules="training", observation="original"
    )
    data = weights_to_bytes(small, manifest)
    assert weights_from_bytes(data)[0].architecture.obs_size == 46
    with pytest.raises(ArchitectureMismatch, match="obs_size: expected 59, found 46"):
        weights_from_bytes(data, architecture("original+config"))


def test_a_ticket_holds_the_weights_of_its_opponent_and_not_of_the_moment() -> None:
    """One opponent per update was shared by all environments, in the middle of their matches too."""
    versions = {f"main@1.{k}": PolicyRef(agent="main", epoch=1, step=k, sha256=str(k)) for k in (1, 2)}
    for name, reference in versions.items():
        player = player_of(name, versions)
        assert (player.policy, player.live, version_id(player.policy)) == (reference, False, name)
