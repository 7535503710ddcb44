"""Ratings of record from stored standings."""

from __future__ import annotations

import pytest

from ludus.api.v1.standings_pb2 import PairRow, Standings
from ludus.league.ratings.games import Games
from ludus.league.ratings.record import games_of, gaps, rate


def pair(first: str, second: str, seat_0: tuple[int, int, int], seat_1: tuple[int, int, int], **more: str) -> PairRow:
    """Wins, draws and losses of `first`, from either seat."""
    wins, draws, losses = (one + other for one, other in zip(seat_0, seat_1, strict=True))
    return PairRow(
        purpose=more.get("purpose", "evaluate"), first=first, second=second, wins=wins, draws=draws, losses=losses,
        wins_in_seat_0=seat_0[0], draws_in_seat_0=seat_0[1], matches_in_seat_0=sum(seat_0),
        regime=more.get("regime", ""),
    )  # fmt: skip


def test_a_pair_becomes_a_row_for_either_seat() -> None:
    rows = [
        pair("main@1.9", "bot:ace", (5, 2, 1), (3, 0, 4)),
        pair("main", "bot:ace", (9, 9, 9), (9, 9, 9), purpose="train"),
        pair("main@1.9", "bot:ace", (9, 9, 9), (9, 9, 9), regime="sniper"),
    ]
    assert games_of(rows) == [Games("main@1.9", "bot:ace", 5, 2, 1), Games("bot:ace", "main@1.9", 4, 0, 3)]


def test_a_league_in_which_the_newest_wins_from_both_seats() -> None:
    rows = [
        pair("main@1.9", "bot:ace", (90, 4, 6), (80, 4, 16)),
        pair("main@1.9", "bot:chaser", (95, 3, 2), (90, 0, 10)),
        pair("main@1.0", "bot:ace", (10, 0, 90), (1, 0, 99)),
    ]
    found = rate(Standings(pairs=rows))
    assert found.standings[0].player == "main@1.9"
    assert found.standings[-1].player == "main@1.0"
    by_name = {row.player: row for row in found.standings}
    assert by_name["bot:ace"].rating.elo + by_name["bot:chaser"].rating.elo == pytest.approx(0, abs=1e-6)
    assert by_name["main@1.9"].nash_share == pytest.approx(1)
    assert by_name["bot:ace"].matches == 400
    assert by_name["main@1.9"].first_move_elo > 0
    assert found.seat.elo > 2 * found.seat.error
    assert 0 <= found.cyclic_share <= 1


def test_a_league_without_matches_is_empty() -> None:
    found = rate(Standings())
    assert found.standings == ()
    assert found.cyclic_share == 0


def test_the_best_version_is_measured_against_what_never_changes() -> None:
    rows = [
        pair("main@1.9", "bot:ace", (80, 4, 16), (80, 4, 16)),
        pair("main@1.9", "main@1.0", (95, 0, 5), (95, 0, 5)),
        pair("main@1.4", "bot:ace", (50, 0, 50), (50, 0, 50)),
        pair("starter@0.0", "bot:ace", (99, 0, 1), (99, 0, 1)),
        pair("other@1.0", "bot:ace", (1, 0, 99), (1, 0, 99)),
    ]
    found = rate(Standings(pairs=rows))
    ratings = {row.player: row.rating for row in found.standings}
    ahead = gaps(found.standings)
    assert ahead.keys() == {"bot:ace", "main@1.0"}  # no guest, no step 0 of another agent
    assert ahead["main@1.0"].elo == pytest.approx(ratings["main@1.9"].elo - ratings["main@1.0"].elo)
    assert ahead["main@1.0"].elo > 3 * ahead["main@1.0"].error > 0
    assert 150 < ahead["bot:ace"].elo < 350


def test_without_a_trained_version_there_is_nothing_to_compare() -> None:
    assert gaps(rate(Standings(pairs=[pair("main@1.0", "bot:ace", (1, 0, 9), (1, 0, 9))])).standings) == {}
