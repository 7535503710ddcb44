"""Stages that are entered in steps: where one began, how much is still of the one before, and what a rollback sets."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ludus.api.v1.run_pb2 import Reentry, RunRecord
from ludus.kernel.config import load
from ludus.league.phases import randomisation_at, stage_at, stage_starts
from ludus.league.reentry import OLD_SHARE, old_share, reenter

from .test_league_director import CONFIGS, World

DISASTER = Path(__file__).parents[2] / "configs" / "disasters" / "shift.toml"


@pytest.mark.parametrize("path", [*CONFIGS, DISASTER], ids=lambda path: path.stem)
def test_a_stage_began_where_the_one_before_ended(path: Path) -> None:
    """Held against walking back update by update."""
    config = load(path, environment={})
    league, total = config.league, min(config.total_updates, 1500)

    def key(step: int) -> tuple[str, tuple[str, ...], str]:
        stage = stage_at(league.phases, step, total)
        return stage.name, stage.bots, randomisation_at(league.randomisation, step, total)

    began, starts = 0, stage_starts(league.phases, league.randomisation, total)
    for step in range(total):
        began = step if step and key(step) != key(step - 1) else began
        assert max(start for start in starts if start <= step) == began


@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 100), st.integers(0, 600))
def test_the_old_share_falls_from_its_beginning_to_nothing(began: int, target: int, updates: int, step: int) -> None:
    record = RunRecord(stage_step=began, reentry=Reentry(step=target, updates=updates))
    share = old_share(record, step)
    assert 0 <= share <= OLD_SHARE
    later = old_share(record, step + 1)
    start = max(began, target)
    assert later <= share or step + 1 == start, "it only falls, but for where it begins"
    if began and updates:
        assert old_share(record, start) == OLD_SHARE
    assert old_share(record, start + updates) == 0
    assert old_share(RunRecord(stage_step=began), step) == 0, "without a rollback a stage begins at once"


def test_after_a_second_rollback_the_matches_of_a_new_stage_come_step_by_step() -> None:
    """At first it is only `do_nothing`, then half of the matches are against `dogfighter`."""
    league = World(load(DISASTER, [("decisions", 2048 * 200)], environment={}))
    league.turn()
    league.record = reenter(league.record, 0, 40)
    shares = {step: fighters(league, step) for step in (99, 100, 120, 140)}
    assert shares[99] == 0
    assert shares[100] == pytest.approx(0.5 * 0.3, abs=0.05)
    assert shares[120] == pytest.approx(0.5 * 0.65, abs=0.06)
    assert shares[140] == pytest.approx(0.5, abs=0.06)


def fighters(league: World, step: int) -> float:
    """Share of the training tickets ordered at this update that are against one."""
    league.learn(step - league.head.step)
    bots: list[str] = []
    while len(bots) < 1200:
        league.issued.clear()
        league.waiting.clear()
        league.turn()
        bots += [ticket.players[1].bot for ticket in league.issued if ticket.pool == "train"]
    return bots.count("dogfighter") / len(bots)
