"""Opponent samplers: sums, floors, and the pools that break others (all beaten, one member, nobody)."""

from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ludus.kernel.schedule import BotPool, PhaseConfig, Ramp
from ludus.league.ledger import Pair, PairKey, State
from ludus.league.matchmaking import (
    LEFT_RECTIFY,
    MIXED,
    SAMPLERS,
    UNIFORM_FLOOR,
    Record,
    choose,
    exploitable,
    peers,
    pfsp,
    pfsp_linear,
    pfsp_variance,
    weights,
    win_rate,
)
from ludus.league.opponents import TRAIN, draw_opponent
from ludus.league.phases import Stage

leads = st.floats(-2000, 2000)
records = st.lists(
    st.builds(Record, score=st.floats(0, 1), matches=st.floats(0, 1e9), lead_elo=leads), min_size=1, max_size=60
)
mixtures = st.dictionaries(st.sampled_from(sorted(SAMPLERS)), st.floats(0, 1), max_size=4)
PFSP = [pfsp, pfsp_variance, pfsp_linear]


@given(mixtures, records)
def test_probabilities_sum_to_one_and_are_never_negative(shares: dict[str, float], pool: list[Record]) -> None:
    probabilities = weights(shares, pool)
    assert len(probabilities) == len(pool)
    assert sum(probabilities) == pytest.approx(1)
    assert all(0 <= probability <= 1 + 1e-12 for probability in probabilities)


@pytest.mark.parametrize("sampler", PFSP)
@given(pool=records)
def test_prioritised_sampling_keeps_its_floor(sampler: Callable[..., list[float]], pool: list[Record]) -> None:
    assert min(sampler(pool)) >= UNIFORM_FLOOR / len(pool) - 1e-12


@pytest.mark.parametrize("sampler", [pfsp, pfsp_linear])
@given(pool=records)
def test_hard_and_linear_prefer_the_harder(sampler: Callable[..., list[float]], pool: list[Record]) -> None:
    ranked = sorted(zip(map(win_rate, pool), sampler(pool), strict=True))
    assert all(harder[1] >= easier[1] - 1e-12 for harder, easier in pairwise(ranked))


@given(records)
def test_variance_prefers_the_even(pool: list[Record]) -> None:
    distance = [abs(max(win_rate(record), LEFT_RECTIFY) - 0.5) for record in pool]
    ranked = sorted(zip(distance, pfsp_variance(pool), strict=True))
    assert all(even[1] >= uneven[1] - 1e-12 for even, uneven in pairwise(ranked))


@given(records)
def test_mixed_gives_half_to_the_newest_and_a_fifth_to_all(pool: list[Record]) -> None:
    probabilities = weights(MIXED, pool)
    assert probabilities[-1] >= 0.5
    assert min(probabilities) >= (0.2 + 0.3 * UNIFORM_FLOOR) / len(pool) - 1e-12


@pytest.mark.parametrize("sampler", sorted(SAMPLERS))
def test_degenerate_pools(sampler: str) -> None:
    assert weights({sampler: 1}, []) == []
    assert weights({sampler: 1}, [Record()]) == pytest.approx([1.0])
    assert weights({sampler: 0}, [Record()] * 4) == pytest.approx([0.25] * 4)
    beaten = weights({sampler: 1}, [Record(1.0, 1e300, -500)] * 5)
    assert sum(beaten) == pytest.approx(1)
    if sampler != "latest":
        assert beaten == pytest.approx([0.2] * 5)


def test_peers_are_near_in_rating_and_nobody_else() -> None:
    pool = [Record(lead_elo=lead) for lead in (-400, -250, -90, 100, 101)]
    assert peers(pool) == [0, 0, 0.5, 0.5, 0]
    assert peers(pool[:2]) == [0, 1]
    assert peers(pool[:1]) == []


def test_the_weaker_the_more_exploitable() -> None:
    pool = [Record(lead_elo=lead) for lead in (-300, -100, -49, 200)]
    assert exploitable(pool) == [0.75, 0.25, 0, 0]
    assert exploitable(pool[2:]) == []


def test_a_sampler_without_anybody_leaves_its_share_to_the_others() -> None:
    pool = [Record(lead_elo=500), Record(lead_elo=400)]
    assert weights({"peers": 0.6, "latest": 0.3, "uniform": 0.1}, pool) == pytest.approx([0.125, 0.875])


def test_shares_follow_a_schedule() -> None:
    shares = {"peers": Ramp(start=0.4, end=0.1), "latest": Ramp(start=0.6, end=0.9)}
    phase = PhaseConfig(name="self-play", share=1, scripted_share=0, bots=(BotPool(bots=("ace",)),), opponents=shares)
    assert Stage(phase, 0.0).opponents == {"peers": 0.4, "latest": 0.6}
    assert Stage(phase, 0.5).opponents == pytest.approx({"peers": 0.25, "latest": 0.75})
    assert Stage(phase, 0.5).scripted_share == 0


@pytest.mark.parametrize("shares", [{}, {"latest": -1}, {"latest": 0}, {"best": 1}])
def test_shares_that_draw_nobody_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"opponents|sampler"):
        PhaseConfig(name="self-play", share=1, scripted_share=0, bots=(BotPool(bots=("ace",)),), opponents=shares)


def test_bots_are_drawn_evenly_or_by_what_they_still_win() -> None:
    def drawn(bots_drawn: object) -> Counter[str]:
        bots = (BotPool(bots=("ace", "chaser")),)
        phase = PhaseConfig(name="curriculum", share=1, scripted_share=1, bots=bots, bots_drawn=bots_drawn)  # type: ignore[arg-type]
        pairs = {
            PairKey(TRAIN, "main", f"bot:{name}"): Pair(1000, recent_score=score) for name, score in scores.items()
        }
        state = State(pairs=pairs)
        return Counter(draw_opponent(Stage(phase, 0.0), "main", [], state, 1, ticket) for ticket in range(4000))

    scores = {"ace": 0.5, "chaser": 1.0}
    assert abs(drawn("uniform")["bot:ace"] - 2000) < 130  # four standard deviations of 4000 fair draws
    assert drawn("pfsp")["bot:ace"] > 0.93 * 4000  # all of it but half of the uniform floor, and some noise
    mixed = drawn({"uniform": 0.5, "pfsp": 0.5})["bot:ace"] / 4000
    assert 0.70 < mixed < 0.76


@pytest.mark.parametrize("shares", ["live", {"live": 1.0}, {"uniform": 0}, {}])
def test_samplers_that_find_no_bot_are_refused(shares: object) -> None:
    with pytest.raises(ValueError, match="bots_drawn"):
        PhaseConfig(name="curriculum", share=1, bots=(BotPool(bots=("ace",)),), bots_drawn=shares)  # type: ignore[arg-type]


def test_pfsp_numbers_by_hand() -> None:
    # Posterior means 12/14, 7/14, and 2/14 (above the left edge of 0.1): weights 4/196, 49/196, 144/196.
    probabilities = pfsp([Record(1.0, 10), Record(0.5, 10), Record(0.0, 10)])
    assert probabilities == pytest.approx([0.1 / 3 + 0.9 * share / 197 for share in (4, 49, 144)])


def test_left_rectification_caps_the_unbeatable() -> None:
    unbeatable, nearly = pfsp([Record(0.0, 1e9), Record(0.1, 1e9)])
    assert unbeatable == pytest.approx(nearly)


def test_unknown_sampler_is_named() -> None:
    with pytest.raises(ValueError, match=r"unknown sampler 'best'.*'latest'"):
        weights({"best": 1}, [Record()])
    with pytest.raises(ValueError, match=r"sampler 'latest' must be at least 0, not -1"):
        weights({"latest": -1}, [Record()])


def test_the_smallest_share_there_is_is_one() -> None:
    pair = [Record(0.0, 0.0, 0.0), Record(0.0, 0.0, 0.0)]
    assert weights({"peers": 5e-324}, pair) == [0.5, 0.5]


@given(records, mixtures, st.floats(0, 1, exclude_max=True))
def test_choose_only_draws_what_has_probability(pool: list[Record], shares: dict[str, float], number: float) -> None:
    probabilities = weights(shares, pool)
    assert probabilities[choose(probabilities, number)] > 0


def test_choose_follows_the_probabilities() -> None:
    drawn = Counter(choose([0.2, 0.0, 0.8], number / 1000) for number in range(1000))
    assert drawn == {0: 200, 2: 800}
    assert choose([0.5, 0.5 - 1e-9], 1 - 1e-12) == 1


def test_choose_from_nobody_is_an_error() -> None:
    with pytest.raises(ValueError, match="empty pool"):
        choose([], 0.5)
