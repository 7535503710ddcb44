"""A report as Markdown. Its charts are files beside it, which bring their colours along."""

from __future__ import annotations

from collections.abc import Mapping

from .blocks import Block, Cell, Chart, Code, Facts, Report, Section, Table, Text, Tiles
from .html import read


def markdown(report: Report, folder: str) -> tuple[str, Mapping[str, str]]:
    """The text, and the charts it shows by file name; it expects them in `folder`."""
    lines = [f"# {report.title}", "", f"{report.subtitle} ({report.state})", ""]
    charts: dict[str, str] = {}
    for section in report.sections:
        lines += _section(section, folder)
        charts |= {f"{one.name}.svg": standalone(one.svg) for one in section.blocks if isinstance(one, Chart)}
    return "\n".join(lines).rstrip() + "\n", charts


def standalone(svg: str) -> str:
    """A chart that needs no page around it."""
    head, _, rest = svg.partition(">")
    paper = '<rect width="100%" height="100%" style="fill: var(--panel, #fff)"/>'
    dark = "@media screen and (prefers-color-scheme: dark) { .plot { --panel: #1a212a; } }"
    return f"{head}><style>{read('plot.css')}{dark}</style>{paper}{rest}"


def _section(section: Section, folder: str) -> list[str]:
    if not section.blocks:
        return []
    lines = [f"## {section.title}", ""] if section.title else []
    for block in section.blocks:
        lines += [*_block(block, folder), ""]
    return lines


def _block(block: Block, folder: str) -> list[str]:
    match block:
        case Table():
            return _table(block)
        case Chart():
            return [f"![{block.name.replace('_', ' ')}]({folder}/{block.name}.svg)"]
        case Text():
            return [block.text]
        case Code():
            return [*([f"{block.title}:", ""] if block.title else []), "```", block.text.rstrip("\n"), "```"]
        case Facts():
            return [f"- {name}: {value}" for name, value in block.rows]
        case Tiles():
            return [f"- {name}: **{value}** {more}".rstrip() for value, name, more in block.rows]


def _table(table: Table) -> list[str]:
    rules = ["---" if k < table.words else "---:" for k in range(len(table.head))]
    rows = [table.head, rules, *([_text(cell) for cell in row] for row in table.rows)]
    return [*(f"| {' | '.join(row)} |" for row in rows), *(["", table.note] if table.note else [])]


def _text(cell: str | Cell) -> str:
    text = cell if isinstance(cell, str) else cell.text
    text = text.replace("|", "\\|").replace("\n", " ")
    return f"[{text}]({cell.link})" if isinstance(cell, Cell) and cell.link else text
