"""The report of a run: what it says, that hostile text stays text, and that charts are right."""

import json
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ludus.evaluator.page.axis import decades, nice_ticks, short, thin
from ludus.evaluator.page.blocks import Chart, Table
from ludus.evaluator.page.html import body, page
from ludus.evaluator.page.markdown import markdown
from ludus.evaluator.page.nash import gaps
from ludus.evaluator.page.plot import LABEL_GAP, Line, Mark, plot, spread_apart
from ludus.evaluator.page.report import report_of
from ludus.evaluator.page.story import read_story, standing

from .report_kit import HOSTILE, write_exploiter, write_run

FINITE = st.floats(-1e9, 1e9)


@given(FINITE, FINITE)
def test_ticks_enclose_the_values(one: float, other: float) -> None:
    low, high = min(one, other), max(one, other)
    ticks = nice_ticks(low, high)
    slack = 1e-9 * max(abs(low), abs(high)) + 1e-12
    assert ticks[0] <= low + slack
    assert ticks[-1] >= high - slack
    assert 2 <= len(ticks) <= 8
    assert ticks == sorted(set(ticks))


@given(st.floats(1e-9, 1e9), st.floats(1e-9, 1e9))
def test_decades_enclose_the_values(one: float, other: float) -> None:
    ticks = decades(min(one, other), max(one, other))
    assert ticks[0] <= min(one, other) * 1.000001
    assert ticks[-1] * 1.000001 >= max(one, other)


@given(st.lists(FINITE, min_size=1, max_size=900), st.integers(1, 50))
def test_thinning_keeps_mean_and_extremes(values: list[float], most: int) -> None:
    points, spread = thin([(float(k), value) for k, value in enumerate(values)], most)
    assert len(points) == len(spread) <= most
    assert min(low for low, _ in spread) == min(values)
    assert max(high for _, high in spread) == max(values)


@given(st.lists(st.floats(30, 230), max_size=12))
def test_labels_never_cover_each_other(heights: list[float]) -> None:
    placed = sorted(spread_apart(heights))
    assert all(b - a >= LABEL_GAP - 1e-6 for a, b in pairwise(placed))


def test_numbers_are_short() -> None:
    assert [short(value) for value in (0, 0.05, 1234, 2_500_000, -1500)] == ["0", "0.05", "1.23k", "2.5M", "-1.5k"]


def test_a_chart_is_valid_svg_and_up_is_more() -> None:
    line = Line("a & b", [(0, 1.0), (1, 2.0), (2, 8.0)], [(0.5, 1.5), (1, 3), (7, 9)])
    tree = ElementTree.fromstring(plot("t < u", [line, Line("empty", [])], marks=[Mark(1.0, HOSTILE)]))
    (curve,) = [node for node in tree.iter() if node.tag.endswith("polyline")]
    (band,) = [node for node in tree.iter() if node.tag.endswith("polygon")]
    heights = [float(point.split(",")[1]) for point in curve.attrib["points"].split()]
    assert heights[0] > heights[1] > heights[2]
    assert len(band.attrib["points"].split()) == 6
    assert "a & b 8" in [node.text for node in tree.iter()]


def test_a_logarithmic_chart_falls_back_where_there_is_a_zero() -> None:
    assert "1e-05" not in plot("t", [Line("", [(0, 0.0), (1, 1.0)])], logarithmic=True)
    assert ">0.01<" in plot("t", [Line("", [(0, 0.01), (1, 100.0)])], logarithmic=True)


def test_what_was_rollback_is_not_drawn(tmp_path: Path) -> None:
    rows = [{"step": step, "epoch": epoch} for epoch, step in ((1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (3, 1))]
    assert standing(rows) == [{"step": 1, "epoch": 3}]
    story = read_story(write_run(tmp_path / "run"))
    assert [row["epoch"] for row in story.updates] == [1] * 40 + [2] * 20
    assert story.undone == 10


def test_the_page_says_what_was_measured(tmp_path: Path) -> None:
    text = page(report_of(read_story(write_run(tmp_path / "run"))))
    for expected in (
        "by-hand", "88.0 %", "44/0/6", "+800 Elo", "± 55", "curriculum", "self-play", "narrow", "rollbacks",
        "simulator-0", "10 undone", "Abacus", "ludus train dogfight --config", "optimise 75 %", "0.88",
    ):  # fmt: skip
        assert expected in text, expected
    assert "<b>dead" not in text
    assert "&lt;b&gt;dead &amp; gone" in text
    assert "<script" not in text
    assert "default-src 'none'" in text


def test_every_chart_of_a_page_is_valid_svg(tmp_path: Path) -> None:
    for agents in (1, 2):
        report = report_of(read_story(write_run(tmp_path / str(agents), agents=agents)))
        charts = [block for section in report.sections for block in section.blocks if isinstance(block, Chart)]
        assert len(charts) >= 14
        for chart in charts:
            ElementTree.fromstring(chart.svg)


def test_two_agents_have_a_table_and_curves_each(tmp_path: Path) -> None:
    report = report_of(read_story(write_run(tmp_path / "run", agents=2)))
    results = next(section for section in report.sections if section.title == "Results")
    assert sum(isinstance(block, Table) for block in results.blocks) == 2
    text = page(report)
    assert "pursuer to who played" in text
    assert "evader to who played" in text
    assert "Roles keep their seats" in text


def test_what_health_and_the_gate_did_is_in_the_timeline(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    kinds = ("rollback_planned", "paused_by_health", "regression", "promotion")
    with (folder / "events.jsonl").open("a") as file:
        for k, kind in enumerate(kinds):
            event = {"sequence": 50 + k, "time": 1053.0, "kind": kind, "service": "league", "message": f"{kind} & more"}
            file.write(json.dumps(event) + "\n")
    section = next(one for one in report_of(read_story(folder)).sections if one.title == "Timeline")
    drawing = next(block for block in section.blocks if isinstance(block, Chart)).svg
    ElementTree.fromstring(drawing)
    for kind in kinds:
        assert f"{kind} &amp; more" in drawing
    for row in ("rollbacks", "regressions", "promotions", "health", "deaths", "randomisation", "phases"):
        assert f">{row}<" in drawing


def test_exploiters_are_a_curve_with_their_budget(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "runs" / "by-hand")
    write_exploiter(tmp_path / "runs" / "other", "another-run", "main")
    assert not read_story(folder).exploits
    write_exploiter(tmp_path / "runs" / "exploiter", "by-hand", "main")
    (exploit,) = read_story(folder).exploits
    assert (exploit.victim, exploit.step, exploit.budget) == ("main@1.40", 40, 400_000)
    section = next(one for one in report_of(read_story(folder)).sections if one.title == "Exploitability")
    table = next(block for block in section.blocks if isinstance(block, Table))
    assert list(table.rows[0]) == [
        "main@1.40", "exploiter", "400,000", "30.0 %", "20–40 %", "100", "70.0 %", "60–80 %", "100",
    ]  # fmt: skip


def test_the_gap_between_two_roles(tmp_path: Path) -> None:
    """60 to 40 of 100: 20 points, and the interval of a difference of shares."""
    (row,) = gaps(read_story(write_run(tmp_path / "run", agents=2)))
    assert (row["gap"], row["n"]) == (pytest.approx(0.2), 100)
    assert (row["low"], row["high"]) == (pytest.approx(0.008, abs=1e-3), pytest.approx(0.392, abs=1e-3))
    assert gaps(read_story(write_run(tmp_path / "alone"))) == []


@pytest.mark.parametrize("missing", ["metrics.jsonl", "events.jsonl", "measured.json", "outcome.json"])
def test_a_run_that_has_hardly_begun_has_a_page_too(tmp_path: Path, missing: str) -> None:
    folder = write_run(tmp_path / "run")
    (folder / missing).unlink()
    assert "by-hand" in body(report_of(read_story(folder)))


def test_markdown_has_the_same_tables_and_its_charts_beside_it(tmp_path: Path) -> None:
    report = report_of(read_story(write_run(tmp_path / "run")))
    text, charts = markdown(report, "report")
    assert "| ace | 88 | 0 | 12 | 100 | 88.0 % |" in text
    for name, svg in charts.items():
        assert f"(report/{name})" in text
        ElementTree.fromstring(svg)
    assert "```\nludus train dogfight --config" in text
