"""Ratings of simulated leagues against the strengths that their matches were drawn from."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from statistics import mean

import numpy as np
import pytest

from ludus.league.ratings.bradley_terry import Fit, fit
from ludus.league.ratings.games import Games
from ludus.league.ratings.systems import SYSTEMS, Played

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import known_truth as known

TRUTHS = [known.PLAIN, known.SEATS_AND_DRAWS]
SEEDS = range(6)


@cache
def matches(truth: known.Truth, seed: int) -> list[Games]:
    return known.league(truth, np.random.default_rng(seed))


@cache
def record(truth: known.Truth, seed: int) -> Fit:
    return fit(known.counted(matches(truth, seed)))


@pytest.mark.parametrize("truth", TRUTHS, ids=lambda truth: truth.name)
def test_the_rating_of_record_errs_by_no_more_than_its_target(truth: known.Truth) -> None:
    errors = [known.error_of(known.elo_of(record(truth, seed))) for seed in SEEDS]
    assert mean(errors) <= known.TARGET_BRADLEY_TERRY
    assert max(errors) <= known.TARGET_BRADLEY_TERRY, "not in any league, either"


@pytest.mark.parametrize("truth", TRUTHS, ids=lambda truth: truth.name)
def test_error_bars_cover_the_truth_and_the_seat_is_found(truth: known.Truth) -> None:
    fits = [record(truth, seed) for seed in SEEDS]
    assert mean(map(known.coverage, fits)) >= 0.9
    assert mean(found.seat.elo for found in fits) == pytest.approx(truth.seat_elo, abs=5)


def test_the_rating_of_record_neither_stretches_nor_compresses_the_ladder() -> None:
    """A slope of 0.94 is what other priors gave."""
    truth = np.arange(known.SNAPSHOTS) * known.STEP_ELO
    found = [[record(known.PLAIN, seed).ratings[str(k)].elo for k in range(known.SNAPSHOTS)] for seed in SEEDS]
    assert 0.94 <= mean(np.polyfit(truth, ladder, 1)[0] for ladder in found) <= 1.06


@pytest.mark.parametrize(("k", "target"), [(16, known.TARGET_ELO_16), (32, known.TARGET_ELO_32)])
def test_the_live_rating_errs_by_no_more_than_its_target(k: int, target: float) -> None:
    errors = [known.error_of(known.online_elo(matches(known.PLAIN, seed), k)) for seed in SEEDS]
    assert mean(errors) <= target


def test_openskill_is_no_worse_than_the_live_rating_on_its_best_scale() -> None:
    """Its unit is its own, so that the factor to Elo points is fitted."""
    truth = (np.arange(known.SNAPSHOTS) - (known.SNAPSHOTS - 1) / 2) * known.STEP_ELO
    errors = []
    for seed in SEEDS[:3]:
        played = [Played(one.first, one.second, 2 * one.wins + one.draws, True) for one in matches(known.PLAIN, seed)]
        rated = SYSTEMS["openskill"](played, 0)
        found = np.array([rated[str(k)].elo for k in range(known.SNAPSHOTS)])
        found -= found.mean()
        scaled = {str(k): mu * (found @ truth) / (found @ found) for k, mu in enumerate(found)}
        errors.append(known.error_of(scaled))
    assert mean(errors) <= known.TARGET_ELO_16
