"""Who meets the learner: probabilities over the pool, oldest member first. Pure; every result sums to 1.

Prioritised fictitious self-play is that of Vinyals et al., "Grandmaster level in StarCraft II using multi-agent
reinforcement learning", Nature 575 (2019), with its weightings of the win rate x: hard (1 − x)², variance x(1 − x), and
linear 1 − x. Four guards are ours, because public versions give NaN once every opponent is beaten and starve whoever
cannot be: a Beta(2, 2) prior on every win rate, a left edge, a uniform floor, and uniform weights when all vanish.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

HARDNESS = 2.0
#: Pseudo-matches of the prior: as if each opponent had won two matches and lost two.
PRIOR_WINS, PRIOR_LOSSES = 2.0, 2.0
#: Win rates below this count as this, so that an opponent that always wins does not take all matches.
LEFT_RECTIFY = 0.1
#: Share of the probability that is spread evenly whatever the weights say.
UNIFORM_FLOOR = 0.1
#: Peers are this near in rating; where there are none, this near.
PEER_ELO, WIDE_PEER_ELO = 100.0, 300.0
#: Whoever is this much weaker can be exploited.
EXPLOITABLE_ELO = 50.0


class Record(NamedTuple):
    """How the learner fared against one member of the pool."""

    score: float = 0.0
    """average of win 1, draw 0.5, loss 0"""
    matches: float = 0.0
    """how many matches that average is worth"""
    lead_elo: float = 0.0
    """how far the member's rating is above the learner's, in Elo points"""


def uniform(records: Sequence[Record]) -> list[float]:
    return [1 / len(records)] * len(records)


def latest(records: Sequence[Record]) -> list[float]:
    """All on the newest member."""
    return [0.0] * (len(records) - 1) + [1.0]


def pfsp(records: Sequence[Record]) -> list[float]:
    """Harder opponents more often, none never: for a learner that leads the pool."""
    return _prioritised(records, lambda rate: (1 - rate) ** HARDNESS)


def pfsp_variance(records: Sequence[Record]) -> list[float]:
    """Even opponents most often: for a learner far below the pool."""
    return _prioritised(records, lambda rate: rate * (1 - rate))


def pfsp_linear(records: Sequence[Record]) -> list[float]:
    """Between hard and uniform."""
    return _prioritised(records, lambda rate: 1 - rate)


def peers(records: Sequence[Record]) -> list[float]:
    """Evenly among those of about the learner's rating; [] when nobody is near."""
    for reach in (PEER_ELO, WIDE_PEER_ELO):
        near = [float(abs(record.lead_elo) <= reach) for record in records]
        if any(near):
            return _normalised(near)
    return []


def exploitable(records: Sequence[Record]) -> list[float]:
    """Weaker members, the weaker the more often; [] when nobody is clearly weaker."""
    gaps = [-record.lead_elo if record.lead_elo <= -EXPLOITABLE_ELO else 0.0 for record in records]
    return _normalised(gaps) if any(gaps) else []


SAMPLERS: Mapping[str, Callable[[Sequence[Record]], list[float]]] = {
    "uniform": uniform,
    "latest": latest,
    "pfsp": pfsp,
    "pfsp-variance": pfsp_variance,
    "pfsp-linear": pfsp_linear,
    "peers": peers,
    "exploitable": exploitable,
}
#: What "mixed" stands for.
MIXED: Mapping[str, float] = {"latest": 0.5, "pfsp": 0.3, "uniform": 0.2}


def win_rate(record: Record) -> float:
    """Mean of the Beta posterior; between 0 and 1, and 0.5 for an opponent never met."""
    wins = record.score * record.matches + PRIOR_WINS
    return wins / (record.matches + PRIOR_WINS + PRIOR_LOSSES)


def weights(shares: Mapping[str, float], records: Sequence[Record]) -> list[float]:
    """A mixture of samplers by their shares; [] for an empty pool.

    A sampler that finds nobody leaves its share to the others; if none finds anybody, or all shares are 0, everybody is
    equally likely. Raises ValueError for an unknown sampler or a negative share.
    """
    for name, share in shares.items():
        if name not in SAMPLERS:
            raise ValueError(f"unknown sampler {name!r}: expected one of {', '.join(map(repr, SAMPLERS))}")
        if not share >= 0:
            raise ValueError(f"the share of sampler {name!r} must be at least 0, not {share}")
    if not records:
        return []
    found = [(share, part) for name, share in shares.items() if share and (part := SAMPLERS[name](records))]
    if not found:
        return uniform(records)
    largest = max(share for share, _ in found)  # or shares near the smallest number there is would vanish in a product
    mixture = (sum(share / largest * part[k] for share, part in found) for k in range(len(records)))
    return _normalised(list(mixture))


def _prioritised(records: Sequence[Record], weight: Callable[[float], float]) -> list[float]:
    raw = [weight(max(win_rate(record), LEFT_RECTIFY)) for record in records]
    if not sum(raw) > 0:
        return uniform(records)
    floor = UNIFORM_FLOOR / len(records)
    return [floor + (1 - UNIFORM_FLOOR) * probability for probability in _normalised(raw)]


def _normalised(raw: Sequence[float]) -> list[float]:
    total = sum(raw)
    return [value / total for value in raw]


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
