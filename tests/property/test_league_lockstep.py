"""Lockstep: what is ordered for a window depends on the windows before it, and on nothing that has its own time."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ludus.api.v1 import match_pb2 as m
from ludus.api.v1 import run_pb2 as run
from ludus.api.v1.lockstep_pb2 import Orders
from ludus.api.v1.policy_pb2 import PolicyRef
from ludus.kernel.config import RunConfig, load
from ludus.kernel.players import version_id
from ludus.league.director import step
from ludus.league.ledger import OutOfOrder, State, fold
from ludus.league.plan import make_plan
from ludus.league.training import fold_training
from ludus.league.view import Keep, Publish, Seen, View

CONFIG = Path(__file__).parents[2] / "configs" / "dogfight-quick.toml"
WINDOWS = 30


def config(sampler: str) -> RunConfig:
    phases = [
        {"name": "transition", "share": 1.0, "scripted_share": {"start": 0.5, "end": 0.2},
         "bots": [{"bots": ["ace", "chaser"]}], "opponents": sampler},
    ]  # fmt: skip
    keys = {
        "run": "lock", "lockstep": True, "simulator.matches": 16, "simulator.steps": 16, "simulator.slabs": 2,
        "learner.batch_decisions": 256, "decisions": 256 * (WINDOWS + 5), "league.phases": phases,
        "league.pool_size": 5, "league.snapshot_updates": 2, "league.tickets_ahead": 2, "league.matches_per_ticket": 4,
        "evaluator.every_updates": 4, "evaluator.matches_per_opponent": 10,
        "evaluator.final_matches_per_opponent": 10,
    }  # fmt: skip
    return load(CONFIG, keys.items(), environment={})


class World:
    """The league around its pure director; `rng` decides what has its own time: evaluations, restarts, repetitions."""

    def __init__(self, sampler: str, seed: int) -> None:
        self.rng = random.Random(seed)
        self.plan = make_plan(config(sampler))
        self.record = run.RunRecord(state=run.RUN_STATE_STARTING, next_match=1, next_ticket=1)
        self.ledger, self.training = State(), State()
        self.genesis = self.head = PolicyRef(agent="main", epoch=1, step=0, sha256="0")
        self.kept = {version_id(self.genesis): self.genesis}
        self.epoch = 1
        self.evaluations: list[m.Ticket] = []
        self.queue: list[tuple[m.Ticket, int]] = []
        self.orders: dict[int, Orders] = {}

    def turn(self, window: int) -> None:
        self.head = PolicyRef(agent="main", epoch=self.epoch, step=window, sha256=f"{self.epoch}.{window}")
        view = View(
            agents={"main": Seen(self.head, self.genesis)}, standings=self.ledger, training=self.training,
            window=window, evaluation_waiting=len(self.evaluations), caught_up=True, catalog=self.kept,
        )  # fmt: skip
        self.record, effects = step(self.plan, self.record, view)
        for effect in effects:
            if isinstance(effect, Keep):
                self.kept[version_id(effect.policy)] = effect.policy
            elif isinstance(effect, Publish):
                assert effect.ticket.pool == "evaluate"
                self.evaluations.append(effect.ticket)
        if self.record.HasField("orders"):
            orders = self.record.orders
            assert self.orders.setdefault(orders.window, Orders.FromString(orders.SerializeToString())) == orders

    def book(self, ticket: m.Ticket, index: int) -> None:
        number = ticket.first_match + index
        # Evaluated versions always win: their ratings rise as far as may be.
        outcome = m.OUTCOME_FIRST_WINS if ticket.purpose == m.PURPOSE_EVALUATE else 1 + number * 7 % 3
        data = m.MatchResult(
            match=number, ticket_id=ticket.ticket_id, purpose=ticket.purpose, players=ticket.players,
            first_seat=index % 2, outcome=outcome, scores=[0.0, 0.0], seed=ticket.seeds[index // 2],
            policies_at_end=[player.policy for player in ticket.players],
        ).SerializeToString()  # fmt: skip
        sequence = self.ledger.position + 1
        self.ledger = fold(self.ledger, sequence, m.MatchResult.FromString(data), k=100)
        self.training = fold_training(self.training, sequence, data, k=100)

    def evaluate_some(self) -> None:
        for ticket in [self.evaluations.pop() for _ in range(self.rng.randrange(len(self.evaluations) + 1))]:
            for index in range(ticket.matches):
                self.book(ticket, index)

    def play(self, window: int) -> None:
        """Ten matches end in every window, in the order of their tickets."""
        self.queue += [(t, index) for t in self.orders[window].tickets for index in range(t.matches)]
        for _ in range(min(10, len(self.queue))):
            self.book(*self.queue.pop(0))

    def run(self) -> World:
        for window in range(WINDOWS):
            for _ in range(self.rng.randint(1, 3)):
                self.turn(window)
                self.evaluate_some()
            if self.rng.random() < 0.2:  # the learner starts again further back; those windows have their orders
                self.epoch += 1
                for earlier in range(max(0, window - 3), window + 1):
                    self.turn(earlier)
            assert max(self.orders) == window
            self.play(window)
        return self


def told(world: World) -> list[list[tuple[object, ...]]]:
    """Every order, versions by their step alone."""
    return [
        [(t.ticket_id, t.first_match, t.matches, *t.seeds, t.players[1].bot, t.players[1].policy.step, t.phase)
         for t in world.orders[window].tickets]
        for window in range(WINDOWS)
    ]  # fmt: skip


@pytest.mark.parametrize("sampler", ["mixed", "peers"])
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(1, 10**6))
def test_orders_do_not_depend_on_anything_with_a_time_of_its_own(sampler: str, seed: int) -> None:
    one, other = World(sampler, 0).run(), World(sampler, seed).run()
    assert told(one) == told(other)
    steps = [[int(member.rpartition(".")[2]) for member in world.record.pool] for world in (one, other)]
    assert steps[0] == steps[1]
    assert len(steps[0]) == len(set(steps[0])) == 5
    assert one.training.results == other.training.results > 200
    assert {t.players[1].policy.step for orders in one.orders.values() for t in orders.tickets} != {0}


def test_training_and_evaluation_have_numbers_of_their_own() -> None:
    world = World("mixed", 3).run()
    matches = [t.first_match + i for orders in world.orders.values() for t in orders.tickets for i in range(t.matches)]
    assert matches == list(range(1, len(matches) + 1))
    assert world.record.next_match > 2**40
    assert world.ledger.refused == {}


def test_there_is_always_enough_to_play() -> None:
    """The matches in play and half as many again, before every window."""
    world = World("mixed", 4)
    for window in range(WINDOWS):
        world.turn(window)
        ordered = world.orders[window].next_match - 1
        assert ordered - world.training.results >= 16 + 8
        assert ordered - world.training.results < 16 + 8 + 4
        world.play(window)


def test_after_the_last_update_nothing_is_ordered() -> None:
    world = World("mixed", 5)
    world.turn(0)
    world.turn(world.plan.config.total_updates)
    assert set(world.orders) == {0}


def test_the_fold_of_training_results_refuses_gaps() -> None:
    with pytest.raises(OutOfOrder):
        fold_training(State(position=3), 5, m.MatchResult(purpose=m.PURPOSE_EVALUATE).SerializeToString(), k=100)
