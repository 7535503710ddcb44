"""Bot against bot over whole matches: the win rates of the original simulator, within ±8 points.

The tables were measured on the original (compiled from its sources, random starts, 1000 matches per pairing, both bots
at 120 Hz in training and at 12 Hz in competition); 8 points are about three standard deviations of the difference at
400 matches. Every single rule enters here, in proportion to what it matters for play.
"""

from __future__ import annotations

import numpy as np
import pytest

import ludus.games

MATCHES = 400
TOLERANCE = 8.0
BOTS = ("do_nothing", "dogfighter", "chaser", "ace", "brawler")
# win/draw/loss of the row's bot in seat 0 against the column's in seat 1, per cent
TRAINING = {
    "do_nothing": ("0/100/0", "0/42/58", "0/40/60", "0/42/58", "0/48/52"),
    "dogfighter": ("59/41/0", "46/12/43", "76/3/21", "34/19/46", "6/10/85"),
    "chaser": ("52/48/0", "15/4/81", "54/4/42", "10/2/88", "0/0/100"),
    "ace": ("56/44/0", "46/22/32", "88/2/11", "40/20/39", "19/7/73"),
    "brawler": ("50/50/0", "84/10/7", "100/0/0", "74/8/18", "60/2/39"),
}
COMPETITION = {
    "do_nothing": ("49/0/51", "1/0/99", "8/0/92", "2/0/98", "0/0/100"),
    "dogfighter": ("100/0/0", "41/17/42", "97/0/2", "40/15/44", "55/1/44"),
    "chaser": ("94/0/6", "3/0/97", "50/1/50", "5/0/95", "24/1/74"),
    "ace": ("100/0/0", "48/15/36", "95/0/5", "48/13/39", "66/0/33"),
    "brawler": ("100/0/0", "42/1/57", "77/0/23", "40/0/59", "50/0/50"),
}


def outcomes(rules: str, first: str) -> np.ndarray:
    """Share of outcomes win, draw, loss [5, 3] of `first` in seat 0 against each bot, per cent."""
    batch = MATCHES * len(BOTS)
    game = ludus.games.make("dogfight", rules=rules, batch=batch, seed=2024, autoreset="disabled")
    game.reset(seeds=np.arange(batch, dtype=np.uint64) % MATCHES)
    game.seat_bots(0, first)
    game.seat_bots(1, [bot for bot in BOTS for _ in range(MATCHES)])
    result = np.zeros(batch, np.int32)
    nothing = np.zeros((batch, 2, 3), np.float32)
    for _ in range(game.spec.max_decisions):
        *_, info = game.step(nothing)
        result[info.done] = info.outcome[info.done]
        if result.all():
            break
    assert result.all(), "every match ends"
    counts = [[(row == outcome).sum() for outcome in (1, 2, 3)] for row in result.reshape(len(BOTS), MATCHES)]
    return np.array(counts) * 100 / MATCHES


@pytest.mark.parametrize(("rules", "table"), [("training", TRAINING), ("competition", COMPETITION)])
def test_bots_win_as_often_as_in_the_original(rules: str, table: dict[str, tuple[str, ...]]) -> None:
    misses = []
    for first in BOTS:
        for second, found, expected in zip(BOTS, outcomes(rules, first), table[first], strict=True):
            gap = np.abs(found - [float(x) for x in expected.split("/")]).max()
            if gap > TOLERANCE:
                misses.append(f"{first} against {second}: {found} instead of {expected}")
    assert not misses, misses
