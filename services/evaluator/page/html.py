"""A report as HTML. Everything that is text goes through `escape`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from itertools import groupby

from .blocks import Block, Cell, Chart, Code, Facts, Report, Section, Table, Text, Tiles

#: Words of more letters than this may be broken into lines.
LONG = 40
WIDE = ' class="wide"'


def page(report: Report, *, live: bool = False) -> str:
    """One file that needs nothing else. `live`: it asks the server that sent it for news."""
    parts = {
        "TITLE": escape(report.title),
        "STYLE": read("style.css") + read("plot.css"),
        "BODY": body(report),
        "POLICY": "; script-src 'unsafe-inline'; connect-src 'self'" if live else "",
        "SCRIPT": f"<script>\n{read('live.js')}</script>" if live else "",
    }
    before, *rest = read("template.html").split("{{")
    return before + "".join(parts[name] + text for name, _, text in (piece.partition("}}") for piece in rest))


def body(report: Report) -> str:
    """What changes while a run goes on."""
    state = f'<span class="state {escape(report.state)}">{escape(report.state)}</span>' if report.state else ""
    head = f"<header><h1>{escape(report.title)}</h1>{state}<p>{escape(report.subtitle)}</p></header>"
    sections = [section for section in report.sections if section.blocks]
    links = "".join(f'<a href="#{_anchor(one)}">{escape(one.title)}</a>' for one in sections if one.title)
    return "\n".join([head, f"<nav>{links}</nav>", *map(_section, sections)])


def _anchor(section: Section) -> str:
    return re.sub(r"[^a-z0-9]+", "-", section.title.lower()).strip("-")


def _section(section: Section) -> str:
    groups = groupby(section.blocks, key=lambda block: isinstance(block, Chart))
    parts = [
        f'<div class="charts">{"".join(map(_block, blocks))}</div>' if charts else "\n".join(map(_block, blocks))
        for charts, blocks in groups
    ]
    title = f"<h2>{escape(section.title)}</h2>\n" if section.title else ""
    return f'<section id="{_anchor(section)}">\n{title}{"".join(parts)}\n</section>'


def _block(block: Block) -> str:
    match block:
        case Table():
            return _table(block)
        case Chart():
            return f"<figure{WIDE if block.wide else ''}>{block.svg}</figure>"
        case Text():
            return f"<p>{escape(block.text)}</p>"
        case Code():
            text = f"<pre>{escape(block.text)}</pre>"
            return f"<details><summary>{escape(block.title)}</summary>{text}</details>" if block.title else text
        case Facts():
            return f"<dl>{''.join(f'<dt>{escape(k)}</dt><dd>{escape(v)}</dd>' for k, v in block.rows)}</dl>"
        case Tiles():
            tiles = "".join(
                f"<div><b>{escape(value)}</b>{escape(name)}<small>{escape(more)}</small></div>"
                for value, name, more in block.rows
            )
            return f'<div class="tiles">{tiles}</div>'


def _table(table: Table) -> str:
    head = "".join(_cell(Cell(text), "th", k < table.words) for k, text in enumerate(table.head))
    rows = "".join(f"<tr>{_cells(row, table.words)}</tr>" for row in table.rows)
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    kind = ' class="dense"' if table.dense else ""
    return f'<div class="sheet"><table{kind}><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>{note}'


def _cells(row: Sequence[str | Cell], words: int) -> str:
    cells = [one if isinstance(one, Cell) else Cell(one) for one in row]
    return "".join(_cell(cell, "td", k < words) for k, cell in enumerate(cells))


def _cell(cell: Cell, tag: str, word: bool) -> str:
    text = escape(cell.text)
    if cell.link:
        text = f'<a href="{escape(cell.link)}">{text}</a>'
    marks = _word(cell) if word else ""
    if cell.tone is not None:
        side, share = ("good" if cell.tone > 0 else "bad"), round(62 * min(abs(cell.tone), 1.0))
        marks += f' style="background: color-mix(in srgb, var(--{side}) {share}%, var(--panel))"'
    if cell.hint:
        marks += f' title="{escape(cell.hint)}"'
    return f"<{tag}{marks}>{text}</{tag}>"


def _word(cell: Cell) -> str:
    return ' class="word long"' if len(cell.text) > LONG else ' class="word"'


def read(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")
