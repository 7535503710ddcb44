"""Everybody meets everybody on the same starts from both seats, and a repeat gives the same bits."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from ludus.api.v1.match_pb2 import OUTCOME_DRAW, OUTCOME_FIRST_WINS, OUTCOME_SECOND_WINS, MatchResult
from ludus.games import spec
from ludus.play.fixed import DeployedActor
from ludus.play.onnx_graph import actor_model
from ludus.play.onnx_policy import OnnxPolicy
from ludus.play.points import Tally, points_of, tally
from ludus.play.tournament import Entrant, Pairing, play_all, standing

from .onnx_kit import linear, policy

SEEDS = [2**63 + k for k in range(10)]


def bot(name: str) -> Entrant:
    return Entrant(name, "bot")


def onnx_entrant(name: str, data: bytes) -> Entrant:
    made = OnnxPolicy(data, spec("dogfight"), "training")
    return Entrant(name, "onnx", made, made.sha256)


def field() -> list[Entrant]:
    trained = Entrant("run", "run", DeployedActor(*policy()), "5" * 64)
    return [bot("brawler"), bot("chaser"), trained, onnx_entrant("linear", linear().SerializeToString())]


def held(entrants: list[Entrant], seeds: list[int] = SEEDS) -> list[Pairing]:
    return list(play_all(entrants, "dogfight", "training", seeds))


@pytest.fixture(scope="module")
def pairings() -> list[Pairing]:
    return held(field())


def test_everybody_meets_everybody_on_the_same_starts_in_both_seats(pairings: list[Pairing]) -> None:
    assert [(one.first, one.second) for one in pairings] == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    for pairing in pairings:
        assert Counter((r.seed, r.first_seat) for r in pairing.results) == {(s, k): 1 for s in SEEDS for k in (0, 1)}
        assert [result.match for result in pairing.results] == list(range(20))


def test_a_repeat_gives_the_same_bits_whoever_else_takes_part(pairings: list[Pairing]) -> None:
    everybody = field()
    again = held([everybody[k] for k in (0, 2, 3)])
    before = [one for one in pairings if 1 not in (one.first, one.second)]
    for one, other in zip(before, again, strict=True):
        assert [r.SerializeToString(deterministic=True) for r in one.results] == [
            r.SerializeToString(deterministic=True) for r in other.results
        ]


def test_the_stronger_bot_wins_and_points_add_up(pairings: list[Pairing]) -> None:
    (met,) = [one for one in pairings if (one.first, one.second) == (0, 1)]
    assert met.of(0).mean > 2.5
    assert met.of(1).mean < 0.5
    assert met.of(2) == Tally()
    for pairing in pairings:
        first, second = pairing.of(pairing.first), pairing.of(pairing.second)
        assert (first.wins, first.draws, first.losses) == (second.losses, second.draws, second.wins)
    means = [standing(pairings, k).mean for k in range(4)]
    assert means[0] == max(means)
    assert all(standing(pairings, k).n == 60 for k in range(4))


def test_an_exported_policy_plays_like_its_run() -> None:
    actor, manifest = policy(seed=4)
    run = Entrant("run", "run", DeployedActor(actor, manifest), "4" * 64)
    file = onnx_entrant("file", actor_model(actor, manifest))
    by_run, by_file = (held([one, bot("ace")])[0].of(0) for one in (run, file))
    # Rounding may part single matches, not the whole.
    assert abs(by_run.mean - by_file.mean) <= 0.3


def result(outcome: int, ending: str = "elimination") -> MatchResult:
    return MatchResult(outcome=outcome, ending=ending)  # type: ignore[arg-type]


def test_points() -> None:
    knockout, on_time = result(OUTCOME_FIRST_WINS), result(OUTCOME_SECOND_WINS, "timeout")
    draw = result(OUTCOME_DRAW)
    assert [points_of(one, 0) for one in (knockout, on_time, draw)] == [3, 0, 1]
    assert [points_of(one, 1) for one in (knockout, on_time, draw)] == [0, 2, 1]
    assert tally([knockout, on_time, draw], 0) == Tally(wins=1, draws=1, losses=1, points=4)
    with pytest.raises(ValueError, match="expected a finished match"):
        points_of(result(0), 0)


def test_intervals_hold_what_they_promise() -> None:
    """Coverage of the interval for scores in {0, 1, 2, 3}, at least the promised 95 %."""
    random = np.random.default_rng(2)
    chances = np.array([0.5, 0.1, 0.1, 0.3])
    mean, inside = float(chances @ np.arange(4)), 0
    for _ in range(2000):
        counts = random.multinomial(100, chances)
        low, high = Tally(wins=100, points=int(counts @ np.arange(4))).interval
        inside += low <= mean <= high
    assert inside / 2000 >= 0.95
    widths = [high - low for low, high in (Tally(wins=n, points=3 * n).interval for n in (10, 100, 1000))]
    assert all(one > other > 0 for one, other in pairwise(widths))
    assert Tally().interval == (0.0, 3.0)
