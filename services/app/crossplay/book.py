"""The results as one HTML page: a heatmap, every cell of which leads to the matches of its pair. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ...evaluator.page.blocks import Cell, Report, Section, Table
from ...evaluator.page.html import page
from .plan import Pair, Score

NOTE = (
    "Mean score of the row against the column: win 1, draw ½, loss 0; green above ½, red below. Both seats equally "
    "often, on starts that were never trained on. Counts, n and the 95 % interval appear over a cell, which opens its "
    "matches."
)


class Film(NamedTuple):
    """One match to look at: `page` is a path from the heatmap."""

    page: str
    result: str


def book(names: Sequence[str], known: Mapping[Pair, Score], subtitle: str) -> str:
    """The heatmap."""
    everybody = range(len(names))
    rows = [[Cell(names[row]), *(_cell(names, known, row, column) for column in everybody)] for row in everybody]
    heat = Section("Who scores how much against whom", [Table(["", *names], rows, note=NOTE, dense=True)])
    return page(Report("Cross-play", subtitle, "", [heat]))


def chapter(names: Sequence[str], pair: Pair, score: Score, films: Sequence[Film]) -> str:
    """The page of one pair: its result, and its matches to look at."""
    low, high = score.interval
    counts = f"{score.wins} won, {score.draws} drawn, {score.losses} lost, n = {score.n}"
    rows: list[list[str | Cell]] = [[Cell(film.page, link=film.page), film.result] for film in films]
    matches = Section("Matches to look at", [Table(["match", "result"], rows)])
    title = f"{names[pair[0]]} against {names[pair[1]]}"
    return page(Report(title, f"score {score.mean:.3f} ({low:.2f}–{high:.2f}): {counts}", "", [matches]))


def chapter_file(pair: Pair) -> str:
    """Its name, beside the heatmap."""
    return f"pair-{pair[0] + 1}-{pair[1] + 1}.html"


def _cell(names: Sequence[str], known: Mapping[Pair, Score], row: int, column: int) -> Cell:
    pair = (min(row, column), max(row, column))
    if row == column or pair not in known:
        return Cell("·" if row == column else "")
    score = known[pair] if row < column else known[pair].turned
    low, high = score.interval
    hint = f"{names[row]} against {names[column]}: {score.wins}/{score.draws}/{score.losses}, n = {score.n}"
    hint += f", {low:.2f}–{high:.2f}"
    return Cell(f"{score.mean:.2f}", tone=2 * score.mean - 1, hint=hint, link=chapter_file(pair))
