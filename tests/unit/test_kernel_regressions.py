"""A version that has lost what an earlier one could do is told; chance, and what was never mastered, is not."""

from __future__ import annotations

import pytest

from ludus.api.v1.health_pb2 import LearnerHealth
from ludus.api.v1.standings_pb2 import PairRow, Standings
from ludus.kernel.panel import regressions
from ludus.league.status import _warnings


def standings(*wins: int, n: int = 40, opponent: str = "bot:ace") -> Standings:
    """`wins` of the versions of steps 0, 40, 80, … against one opponent; rows in no particular order."""
    rows = [
        PairRow(purpose="evaluate", first=f"main@1.{40 * k}", second=opponent, wins=won, losses=n - won)
        for k, won in enumerate(wins)
    ]
    train = PairRow(purpose="train", first="main", second=opponent, wins=1)
    return Standings(pairs=[train, *sorted(rows, key=lambda row: row.first)])


@pytest.mark.parametrize(
    ("wins", "told"),
    [
        ((0, 36, 20), True),  # 90 % → 50 %
        ((0, 40, 38, 40, 31), True),  # a fall of 22 points to 77 %, intervals apart
        ((0, 33, 31), False),  # 82 % → 78 %: below 80, but that may be chance
        ((0, 28, 8), False),  # never mastered
        ((0, 36, 20, 36), False),  # it is over
        ((0, 40, 40), False),
        ((40,), False),
        ((), False),
    ],
)
def test_what_counts_as_a_regression(wins: tuple[int, ...], told: bool) -> None:
    found = regressions(standings(*wins))
    assert [row.candidate for row in found] == ([f"main@1.{40 * (len(wins) - 1)}"] if told else [])


def test_above_eighty_percent_nothing_is_lost() -> None:
    assert regressions(standings(0, 1000, 801, n=1000)) == []
    assert len(regressions(standings(0, 1000, 799, n=1000))) == 1


def test_an_opponent_the_newest_has_not_met_yet_is_not_judged() -> None:
    both = standings(0, 36, 20)
    both.pairs.append(PairRow(purpose="evaluate", first="main@1.120", second="bot:brawler", wins=1, losses=39))
    assert regressions(both) == []


def test_the_worst_stands_first_and_status_says_it() -> None:
    both = standings(0, 40, 20)
    both.pairs.extend(standings(0, 40, 4, opponent="bot:brawler").pairs)
    assert [row.opponent for row in regressions(both)] == ["bot:brawler", "bot:ace"]
    first, *_ = _warnings([LearnerHealth()], both)
    assert first == (
        "main@1.80 has lost ground against bot:brawler: 10% wins (4%–23%, n = 40), "
        "where an earlier version had 80% or more"
    )
