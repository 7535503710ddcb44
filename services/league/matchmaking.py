"""Who meets the learner: probabilities over the pool, oldest member first. Pure; every result sums to 1.

Prioritised fictitious self-play is that of Vinyals et al., "Grandmaster level in StarCraft II using multi-agent
reinforcement learning", Nature 575 (2019), "hard" weighting (1 − win rate)^p. Three guards are ours, because public
versions give NaN once every opponent is beaten: a Beta(2, 2) prior on every win rate, a uniform floor, and uniform
weights when all vanish.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

HARDNESS = 2.0
#: Pseudo-matches of the prior: as if each opponent had won two matches and lost two.
PRIOR_WINS, PRIOR_LOSSES = 2.0, 2.0
#: Win rates below this count as this, so that an opponent that always wins does not take all matches.
LEFT_RECTIFY = 0.1
#: Share of the probability that is spread evenly whatever the weights say.
UNIFORM_FLOOR = 0.1
#: latest, pfsp, uniform
MIXTURE = (0.5, 0.3, 0.2)


class Record(NamedTuple):
    """How the learner fared against one member of the pool."""

    score: float = 0.0
    """average of win 1, draw 0.5, loss 0"""
    matches: float = 0.0
    """how many matches that average is worth"""


def uniform(count: int) -> list[float]:
    return [1 / count] * count


def latest(count: int) -> list[float]:
    """All on the newest member."""
    return [0.0] * (count - 1) + [1.0] if count else []


def pfsp(records: Sequence[Record]) -> list[float]:
    """Harder opponents more often, none never."""
    weights = [(1 - max(win_rate(record), LEFT_RECTIFY)) ** HARDNESS for record in records]
    total = sum(weights)
    if not total > 0:
        return uniform(len(records))
    floor = UNIFORM_FLOOR / len(records)
    return [floor + (1 - UNIFORM_FLOOR) * weight / total for weight in weights]


def win_rate(record: Record) -> float:
    """Mean of the Beta posterior; between 0 and 1, and 0.5 for an opponent never met."""
    wins = record.score * record.matches + PRIOR_WINS
    return wins / (record.matches + PRIOR_WINS + PRIOR_LOSSES)


def mixed(records: Sequence[Record]) -> list[float]:
    """50 % latest, 30 % PFSP, 20 % uniform."""
    parts = zip(latest(len(records)), pfsp(records), uniform(len(records)) if records else [], strict=True)
    return [sum(share * part for share, part in zip(MIXTURE, column, strict=True)) for column in parts]


def weights(sampler: str, records: Sequence[Record]) -> list[float]:
    """Probabilities by the sampler's name in the configuration; [] for an empty pool. Raises ValueError."""
    if not records:
        return []
    if sampler == "uniform":
        return uniform(len(records))
    if sampler == "latest":
        return latest(len(records))
    if sampler == "pfsp":
        return pfsp(records)
    if sampler == "mixed":
        return mixed(records)
    raise ValueError(f"unknown sampler {sampler!r}: expected one of 'uniform', 'latest', 'pfsp', 'mixed'")


def choose(probabilities: Sequence[float], ticket: float) -> int:
    """Index drawn by a number in [0, 1). Raises ValueError when there is nothing to choose from."""
    if not probabilities:
        raise ValueError("cannot choose from an empty pool")
    reached = 0.0
    for index, probability in enumerate(probabilities):
        reached += probability
        if ticket < reached:
            return index
    return max(index for index, probability in enumerate(probabilities) if probability > 0)
