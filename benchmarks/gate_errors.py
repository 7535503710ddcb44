"""How often is the promotion gate wrong? Pairs of matches are drawn for a candidate of known strength, and the
sequential test of the evaluator decides.

A candidate exactly as strong as the champion (elo0 = 0) must be promoted in at most 5 % of all tests, one that is 20
Elo points stronger (elo1) rejected in at most 5 %; Wald's bounds promise 5.3 % (alpha / (1 - beta)) for a test that
stops exactly at its bounds. Three kinds of game: plain ones, many draws, and starts whose luck decides much (which
pairing cancels). Intervals are Wilson's, 95 %; `met`: the rate is at most 5 %, or 5 % lies in its interval.
`inconclusive`: tests that need more than the gate's `most_matches`; they promote nobody, so that stopping them can only
lower the rate of wrong promotions.

    python benchmarks/gate_errors.py [--quick] [--json FILE]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rows import Row, row, show

from ludus.evaluator.gate.sprt import bounds, log_likelihood_ratio
from ludus.kernel.promotion import GateConfig
from ludus.kernel.wilson import wilson_interval

CONFIG = GateConfig()  # type: ignore[call-arg]
#: A simulated test ends here even if nothing is decided; the gate itself ends earlier, and says inconclusive.
MOST_PAIRS = 20_000


class Kind(NamedTuple):
    """What matches are like: share of draws, and the spread of a start's luck for seat 0, in points of the score."""

    name: str
    draws: float
    luck: float


KINDS = (Kind("plain", 0.0, 0.0), Kind("half draws", 0.5, 0.0), Kind("lucky starts", 0.1, 0.25))


def pairs(kind: Kind, elo: float, rng: np.random.Generator) -> Iterator[int]:
    """Halves of a point, 0 … 4, of one pair after the other."""
    score = 1 / (1 + 10 ** (-elo / 400))
    while True:
        luck = rng.uniform(-kind.luck, kind.luck, 500)
        first, second = (_halves(score + side * luck, kind.draws, rng) for side in (1, -1))
        yield from (first + second).tolist()


def _halves(score: np.ndarray, draws: float, rng: np.random.Generator) -> np.ndarray:
    """With `draws` of all matches drawn, as far as the score leaves room, the expected score stays what it is."""
    drawn = np.minimum(draws, 2 * np.minimum(score, 1 - score))
    number = rng.random(len(score))
    won = number < score - drawn / 2
    return 2 * won + (~won & (number < score + drawn / 2))


def decide(kind: Kind, elo: float, rng: np.random.Generator, config: GateConfig = CONFIG) -> tuple[int, int]:
    """1 promoted, -1 rejected, 0 undecided; and after how many pairs."""
    counts, (lower, upper) = [0] * 5, bounds(config.alpha, config.beta)
    for number, halves in enumerate(pairs(kind, elo, rng), 1):
        counts[halves] += 1
        ratio = log_likelihood_ratio(counts, config.elo0, config.elo1)
        if ratio >= upper or ratio <= lower or number == MOST_PAIRS:
            return int(ratio >= upper) - int(ratio <= lower), number
    raise AssertionError("pairs do not end")


def measure(kind: Kind, elo: float, wrong: int, tests: int) -> list[Row]:
    """The rate of wrong decisions, and what a decision costs."""
    found = [decide(kind, elo, np.random.default_rng([KINDS.index(kind), int(elo), number])) for number in range(tests)]
    errors = sum(decision == wrong for decision, _ in found)
    low, high = wilson_interval(errors, tests)
    says = "promotes an equal" if wrong > 0 else f"rejects a {elo:+.0f}"
    rate = row(
        f"{kind.name}: {says}", errors / tests, "ratio", n=tests, target=0.05, interval=(low, high), at_most=True
    )
    rate["met"] = rate["met"] or low <= 0.05
    played = 2 * np.array([pairs_played for _, pairs_played in found], float)
    late = int((played > CONFIG.most_matches).sum())
    return [
        rate,
        row(f"{kind.name}: matches, {elo:+.0f}", float(played.mean()), "matches", n=tests),
        row(f"{kind.name}: 95 % of tests end within, {elo:+.0f}", float(np.quantile(played, 0.95)), "matches", n=tests),
        row(f"{kind.name}: inconclusive, {elo:+.0f}", late / tests, "ratio", n=tests,
            target=0.05, interval=wilson_interval(late, tests), at_most=True),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer tests, under a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows as JSON")
    options = parser.parse_args()
    tests = 30 if options.quick else 1000
    rows: list[Row] = []
    for kind in KINDS:
        rows += measure(kind, CONFIG.elo0, 1, tests) + measure(kind, CONFIG.elo1, -1, tests)
    show(rows, options.json)


if __name__ == "__main__":
    main()
