"""The payoff matrix and what it says beyond one number per player. Pure.

P players. A payoff matrix M [P, P] is antisymmetric: M[i, j] = 2 · score of i against j − 1, in [−1, 1], 0 on the
diagonal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import linprog

from ...kernel.wilson import wilson_interval
from .games import Games

Array = npt.NDArray[np.float64]

#: Sharpness of selection and size of the population in α-rank: near its limit of infinitely sharp selection.
SHARPNESS, POPULATION = 100.0, 50


class Cell(NamedTuple):
    """One pair, both seats together. `low` and `high`: Wilson 95 % interval of the score; draws count half."""

    score: float
    low: float
    high: float
    matches: int


def cells(players: Sequence[str], games: Sequence[Games]) -> dict[tuple[str, str], Cell]:
    """Every ordered pair of `players` that has met."""
    known = set(players)
    score: dict[tuple[str, str], float] = {}
    matches: dict[tuple[str, str], int] = {}
    for row in games:
        if row.first in known and row.second in known and row.played:
            for pair, part in ((row[:2], row.score), ((row.second, row.first), row.played - row.score)):
                score[pair] = score.get(pair, 0.0) + part
                matches[pair] = matches.get(pair, 0) + row.played
    return {pair: Cell(score[pair] / n, *wilson_interval(score[pair], n), n) for pair, n in matches.items()}


def payoff(players: Sequence[str], games: Sequence[Games], elo: Sequence[float] | None = None) -> Array:
    """M [P, P]. Pairs that never met have the score that their ratings `elo` [P] promise; 0 without ratings."""
    index = {name: k for k, name in enumerate(players)}
    strength = np.zeros(len(players)) if elo is None else np.asarray(elo, np.float64)
    # 2 / (1 + 10^(−d / 400)) − 1
    matrix = np.triu(np.tanh((strength[:, None] - strength[None, :]) * math.log(10) / 800))
    for (one, other), cell in cells(players, games).items():
        if index[one] < index[other]:
            matrix[index[one], index[other]] = 2 * cell.score - 1
    return matrix - matrix.T


def nash(matrix: Array) -> Array:
    """A Nash mixture [P] of the symmetric zero-sum game M: no single reply wins anything against it.

    The linear program of von Neumann's minimax theorem: the mixture against which the best reply wins least. Its value
    is 0 by symmetry. Where several mixtures do, one of them.
    """
    count = len(matrix)
    if not count:
        return np.zeros(0)
    # unknowns: the mixture, then what the best reply wins
    found = linprog(
        np.append(np.zeros(count), 1.0),
        A_ub=np.column_stack((matrix, -np.ones(count))),
        b_ub=np.zeros(count),
        A_eq=[np.append(np.ones(count), 0.0)],
        b_eq=[1.0],
        bounds=[(0, 1)] * count + [(None, None)],
    )
    if found.x is None:
        raise ArithmeticError(f"no Nash mixture of {count} players: {found.message}")
    weights = np.maximum(found.x[:-1], 0.0)
    mixture: Array = weights / weights.sum()
    return mixture


def exploitability(matrix: Array, mixture: Array) -> float:
    """What the best single reply wins against a mixture; 0 at a Nash mixture."""
    return max(0.0, float((matrix @ mixture).max()))


def alpha_rank(matrix: Array) -> Array:
    """Share [P] of evolutionary time at each player.

    Omidshafiei et al., "α-Rank: Multi-Agent Evaluation by Evolution", Scientific Reports 9 (2019), one population,
    equations 9 to 11.
    """
    count = len(matrix)
    if count < 2:
        return np.ones(count)
    lead = matrix - matrix.T  # of the invader over the resident: constant, since only these two are about
    exponent = SHARPNESS * lead / 2
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        fixation = np.expm1(-exponent) / np.expm1(-POPULATION * exponent)
    fixation = np.where(np.abs(exponent) < 1e-12, 1 / POPULATION, np.nan_to_num(fixation, nan=0.0))
    # a floor keeps the chain irreducible where selection is so sharp that an exponential underflows
    moves = np.maximum(fixation, 1e-300).T / (count - 1)
    np.fill_diagonal(moves, 0.0)
    return _stationary(moves)


def _stationary(moves: Array) -> Array:
    """Stationary distribution of a chain from its off-diagonal rates [from, to].

    Grassmann, Taksar and Heyman's elimination (Operations Research 33, 1985): no subtractions, so that rates of 1e-300
    lose nothing.
    """
    rates = moves.copy()
    count = len(rates)
    for k in range(count - 1, 0, -1):
        rates[:k, k] /= rates[k, :k].sum()
        rates[:k, :k] += np.outer(rates[:k, k], rates[k, :k])
        np.fill_diagonal(rates, 0.0)
    share = np.zeros(count)
    share[0] = 1.0
    for k in range(1, count):
        share[k] = share[:k] @ rates[:k, k]
    found: Array = share / share.sum()
    return found


def cyclic_share(matrix: Array) -> float:
    """Which share of M² no rating can explain: 0 for a pure ladder, 1 for rock-paper-scissors.

    The transitive part of M is f_i − f_j with f the row means (Balduzzi et al., "Open-ended learning in symmetric
    zero-sum games", ICML 2019, section 2); the rest is cyclic. 0 for an all-zero M.
    """
    total = float((matrix**2).sum())
    if total == 0:
        return 0.0
    strength = matrix.mean(axis=1)
    cyclic = matrix - (strength[:, None] - strength[None, :])
    return float((cyclic**2).sum()) / total
