"""Every rate that is written or shown has its number of matches, and an interval, beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.table import Table as Drawn

from ludus.api.v1.health_pb2 import LearnerHealth
from ludus.api.v1.policy_pb2 import PolicyRef
from ludus.api.v1.standings_pb2 import PairRow, SoloRow, Standings
from ludus.app.draw import returns_table
from ludus.app.summary import _returns_table, final_table
from ludus.evaluator.page.blocks import Table
from ludus.evaluator.page.markdown import markdown
from ludus.evaluator.page.report import report_of
from ludus.evaluator.page.story import read_story
from ludus.evaluator.report import build_summary
from ludus.kernel.config import load

from .report_kit import write_exploiter, write_run

ROOT = Path(__file__).resolve().parents[2]
#: What people read as a rate or a mean; and what they must find in the same table, so that they can judge it.
RATES = ("win rate", "wins", "95 %", "± 95 %", "mean return", "success", "final", "NE gap", "after")
COUNTS = ("n", "matches", "episodes")
NUMBERS = ("win_rate", "mean", "success_rate", "score", "rate", "gap")


def judged(tree: Any, where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object, however deep, that holds a rate."""
    if isinstance(tree, dict):
        if any(name in tree for name in NUMBERS):
            yield where, tree
        for name, part in tree.items():
            yield from judged(part, f"{where}.{name}")
    elif isinstance(tree, list):
        for index, part in enumerate(tree):
            yield from judged(part, f"{where}[{index}]")


def summaries() -> Iterator[dict[str, Any]]:
    """A dogfight in two regimes with both kinds of play; a pursuit of two; a player alone."""
    health = LearnerHealth(policy=PolicyRef(agent="main", epoch=2, step=60), decisions=9)
    conditions = ("", "sniper", "sampled", "sniper-sampled")
    fights = [PairRow(purpose="evaluate", first="main@2.60", second="bot:ace", wins=3, draws=1, losses=6, regime=regime)
              for regime in conditions]  # fmt: skip
    first = PairRow(purpose="evaluate", first="main@1.0", second="bot:ace", losses=4)
    asked = [("evaluator.regimes", ["default", "sniper"]), ("run", "r"), ("directory", "/nowhere")]
    config = load(ROOT / "configs" / "dogfight.toml", asked, {})
    yield build_summary(config, Standings(pairs=[*fights, first]), health)
    solos = [
        SoloRow(purpose="evaluate", player=f"main@1.{step}", episodes=9, return_mean=step, return_m2=5, decisions=90,
                judged=9, successes=step // 20, regime=regime)
        for step in (0, 60) for regime in ("", "sampled")
    ]  # fmt: skip
    yield build_summary(load(ROOT / "configs" / "gym.toml", asked[1:], {}), Standings(solos=solos), health)


def test_no_rate_of_a_summary_is_without_its_number_and_interval() -> None:
    seen = 0
    for summary in summaries():
        for where, row in judged(summary):
            assert row.get("n", 0) >= 0, where
            assert "n" in row, where
            assert {"low", "high"} <= set(row), where
            assert "success_rate" not in row or {"judged", "success_low", "success_high"} <= set(row), where
            seen += 1
    assert seen > 30


def test_success_and_other_play_stand_in_the_summary() -> None:
    dogfight, alone = summaries()
    assert [one["regime"] for one in dogfight["regimes"]] == ["default", "sniper", "sampled", "sniper-sampled"]
    assert (alone["returns"][-1]["successes"], alone["returns"][-1]["judged"]) == (3, 9)
    assert [row["label"] for row in alone["other_returns"]] == ["sampled", "sampled"]


@pytest.mark.parametrize("agents", [1, 2])
def test_no_table_of_a_report_shows_a_rate_without_its_number(tmp_path: Path, agents: int) -> None:
    folder = write_run(tmp_path / "runs" / "by-hand", agents=agents)
    write_exploiter(tmp_path / "runs" / "exploiter", folder.name, "pursuer" if agents == 2 else "main")
    measured = {} if agents == 2 else {"regimes": next(summaries())["regimes"]}
    story = read_story(folder, {**json.loads((folder / "measured.json").read_text()), **measured})
    tables = [block for section in report_of(story).sections for block in section.blocks if isinstance(block, Table)]
    rates = [table for table in tables if set(RATES) & set(table.head)]
    assert len(rates) >= 4
    for table in rates:
        assert set(COUNTS) & set(table.head), table.head
        for row in table.rows:
            assert len(row) == len(table.head)
    for table in (table for table in tables if table.dense):  # a matrix says n over each cell
        cells = [cell for row in table.rows for cell in row[1:] if not isinstance(cell, str) and cell.tone is not None]
        assert cells
        assert all("n = " in cell.hint for cell in cells)
    text, _ = markdown(report_of(story), "report")
    assert "NE gap" in text if agents == 2 else "sniper-sampled" in text
    assert "exploiter" in text


def _heads(table: Drawn) -> list[str]:
    return [str(column.header) for column in table.columns]


def test_no_table_of_the_command_line_shows_a_rate_without_its_number() -> None:
    dogfight, alone = summaries()
    rows = [{**row, "candidate": row["policy"], "episodes": row["n"]} for row in alone["returns"]]
    live = returns_table({"returns": rows, "recent_return": 3.0, "recent_success": 0.5})
    for table in (final_table(dogfight), _returns_table(alone), live):
        assert table.row_count
        heads = _heads(table)
        assert heads.count("95 %") <= heads.count("n") + ("success" in heads and table is live), heads
        assert "n" in heads
