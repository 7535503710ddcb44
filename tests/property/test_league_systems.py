"""Other rating systems over the same matches."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ludus.app.arguments import RATING_SYSTEMS
from ludus.league.ratings.systems import SYSTEMS, Played

K = 16


def season(matches: int, seed: int = 1) -> list[Played]:
    """Four players, each 150 Elo points above the next, everybody against everybody from both seats."""
    chance = random.Random(seed)
    strength = {"main@1.9": 450, "main@1.4": 300, "main@1.0": 150, "bot:ace": 0}
    found = []
    for number in range(matches):
        first, second = chance.sample(list(strength), 2)
        won = chance.random() < 1 / (1 + 10 ** ((strength[second] - strength[first]) / 400))
        found.append(Played(first, second, 2 * won, number % 2 == 0))
    return found


def test_the_command_line_offers_every_system() -> None:
    assert tuple(SYSTEMS) == RATING_SYSTEMS


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_system_finds_the_order_of_strength(system: str) -> None:
    ratings = SYSTEMS[system](season(1200), K)
    assert sorted(ratings, key=lambda name: -ratings[name].elo) == ["main@1.9", "main@1.4", "main@1.0", "bot:ace"]
    if system != "elo":
        assert all(0 < rating.error < 40 for rating in ratings.values())


@pytest.mark.parametrize("system", SYSTEMS)
@given(data=st.data())
def test_who_is_named_first_makes_no_difference(system: str, data: st.DataObject) -> None:
    names = st.sampled_from(["bot:a", "bot:b", "main"])
    drawn = data.draw(st.lists(st.tuples(names, names, st.integers(0, 2), st.booleans()), max_size=12))
    matches = [Played(*match) for match in drawn if match[0] != match[1]]
    mirrored = [Played(b, a, 2 - halves, not seat) for a, b, halves, seat in matches]
    one, other = SYSTEMS[system](matches, K), SYSTEMS[system](mirrored, K)
    assert one.keys() == other.keys()
    for name, rating in one.items():
        assert rating.elo == pytest.approx(other[name].elo, abs=1e-3)
        assert math.isfinite(rating.elo)


def test_elo_only_moves_points_from_one_to_the_other() -> None:
    ratings = SYSTEMS["elo"](season(333), K)
    assert sum(rating.elo for rating in ratings.values()) == pytest.approx(4000, abs=1e-6)
