"""Ratings of record: Bradley–Terry with draws and a seat term, fitted to all matches at once, with standard errors.

Draws: Davidson, "On extending the Bradley-Terry model to accommodate ties in paired comparison experiments", JASA 65
(1970). Seat term: Agresti, "Categorical Data Analysis", section 11.6 (home advantage). With u the difference in
strength (natural units) plus the worth of seat 0, and λ the inclination to draw:

    P(win) : P(draw) : P(loss)  =  exp(u/2) : exp(λ) : exp(−u/2)

The log-posterior is concave, so Newton's method finds its one maximum, and the inverse of its curvature there is the
covariance of the estimate (Laplace approximation).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .games import Games, players_of

Array = npt.NDArray[np.float64]

#: Elo points per unit of natural log-odds.
ELO = 400 / math.log(10)
#: Standard deviation of the prior on the worth of a seat, and mean and deviation of the one on λ.
SEAT_SD, DRAW_MEAN, DRAW_SD = 300 / ELO, -1.0, 2.0
#: Weight of "the anchors' mean is 0": large against any evidence, small enough for double precision.
PIN = 1e6
MAX_STEPS, SMALL_STEP = 50, 1e-9


@dataclass(frozen=True, slots=True)
class Estimate:
    """A rating in Elo points, 0 being the mean of the anchors, and its standard error."""

    elo: float
    error: float


@dataclass(frozen=True, slots=True)
class Fit:
    """The maximum of the posterior."""

    ratings: Mapping[str, Estimate]
    seat: Estimate
    """worth of seat 0 against seat 1 (first-mover advantage), in Elo points"""
    draw_inclination: float
    """λ: two equal players draw with odds exp(λ) : 2"""
    steps: int
    """Newton steps it took"""


def fit(
    games: Sequence[Games],
    *,
    anchors: Sequence[str] = (),
    prior_draws: float = 1.0,
    seat_sd: float = SEAT_SD,
    start: Fit | None = None,
) -> Fit:
    """Ratings from all matches.

    `anchors`: players whose mean is 0 (all players when none of them has played). Every player has `prior_draws`
    virtual draws against that mean, so that one who only won has a finite rating. `seat_sd`: how much a seat may be
    worth (natural units); near 0 where the players' names tell the seats apart. `start`: an earlier fit to begin from.
    Raises ValueError for negative counts or a player who meets himself.
    """
    _check(games)
    names = players_of(games)
    if not names:
        return Fit({}, Estimate(0.0, seat_sd * ELO), DRAW_MEAN, 0)
    problem = _Problem(names, games, anchors, prior_draws, seat_sd)
    x, steps = problem.maximise(_begin(names, start))
    deviation = np.sqrt(np.diag(np.linalg.inv(problem.curvature(x)))) * ELO
    ratings = {name: Estimate(float(x[k] * ELO), float(deviation[k])) for k, name in enumerate(names)}
    return Fit(ratings, Estimate(float(x[-2] * ELO), float(deviation[-2])), float(x[-1]), steps)


def _check(games: Sequence[Games]) -> None:
    for row in games:
        if min(row.wins, row.draws, row.losses) < 0 or row.first == row.second:
            raise ValueError(f"expected counts from 0 of two different players, found {row}")


def _begin(names: Sequence[str], start: Fit | None) -> Array:
    x = np.zeros(len(names) + 2)
    x[-1] = DRAW_MEAN
    if start is not None:
        known = start.ratings
        x[:-2] = [known[name].elo / ELO if name in known else 0.0 for name in names]
        x[-2:] = start.seat.elo / ELO, start.draw_inclination
    return x


class _Problem:
    """Log-posterior, gradient and curvature at x = (strength per player, seat, λ)."""

    def __init__(
        self,
        names: Sequence[str],
        games: Sequence[Games],
        anchors: Sequence[str],
        prior_draws: float,
        seat_sd: float,
    ) -> None:
        index = {name: k for k, name in enumerate(names)}
        self._first = np.array([index[row.first] for row in games])
        self._second = np.array([index[row.second] for row in games])
        self._wins, self._draws, self._losses = np.array([row[2:] for row in games], np.float64).T
        self._played = self._wins + self._draws + self._losses
        self._prior_draws, self._seat_sd = prior_draws, seat_sd
        chosen = [index[name] for name in dict.fromkeys(anchors) if name in index] or list(range(len(names)))
        self._anchor = np.zeros(len(names))
        self._anchor[chosen] = 1 / len(chosen)

    def maximise(self, x: Array) -> tuple[Array, int]:
        """Newton's method with halved steps where a whole one would overshoot."""
        value = self._value(x)
        for step in range(1, MAX_STEPS + 1):
            move = np.linalg.solve(self.curvature(x), self._gradient(x))
            while (reached := self._value(x + move)) < value - 1e-12 * abs(value) and np.abs(move).max() > SMALL_STEP:
                move /= 2
            x, value = x + move, reached
            if np.abs(move).max() < SMALL_STEP:
                return x, step
        return x, MAX_STEPS

    def _lead(self, x: Array) -> Array:
        """u of every row."""
        lead: Array = x[self._first] - x[self._second] + x[-2]
        return lead

    def _behind(self, x: Array) -> Array:
        """Strength of every player over the anchors' mean."""
        behind: Array = x[:-2] - self._anchor @ x[:-2]
        return behind

    def _value(self, x: Array) -> float:
        u, draw = self._lead(x), x[-1]
        z = np.logaddexp(np.logaddexp(u / 2, -u / 2), draw)
        matches = ((self._wins - self._losses) * u / 2 + self._draws * draw - self._played * z).sum()
        over = self._behind(x)
        prior = self._prior_draws * (over / 2 - np.logaddexp(0, over)).sum()
        seat, inclination = x[-2] / self._seat_sd, (draw - DRAW_MEAN) / DRAW_SD
        loose = PIN * (self._anchor @ x[:-2]) ** 2 + seat**2 + inclination**2
        return float(matches + prior - loose / 2)

    def _chances(self, x: Array) -> tuple[Array, Array]:
        """P(win) − P(loss), and P(draw), of every row."""
        u, draw = self._lead(x), x[-1]
        z = np.logaddexp(np.logaddexp(u / 2, -u / 2), draw)
        return np.exp(u / 2 - z) - np.exp(-u / 2 - z), np.exp(draw - z)

    def _gradient(self, x: Array) -> Array:
        lead, draw = self._chances(x)
        by_lead = (self._wins - self._losses - self._played * lead) / 2
        strengths = np.bincount(self._first, by_lead, len(x) - 2) - np.bincount(self._second, by_lead, len(x) - 2)
        pull = self._prior_draws * (0.5 - _logistic(self._behind(x)))
        strengths += pull - pull.sum() * self._anchor - PIN * (self._anchor @ x[:-2]) * self._anchor
        seat = by_lead.sum() - x[-2] / self._seat_sd**2
        inclination = (self._draws - self._played * draw).sum() - (x[-1] - DRAW_MEAN) / DRAW_SD**2
        return np.concatenate((strengths, [seat, inclination]))

    def curvature(self, x: Array) -> Array:
        """Negative second derivatives, [n + 2, n + 2], positive definite."""
        count = len(x) - 2
        lead, draw = self._chances(x)
        steep = self._played * ((1 - draw) - lead**2) / 4
        cross = -self._played * lead * draw / 2
        bent = np.zeros((len(x), len(x)))
        np.add.at(bent, (self._first, self._first), steep)
        np.add.at(bent, (self._second, self._second), steep)
        np.add.at(bent, (self._first, self._second), -steep)
        np.add.at(bent, (self._second, self._first), -steep)
        for column, weight in ((count, steep), (count + 1, cross)):
            side = np.bincount(self._first, weight, count) - np.bincount(self._second, weight, count)
            bent[:count, column] = bent[column, :count] = side
        bent[count, count] = steep.sum() + 1 / self._seat_sd**2
        bent[count, count + 1] = bent[count + 1, count] = cross.sum()
        bent[count + 1, count + 1] = (self._played * draw * (1 - draw)).sum() + 1 / DRAW_SD**2
        bent[:count, :count] += self._prior_curvature(x)
        return bent

    def _prior_curvature(self, x: Array) -> Array:
        """Σ w (e − a)(e − a)ᵀ for the virtual draws of every player, and the pin of the anchors' mean."""
        chance = _logistic(self._behind(x))
        weight = self._prior_draws * chance * (1 - chance)
        anchor = self._anchor
        mixed = np.outer(weight, anchor)
        bent: Array = np.diag(weight) - mixed - mixed.T + (weight.sum() + PIN) * np.outer(anchor, anchor)
        return bent


def _logistic(x: Array) -> Array:
    """1 / (1 + exp(−x)) without overflow."""
    chance: Array = np.exp(-np.logaddexp(0, -x))
    return chance
