"""What a report is made of, before it is HTML or Markdown. Text is plain: whoever renders it escapes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table. `tone` colours it: -1 bad, 0 neutral, 1 good."""

    text: str
    tone: float | None = None
    link: str = ""
    hint: str = ""
    """shown on hovering"""


@dataclass(frozen=True, slots=True)
class Table:
    head: Sequence[str]
    rows: Sequence[Sequence[str | Cell]]
    words: int = 1
    """so many columns are words, on the left; the others are numbers, on the right"""
    note: str = ""
    dense: bool = False
    """a matrix: coloured cells close together"""


@dataclass(frozen=True, slots=True)
class Chart:
    name: str
    """of the file beside a Markdown report"""
    svg: str
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Code:
    text: str
    title: str = ""
    """of something long that one may want to leave closed"""


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values."""

    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Tiles:
    """The few numbers to see first: value, name, and what qualifies it."""

    rows: Sequence[tuple[str, str, str]]


Block = Table | Chart | Text | Code | Facts | Tiles


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    blocks: list[Block] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Report:
    title: str
    subtitle: str
    state: str
    sections: list[Section]
