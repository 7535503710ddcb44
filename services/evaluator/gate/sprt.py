"""The generalised sequential probability ratio test on pairs of matches. Pure.

Both matches of a pair begin alike, with the seats swapped, so that luck of the start cancels; a pair brings 0, ½, 1, 1½
or 2 points (a pentanomial distribution, whose spread is that of pairs, smaller than that of single matches). The
log-likelihood ratio compares the distributions nearest to the observed one among those with the expected score of elo1
and of elo0.

Wald, "Sequential tests of statistical hypotheses", Ann. Math. Stat. 16 (1945) 117–186: the bounds. Van den Bergh, "A
practical introduction to the GSPRT" (2019), and LLRcalc.py of the Stockfish testing framework, which this agrees with:
the constrained maximum likelihood, and 1e-3 in the place of cells that are still empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log

#: Share of the points that a pair has brought.
SCORES = (0.0, 0.25, 0.5, 0.75, 1.0)
EMPTY_CELL = 1e-3
#: Halvings of the bracket of the multiplier: to 1e-12.
BISECTIONS = 44


def expected_score(elo: float) -> float:
    """Share of the points of a player that is `elo` stronger: 0.5 for 0."""
    return float(1 / (1 + 10 ** (-elo / 400)))


def bounds(alpha: float, beta: float) -> tuple[float, float]:
    """Log-likelihood ratios at or below which elo0 and at or above which elo1 is accepted."""
    return log(beta / (1 - alpha)), log((1 - beta) / alpha)


def log_likelihood_ratio(pentanomial: Sequence[int], elo0: float, elo1: float) -> float:
    """Of elo1 against elo0; 0 before the first pair."""
    if len(pentanomial) != len(SCORES) or any(count < 0 for count in pentanomial):
        raise ValueError(f"expected {len(SCORES)} counts of pairs, found {list(pentanomial)}")
    if not any(pentanomial):
        return 0.0
    cells = [count or EMPTY_CELL for count in pentanomial]
    total = sum(cells)
    shares = [cell / total for cell in cells]
    one, zero = (_nearest(shares, expected_score(elo)) for elo in (elo1, elo0))
    return sum(cell * log(p1 / p0) for cell, p1, p0 in zip(cells, one, zero, strict=True))


def _nearest(shares: Sequence[float], score: float) -> list[float]:
    """The most likely distribution with this expected score: p / (1 + x (a - score)), with x such that it is one."""
    leads = [value - score for value in SCORES]
    low, high = -1 / leads[-1], -1 / leads[0]  # every share stays positive in between
    for _ in range(BISECTIONS):
        x = (low + high) / 2
        slope = sum(share * lead / (1 + x * lead) for share, lead in zip(shares, leads, strict=True))
        low, high = (x, high) if slope > 0 else (low, x)
    x = (low + high) / 2
    return [share / (1 + x * lead) for share, lead in zip(shares, leads, strict=True)]
