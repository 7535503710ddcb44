"""The arena plays what tickets order: every match once, right seats, right seeds, right weights."""

from collections import Counter

import numpy as np
import pytest
import torch

from ludus.api.v1.match_pb2 import PURPOSE_EVALUATE, PURPOSE_TRAIN, Player, Ticket
from ludus.api.v1.policy_pb2 import PolicyRef
from ludus.games import make, spec
from ludus.kernel.config import NetworkConfig
from ludus.play.architecture import Architecture
from ludus.play.arena import Arena
from ludus.play.bank import PolicyBank, live_key
from ludus.play.network import Actor

SLOTS = 8


def architecture() -> Architecture:
    return Architecture.of(spec("dogfight"), "training", "original", NetworkConfig(hidden=16))


def actor(seed: int) -> Actor:
    return Actor(architecture(), generator=torch.Generator().manual_seed(seed))


def ref(step: int) -> PolicyRef:
    return PolicyRef(agent="main", epoch=1, step=step, sha256=f"{step:064x}")


def arena(never_idle: bool) -> Arena:
    game = make("dogfight", batch=SLOTS, seed=3, autoreset="disabled")
    bank = PolicyBank(architecture(), SLOTS, 2, device="cpu", seed=5)
    bank.set_live(ref(0), actor(0))
    return Arena(game, bank, worker="test", never_idle=never_idle, seed=1)


def order(first: int, opponent: Player, matches: int = 4, *, live: bool = True, deterministic: bool = False) -> Ticket:
    me = Player(policy=ref(0), live=True) if live else Player(policy=ref(0))
    return Ticket(
        ticket_id=f"t{first}", run="r", purpose=PURPOSE_TRAIN if live else PURPOSE_EVALUATE, players=[me, opponent],
        first_match=first, matches=matches, seeds=[first + k for k in range(matches // 2)], deterministic=deterministic,
    )  # fmt: skip


def play(table: Arena, most_steps: int = 3000) -> list[object]:
    results = []
    table.fill()
    with torch.inference_mode():
        for _ in range(most_steps):
            if not table.playing:
                return results
            results += table.step()
            table.fill()
    raise AssertionError("the matches did not end")


def test_every_match_is_played_exactly_once_and_stamped() -> None:
    table = arena(never_idle=False)
    table.bank.add(ref(7), actor(7))
    table.offer(order(0, Player(bot="brawler"), 12))
    table.offer(order(12, Player(policy=ref(7)), 4))
    results = play(table)
    assert sorted(result.match for result in results) == list(range(16))
    assert Counter(result.first_seat for result in results) == {0: 8, 1: 8}
    frozen = [result for result in results if result.ticket_id == "t12"]
    assert {result.players[1].policy.sha256 for result in frozen} == {ref(7).sha256}
    assert {result.policies_at_end[1].sha256 for result in frozen} == {ref(7).sha256}
    assert all(result.seed in (result.match // 2 + np.array([0, 6])) or result.match >= 12 for result in results)


def test_deterministic_matches_repeat_whatever_the_slot() -> None:
    outcomes = []
    for filler in (0, 3):
        table = arena(never_idle=False)
        table.bank.add(ref(0), actor(0))
        if filler:
            table.offer(order(1000, Player(bot="chaser"), 2 * filler))
        table.offer(order(0, Player(bot="ace"), 6, live=False, deterministic=True))
        outcomes.append({r.match: (r.outcome, r.decisions, tuple(r.scores)) for r in play(table) if r.match < 1000})
    assert outcomes[0] == outcomes[1]
    assert len(outcomes[0]) == 6


def test_a_live_seat_moves_with_the_learner_and_says_so() -> None:
    table = arena(never_idle=False)
    table.offer(order(0, Player(bot="brawler"), 2))
    table.fill()
    with torch.inference_mode():
        table.step()
        table.bank.set_live(ref(1), actor(1))
    results = play(table)
    assert [result.players[0].policy.step for result in results] == [0, 0]
    assert [result.policies_at_end[0].step for result in results] == [1, 1]


def test_training_never_idles_and_never_rates_fillers() -> None:
    table = arena(never_idle=True)
    table.offer(order(0, Player(bot="brawler"), 8))
    table.fill()
    results = []
    with torch.inference_mode():
        for _ in range(1200):
            results += table.step()
    assert sorted(result.match for result in results) == list(range(8))
    assert table.unrated_matches >= 8
    assert table.playing == SLOTS


def test_the_recorder_sees_the_learning_seat_before_the_action() -> None:
    table = arena(never_idle=True)
    table.offer(order(0, Player(bot="ace"), 8))
    table.fill()
    before = table.observations.copy()
    seen = []

    class Keep:
        def record(self, observations, actions, log_probs, *_: object) -> None:  # type: ignore[no-untyped-def]
            seen.append((observations.copy(), actions.copy(), log_probs.copy()))

    with torch.inference_mode():
        table.step([Keep()])
        expected = table.bank._versions[live_key("main")][1](torch.from_numpy(before).view(-1, before.shape[-1]))
    observations, actions, log_probs = seen[0]
    np.testing.assert_array_equal(observations, before)
    rows, seats = np.arange(SLOTS), table.live_seats("main")
    means = expected[0].view(SLOTS, 2, 2).numpy()[rows, seats]
    assert np.abs(actions[rows, seats, :2] - means).max() < 5 * np.exp(-1)
    assert np.isfinite(log_probs[rows, seats]).all()
    assert set(seats) == {0, 1}


@pytest.mark.parametrize("opponent", [Player(bot="aec"), Player(policy=PolicyRef(agent="main", sha256="missing"))])
def test_unknown_opponents_are_refused(opponent: Player) -> None:
    table = arena(never_idle=False)
    with pytest.raises(ValueError, match=r"unknown bot|not in the bank"):
        table.offer(order(0, opponent))
    assert not table.queue
