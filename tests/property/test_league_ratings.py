"""Ratings of record against known truths, and what stands beside them against hand-made games."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from ludus.league.ratings.bradley_terry import DRAW_MEAN, DRAW_SD, ELO, SEAT_SD, Fit, fit
from ludus.league.ratings.games import Games, by_seat, pairwise, players_of
from ludus.league.ratings.payoff import alpha_rank, cells, cyclic_share, exploitability, nash, payoff

COUNTS = st.integers(0, 30)
NAMES = st.sampled_from("abcde")
ROWS = st.lists(
    st.builds(Games, NAMES, NAMES, COUNTS, COUNTS, COUNTS).filter(lambda row: row.first != row.second), max_size=12
)


def log_posterior(x: np.ndarray, rows: list[Games], names: list[str], anchors: list[str]) -> float:
    """The same posterior written out match by match, with one virtual draw each; the anchors' mean is not pinned."""
    strength, seat, draw = dict(zip(names, x[:-2], strict=True)), x[-2], x[-1]
    middle = np.mean([strength[name] for name in anchors])
    total = -((seat / SEAT_SD) ** 2 + ((draw - DRAW_MEAN) / DRAW_SD) ** 2) / 2
    for name in names:
        over = strength[name] - middle
        total += 0.5 * (math.log(1 / (1 + math.exp(-over))) + math.log(1 / (1 + math.exp(over))))
    for row in rows:
        u = strength[row.first] - strength[row.second] + seat
        weights = [math.exp(u / 2), math.exp(draw), math.exp(-u / 2)]
        for count, weight in zip(row[2:], weights, strict=True):
            total += count * math.log(weight / sum(weights))
    return total


def rating(found: Fit, name: str) -> float:
    return found.ratings[name].elo


@settings(max_examples=25, deadline=None)
@given(ROWS)
def test_fit_is_the_maximum_that_a_plain_search_finds(rows: list[Games]) -> None:
    names = players_of(rows)
    if not names:
        assert fit(rows).ratings == {}
        return
    anchors = names[:2]
    found = fit(rows, anchors=anchors)
    here = np.array([rating(found, name) / ELO for name in names] + [found.seat.elo / ELO, found.draw_inclination])
    best = minimize(lambda x: -log_posterior(x, rows, names, anchors), np.zeros(len(here)), method="BFGS")
    assert log_posterior(here, rows, names, anchors) >= -best.fun - 1e-6
    assert sum(rating(found, name) for name in anchors) == pytest.approx(0, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(ROWS, st.randoms())
def test_order_and_splitting_of_the_matches_do_not_matter(rows: list[Games], random: object) -> None:
    shuffled = [part for row in rows for part in (row._replace(wins=0), row._replace(draws=0, losses=0))]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = fit(rows), fit(shuffled)
    for name in one.ratings:
        assert rating(other, name) == pytest.approx(rating(one, name), abs=1e-4)
        assert other.ratings[name].error == pytest.approx(one.ratings[name].error, abs=1e-4)


@settings(max_examples=40, deadline=None)
@given(ROWS)
def test_looking_from_the_other_seat_turns_the_seat_term_around(rows: list[Games]) -> None:
    turned = [Games(row.second, row.first, row.losses, row.draws, row.wins) for row in rows]
    one, other = fit(rows), fit(turned)
    # a match stays what it was, only the names of the seats change
    for name in one.ratings:
        assert rating(other, name) == pytest.approx(rating(one, name), abs=1e-4)
    assert other.seat.elo == pytest.approx(-one.seat.elo, abs=1e-4)


def test_more_wins_give_a_better_rating_and_more_matches_a_smaller_error() -> None:
    def both_seats(wins: int, losses: int) -> Fit:
        return fit([Games("a", "b", wins, 0, losses), Games("b", "a", losses, 0, wins)])

    few, many, more = both_seats(6, 4), both_seats(600, 400), both_seats(9, 1)
    assert rating(few, "a") > 0 > rating(few, "b")
    assert rating(more, "a") > rating(few, "a")
    assert many.ratings["a"].error < few.ratings["a"].error / 3


def test_one_who_only_won_has_a_finite_rating_with_an_error_that_says_so() -> None:
    found = fit([Games("a", "b", 50, 0, 0), Games("b", "a", 0, 0, 50)], anchors=["b"])
    assert 400 < rating(found, "a") < 2000
    assert found.ratings["a"].error > 100
    assert rating(found, "b") == pytest.approx(0, abs=1e-6)


def test_a_warm_start_finds_the_same_in_fewer_steps() -> None:
    rng = np.random.default_rng(3)
    rows = [Games(f"p{i}", f"p{j}", *map(int, rng.integers(0, 9, 3))) for i in range(30) for j in range(30) if i != j]
    cold = fit(rows)
    warm = fit(rows, start=cold)
    assert warm.steps < cold.steps
    assert rating(warm, "p7") == pytest.approx(rating(cold, "p7"), abs=1e-6)


@pytest.mark.parametrize("row", [Games("a", "a", 1, 0, 0), Games("a", "b", -1, 0, 0)])
def test_impossible_counts_are_refused(row: Games) -> None:
    with pytest.raises(ValueError, match="counts from 0 of two different players"):
        fit([row])


def test_ratings_by_seat_show_who_needs_the_first_move() -> None:
    rows = [Games("a", "b", 80, 0, 20), Games("b", "a", 50, 0, 50)]
    found = fit(by_seat(rows), seat_sd=1e-3)
    assert rating(found, "a/0") - rating(found, "a/1") > 100
    assert rating(found, "b/0") - rating(found, "b/1") > 100


@given(st.lists(st.integers(0, 3), max_size=5))
def test_a_match_of_many_is_all_its_pairs(ranks: list[int]) -> None:
    names = [f"p{k}" for k in range(len(ranks))]
    rows = pairwise(names, ranks)
    assert len(rows) == len(ranks) * (len(ranks) - 1) // 2
    for row in rows:
        better = ranks[names.index(row.first)] - ranks[names.index(row.second)]
        assert (row.wins, row.draws, row.losses) == (better < 0, better == 0, better > 0)


def test_a_rank_for_every_player() -> None:
    with pytest.raises(ValueError, match="one for each of 2 players, found 1"):
        pairwise(["a", "b"], [1])


def test_payoff_joins_both_seats_and_tells_how_sure_it_is() -> None:
    rows = [Games("a", "b", 3, 2, 5), Games("b", "a", 1, 4, 5), Games("a", "x", 9, 0, 0)]
    found = cells(["a", "b"], rows)
    assert found["a", "b"].score == pytest.approx((4 + 7) / 20)
    assert found["a", "b"].matches == 20
    assert found["a", "b"].low < 0.55 < found["a", "b"].high
    assert ("a", "x") not in found
    matrix = payoff(["a", "b"], rows)
    assert np.array_equal(matrix, -matrix.T)
    assert matrix[0, 1] == pytest.approx(0.1)


def test_pairs_that_never_met_are_judged_by_their_ratings() -> None:
    matrix = payoff(["a", "b", "c"], [Games("a", "b", 1, 0, 1)], elo=[0, 0, 400])
    assert matrix[0, 1] == 0
    assert matrix[2, 0] == pytest.approx(2 * (10 / 11) - 1)
    assert np.array_equal(matrix, -matrix.T)
    assert payoff(["a", "c"], [])[0, 1] == 0


ROCK_PAPER_SCISSORS = np.array([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]])
LADDER = np.array([[0.0, -0.5, -0.9], [0.5, 0, -0.4], [0.9, 0.4, 0]])


def test_known_games() -> None:
    assert nash(ROCK_PAPER_SCISSORS) == pytest.approx([1 / 3] * 3, abs=1e-6)
    assert alpha_rank(ROCK_PAPER_SCISSORS) == pytest.approx([1 / 3] * 3, abs=1e-9)
    assert cyclic_share(ROCK_PAPER_SCISSORS) == pytest.approx(1)
    assert nash(LADDER) == pytest.approx([0, 0, 1], abs=1e-6)
    assert alpha_rank(LADDER)[2] > 0.999
    assert cyclic_share(LADDER) == pytest.approx(0, abs=1e-12)


def test_a_biased_cycle_has_the_textbook_mixture() -> None:
    """Rock-paper-scissors where one pairing is worth twice as much: mixture (1/4, 1/4, 1/2) after solving M x = 0."""
    matrix = np.array([[0.0, -2, 1], [2, 0, -1], [-1, 1, 0]])
    assert nash(matrix) == pytest.approx([0.25, 0.25, 0.5], abs=1e-6)


@pytest.mark.parametrize("count", [0, 1])
def test_degenerate_leagues(count: int) -> None:
    matrix = np.zeros((count, count))
    assert nash(matrix).sum() == count
    assert alpha_rank(matrix).sum() == count
    assert cyclic_share(matrix) == 0


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 12), st.integers(0, 2**32))
def test_mixtures_are_distributions_and_nash_is_hardly_exploitable(count: int, seed: int) -> None:
    raw = np.random.default_rng(seed).uniform(-1, 1, (count, count))
    matrix = (raw - raw.T) / 2
    for mixture in (nash(matrix), alpha_rank(matrix)):
        assert mixture.min() >= 0
        assert mixture.sum() == pytest.approx(1)
    assert exploitability(matrix, nash(matrix)) <= 1e-6
    assert 0 <= cyclic_share(matrix) <= 1
