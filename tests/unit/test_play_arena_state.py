"""An arena restored in the middle of its matches goes on exactly as one that was never interrupted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from ludus.api.v1.lockstep_pb2 import ArenaState
from ludus.api.v1.match_pb2 import Player
from ludus.games import make
from ludus.play.arena import Arena
from ludus.play.bank import PolicyBank

from .test_play_arena import SLOTS, actor, architecture, order, ref

BEFORE, AFTER = 30, 70
#: Short matches: a decision lasts a second, one hit ends it.
GAME: dict[str, Any] = {
    "ticks_per_decision": 120, "physics": {"max_hp": 1}, "randomisation": {"max_speed": [200.0, 300.0]},
}  # fmt: skip


def arena(seed: int) -> Arena:
    """With the learner's version 0, and version 1 to be held against it."""
    game = make("dogfight", batch=SLOTS, seed=3, autoreset="disabled", **GAME)
    bank = PolicyBank(architecture(), SLOTS, 2, device="cpu", seed=seed)
    bank.set_live(ref(0), actor(0))
    bank.add(ref(1), actor(1))
    return Arena(game, bank, worker="test", never_idle=True, seed=seed)


class Recording:
    """Everything a learner could see."""

    def __init__(self) -> None:
        self.rows: list[bytes] = []

    def record(self, *arrays: Any) -> None:
        self.rows.append(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays))


def play(table: Arena, steps: int) -> tuple[list[bytes], list[bytes]]:
    recording, results = Recording(), []
    with torch.inference_mode():
        for _ in range(steps):
            results += [result.SerializeToString() for result in table.step([recording])]
    return recording.rows, results


def started(seed: int) -> Arena:
    """Bots, self-play and a queue; few enough matches that slots run dry and repeat themselves unrated."""
    table = arena(seed)
    opponents = (Player(bot="ace"), Player(policy=ref(1)), Player(bot="chaser"))
    for index, opponent in enumerate(opponents):
        table.offer(order(100 * seed + 8 * index + 1, opponent))
    table.fill()
    return table


@pytest.mark.parametrize("seed", range(1, 5))
def test_a_restored_arena_goes_on_bit_for_bit(seed: int) -> None:
    straight = started(seed)
    play(straight, BEFORE)
    saved = straight.snapshot().SerializeToString(deterministic=True)
    assert straight.playing == SLOTS
    rows, results = play(straight, AFTER)
    assert results, "some match must end after the interruption, or half of the state was not needed"

    other = arena(seed=seed + 50)
    play_something_else(other)
    other.restore(ArenaState.FromString(saved))
    assert other.snapshot().SerializeToString(deterministic=True) == saved
    assert play(other, AFTER) == (rows, results)
    assert other.snapshot() == straight.snapshot()
    assert other.unrated_matches == straight.unrated_matches > 0


def play_something_else(table: Arena) -> None:
    table.offer(order(1, Player(bot="brawler"), matches=SLOTS))
    table.fill()
    play(table, 40)


def test_different_seeds_do_differ() -> None:
    """The comparison above can fail."""
    assert play(started(1), 20) != play(started(2), 20)


def test_a_state_that_does_not_fit_is_refused() -> None:
    state = started(1).snapshot()
    for spoil, message in (
        (lambda bad: bad.slots.pop(), "slots"),
        (lambda bad: bad.arrays.pop(), "does not fit"),
        (lambda bad: bad.slots[0].__setattr__("ticket", 77), "ticket 77"),
        (lambda bad: bad.game[0].tensor.__setattr__("dtype", "nonsense"), "unknown dtype"),
        (lambda bad: bad.__setattr__("arena_generator_json", "{}"), "generator"),
        (lambda bad: bad.__setattr__("bank_generator", b"short"), "generator"),
    ):
        bad = ArenaState()
        bad.CopyFrom(state)
        spoil(bad)
        with pytest.raises(ValueError, match=message):
            arena(1).restore(bad)
