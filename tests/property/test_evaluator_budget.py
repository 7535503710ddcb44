"""Measuring stays within its share, whatever learners do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ludus.evaluator.budget import Budget
from ludus.kernel.config import ConfigError, check

moments = st.lists(st.tuples(st.integers(0, 100_000), st.integers(0, 256), st.integers(1, 32)), max_size=40)


@given(share=st.floats(0.001, 0.999), moments=moments, two=st.booleans())
def test_the_share_holds_at_every_moment(share: float, moments: list[tuple[int, int, int]], two: bool) -> None:
    budget = Budget(share)
    seen = {"main": 0}
    for k, (learned, playing, most) in enumerate(moments):
        agent = "other" if two and k % 2 else "main"
        seen[agent] = seen.get(agent, 10**6) + learned
        budget.saw(agent, seen[agent])
        steps = budget.steps(playing, most)
        assert 0 <= steps <= most
        budget.spend(steps * playing)
        assert budget.measured <= share * (budget.learned + budget.measured) * (1 + 1e-9)
        assert budget.used <= share * (1 + 1e-9)


def test_nothing_is_measured_before_something_is_learned_and_everything_without_a_limit() -> None:
    budget = Budget(0.05)
    budget.saw("main", 5_000_000)  # an evaluator that was restarted late has earned nothing by that
    assert budget.steps(256, 32) == 0
    assert budget.used == 0
    budget.saw("main", 5_000_000 + 19 * 256)
    assert budget.steps(256, 32) == 1
    assert Budget(1.0).steps(256, 32) == 32


def test_a_rollback_takes_nothing_away() -> None:
    budget = Budget(0.5)
    for decisions in (0, 1000, 400, 900):
        budget.saw("main", decisions)
    assert budget.learned == 1500


@pytest.mark.parametrize("share", [0, -0.1, 1.5, "much"])
def test_a_share_that_is_none_is_refused_by_its_key(share: object) -> None:
    tree = {"game": "dogfight", "rules": "training", "decisions": 1, "league": {"phases": []}}
    with pytest.raises(ConfigError, match=r"evaluator\.share"):
        check({**tree, "evaluator": {"share": share}}, "here")
