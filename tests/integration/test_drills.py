"""Drills: collapses on purpose, answered by the real learner and controller."""

from __future__ import annotations

import pytest

from ludus.app.drill.catalogue import DRILLS
from ludus.app.drill.rig import drill
from ludus.app.drill.table import BACK_SECONDS, is_right

FAST = ("noisy",)


def check(name: str) -> None:
    got = drill(DRILLS[name])
    assert is_right(DRILLS[name], got), got
    if DRILLS[name].expected[0] == "taken back":
        assert got.bad == 0, "what the guard takes back is never published"
    if got.seconds is not None:
        assert got.seconds < BACK_SECONDS


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", FAST)
def test_it_ends_as_it_should(name: str) -> None:
    check(name)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", [name for name in DRILLS if name not in FAST])
def test_the_others_too(name: str) -> None:
    check(name)
