"""The promotion gate: its test against numbers, its fold against every order, its error rates in simulation."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ludus.api.v1 import match_pb2 as m
from ludus.api.v1.policy_pb2 import PolicyRef
from ludus.evaluator.gate.panel import difference
from ludus.evaluator.gate.sprt import SCORES, _nearest, bounds, expected_score, log_likelihood_ratio
from ludus.evaluator.gate.tally import Tally
from ludus.kernel.promotion import GateConfig, Verdict, read_verdict
from ludus.kernel.seals import sealed
from ludus.kernel.wilson import wilson_interval
from ludus.play.matches import matches_of, result_of

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import gate_errors

CONFIG = GateConfig(enabled=True, most_matches=400)  # type: ignore[call-arg]
counts = st.lists(st.integers(0, 500), min_size=5, max_size=5)
OLD, NEW = (PolicyRef(agent="main", epoch=1, step=step, sha256=f"s{step}") for step in (0, 40))
BOT = m.Player(bot="ace")


@given(counts.filter(any), st.floats(-300, 300))
def test_the_nearest_distribution_is_one_and_has_the_score(pentanomial: list[int], elo: float) -> None:
    cells = np.array([count or 1e-3 for count in pentanomial])
    found = _nearest(list(cells / cells.sum()), expected_score(elo))
    assert min(found) > 0
    assert sum(found) == pytest.approx(1, abs=1e-6)
    assert np.dot(found, SCORES) == pytest.approx(expected_score(elo), abs=1e-6)


@given(counts)
def test_the_ratio_changes_its_sign_with_the_sides(pentanomial: list[int]) -> None:
    """What speaks for +20 of one player speaks against -20 of the other."""
    ratio = log_likelihood_ratio(pentanomial, 0, 20)
    assert ratio == pytest.approx(-log_likelihood_ratio(pentanomial[::-1], -20, 0), rel=1e-6, abs=1e-6)
    assert log_likelihood_ratio(pentanomial, 20, 0) == pytest.approx(-ratio, rel=1e-9, abs=1e-9)


def test_the_ratio_agrees_with_its_normal_approximation_where_that_is_good() -> None:
    """N (s1 - s0) (2 mean - s0 - s1) / (2 variance), van den Bergh (2019)."""
    pentanomial = [300, 1200, 2000, 1300, 320]
    n = sum(pentanomial)
    mean = float(np.dot(pentanomial, SCORES)) / n
    variance = float(np.dot(pentanomial, (np.array(SCORES) - mean) ** 2)) / n
    s0, s1 = expected_score(0), expected_score(5)
    near = n * (s1 - s0) * (2 * mean - s0 - s1) / (2 * variance)
    assert log_likelihood_ratio(pentanomial, 0, 5) == pytest.approx(near, rel=0.01)


@pytest.mark.parametrize("pentanomial", [[1, 2, 3], [0, 0, -1, 0, 0]])
def test_counts_that_are_none_are_refused(pentanomial: list[int]) -> None:
    with pytest.raises(ValueError, match="expected 5 counts"):
        log_likelihood_ratio(pentanomial, 0, 20)


def test_bounds_are_those_of_wald() -> None:
    assert bounds(0.05, 0.05) == pytest.approx((-math.log(19), math.log(19)))


@pytest.mark.parametrize(("elo", "wrong"), [(0.0, 1), (60.0, -1)])
def test_error_rates_hold_in_simulation(elo: float, wrong: int) -> None:
    """Wider hypotheses than usual decide sooner. 5 % wrong decisions: not refuted, and not far from it."""
    config = GateConfig(elo1=60.0)  # type: ignore[call-arg]
    kind, tests = gate_errors.KINDS[0], 150
    found = [gate_errors.decide(kind, elo, np.random.default_rng([3, n]), config)[0] for n in range(tests)]
    low, high = wilson_interval(sum(decision == wrong for decision in found), tests)
    assert low <= 0.05
    assert high <= 0.15
    assert 0 not in found


def result(
    opponent: m.Player, seed: int, seat: int, points: int, ref: PolicyRef = NEW, number: int = 0
) -> m.MatchResult:
    """`points`: halves of `ref`; against a version it is a match of the gate, against a bot one of the panel."""
    outcome = {2: m.OUTCOME_FIRST_WINS, 1: m.OUTCOME_DRAW, 0: m.OUTCOME_SECOND_WINS}[points]
    purpose = m.PURPOSE_EVALUATE if opponent.bot else m.PURPOSE_PROBE
    players = [m.Player(policy=ref), opponent]
    return m.MatchResult(match=number, purpose=purpose, players=players, seed=seed, first_seat=seat, outcome=outcome)


def gate(points: list[int]) -> list[m.MatchResult]:
    """Matches of the candidate against the champion: two on every seed."""
    return [result(m.Player(policy=OLD), 2**63 + k // 2, k % 2, halves) for k, halves in enumerate(points)]


def panel(ref: PolicyRef, points: list[int]) -> list[m.MatchResult]:
    return [result(BOT, 2**63 + k // 2, k % 2, halves, ref) for k, halves in enumerate(points)]


def tallied(*results: list[m.MatchResult]) -> Tally:
    tally = Tally(CONFIG)
    for one in [one for some in results for one in some]:
        tally.fold(one)
    return tally


def test_only_matches_that_the_league_ordered_count() -> None:
    """A result without a seal, with another's, or changed after it was sealed moves nothing."""
    key = bytes(32)
    players = [m.Player(policy=NEW), m.Player(policy=OLD)]
    order = m.Ticket(ticket_id="t", purpose=m.PURPOSE_PROBE, players=players, first_match=1, matches=4, seeds=[7, 8])
    seals = sealed(order, key).seals
    genuine = [result(players[1], 7 + k // 2, k % 2, 2, number=1 + k) for k in range(4)]
    for one, seal in zip(genuine, seals, strict=True):
        one.ticket_id, one.seal = "t", seal
    tally = Tally(CONFIG, key)
    bare, swapped, changed = (m.MatchResult.FromString(genuine[0].SerializeToString()) for _ in range(3))
    bare.seal, swapped.seal, changed.seed = b"", seals[1], 99
    for one in (bare, swapped, changed, *genuine[:3]):
        tally.fold(one)
    assert tally.trial("main@1.40", "main@1.0").pentanomial == [0, 0, 0, 0, 1]


@given(st.lists(st.sampled_from([0, 1, 2]), min_size=2, max_size=40), st.randoms())
def test_redelivery_and_single_matches_change_nothing(points: list[int], chance: object) -> None:
    once = gate(points)
    tally, again = tallied(once), tallied([one for one in once for _ in range(2)])
    found = tally.trial("main@1.40", "main@1.0")
    assert again.trial("main@1.40", "main@1.0") == found
    whole = [sum(points[k : k + 2]) for k in range(0, len(points) - 1, 2)]
    assert found.pentanomial == [whole.count(halves) for halves in range(5)]


def test_a_stronger_candidate_that_loses_nothing_is_promoted() -> None:
    tally = tallied(panel(OLD, [2, 0] * 60), panel(NEW, [2, 1] * 60), gate([2, 2] * 70))
    verdict = tally.verdict("main@1.40", "main@1.0")
    assert verdict is not None
    assert (verdict.word, verdict.panel_pairs) == ("promoted", 60)
    assert verdict.llr >= bounds(0.05, 0.05)[1]
    assert verdict.panel_low > 0.2


@pytest.mark.parametrize(
    ("candidate", "word"), [([0, 0] * 60, "rejected"), ([2, 0] * 80, "promoted"), ([2, 0] * 5, "inconclusive")]
)
def test_the_panel_has_a_say(candidate: list[int], word: str) -> None:
    """Worse there: rejected. The same there: promoted. Too few starts to tell: inconclusive."""
    tally = tallied(panel(OLD, [2, 0] * 80), panel(NEW, candidate), gate([2, 2] * 70))
    verdict = tally.verdict("main@1.40", "main@1.0")
    assert verdict is not None
    assert verdict.word == word


def test_a_weaker_candidate_is_rejected_and_an_open_test_ends_where_the_matches_do() -> None:
    weaker = tallied(gate([0, 0] * 70)).verdict("main@1.40", "main@1.0")
    assert weaker is not None
    assert weaker.word == "rejected"
    level = [2, 2, 0, 0] * 16 + [2, 2]  # between the score of 0 and that of 20 Elo points
    assert tallied(gate(level * 2)).verdict("main@1.40", "main@1.0") is None
    undecided = tallied(gate(level * 7)).verdict("main@1.40", "main@1.0")
    assert undecided is not None
    assert (undecided.word, undecided.reason) == ("inconclusive", "no decision in 400 matches")


def test_the_first_decision_stands() -> None:
    tally = tallied(gate([2, 2] * 70 + [0, 0] * 300))
    assert tally.trial("main@1.40", "main@1.0").decided == 1
    assert sum(tally.trial("main@1.40", "main@1.0").pentanomial) <= 70


def test_what_the_league_did_not_order_decides_nothing() -> None:
    key, tally = bytes(32), Tally(CONFIG, bytes(32))
    order = m.Ticket(
        ticket_id="evaluate-1", run="r", purpose=m.PURPOSE_PROBE, players=[m.Player(policy=NEW), m.Player(policy=OLD)],
        first_match=1, matches=4, seeds=[2**63, 2**63 + 1],
    )  # fmt: skip
    found = [
        result_of(
            match, seat_outcome=2, ending="timeout", decisions=5, seat_scores=[0.0, 0.0],
            policies_at_start=[NEW, OLD], policies_at_end=[NEW, OLD], worker="w",
        )
        for match in matches_of(sealed(order, key))
    ]  # fmt: skip
    found[3].seal = b"made up"
    for one in [*found, *gate([2, 2] * 70)]:
        tally.fold(one)
    assert sum(tally.trial("main@1.40", "main@1.0").pentanomial) == 1, "the second pair lacks a match with a seal"


def test_other_regimes_void_matches_and_bad_messages_are_left_out() -> None:
    other, void, empty = result(BOT, 1, 0, 2), result(BOT, 1, 1, 2), m.MatchResult(purpose=m.PURPOSE_PROBE)
    other.regime, void.outcome = "sniper", m.OUTCOME_VOID
    assert tallied([other, void, empty]).on_panel("main@1.40", "main@1.0").pairs == 0


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=60))
def test_the_interval_of_the_panel_holds_the_mean_and_turns_with_the_sides(points: list[tuple[int, int]]) -> None:
    one, two = ({("bot:ace", k): pair[side] for k, pair in enumerate(points)} for side in (0, 1))
    found, turned = difference(one, two), difference(two, one)
    assert (found.low, found.high) == pytest.approx((-turned.high, -turned.low))
    assert -1 <= found.low <= found.mean * len(points) / (len(points) + 2) <= found.high <= 1


def test_a_verdict_survives_the_event_and_nonsense_does_not() -> None:
    verdict = Verdict("main@1.40", "main@1.0", "promoted", "why", 3.0, (1, 2, 3, 4, 5), 9, -0.01, 0.2)
    import json

    read = read_verdict(json.dumps(verdict.detail()))
    assert read is not None
    assert (read.candidate, read.champion, read.word) == ("main@1.40", "main@1.0", "promoted")
    for nonsense in ("", "[]", "3", "{}", '{"candidate": "a", "champion": "b", "word": "king"}', "\x00"):
        assert read_verdict(nonsense) is None
