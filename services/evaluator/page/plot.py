"""Charts as SVG text: small, without a plotting library. Colours are classes, so that a page can be light or dark."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from math import log10

from .axis import Point, decades, nice_ticks, short

WIDTH, WIDE, HEIGHT = 520, 1080, 270
LEFT, TOP, BOTTOM = 52, 28, 38
#: Width of a letter of a label, for the margin that the longest one needs.
LETTER = 7.2
#: As many colours as style.css has.
COLOURS = 8
#: Labels of lines that end close together are moved so far apart.
LABEL_GAP = 14.0


@dataclass(frozen=True, slots=True)
class Line:
    """A curve over x, ascending. `spread`: lowest and highest of every point, drawn as a band or as error bars."""

    name: str
    points: Sequence[Point]
    spread: Sequence[Point] = ()
    bars: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A vertical line: something happened at this x."""

    x: float
    text: str


class Scale:
    """From data to pixels."""

    def __init__(
        self, lines: Sequence[Line], marks: Sequence[Mark], *, percent: bool, logarithmic: bool, end: float
    ) -> None:
        self.end = end
        ends = [y for line in lines for _, y in line.points] + [
            y for line in lines for pair in line.spread for y in pair
        ]
        self.logarithmic = logarithmic and bool(ends) and min(ends) > 0
        low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
        self.ticks = [0, 0.25, 0.5, 0.75, 1] if percent else (decades if self.logarithmic else nice_ticks)(low, high)
        self.right = max([x for line in lines for x, _ in line.points] + [mark.x for mark in marks], default=1.0) or 1.0
        self._measure: Callable[[float], float] = log10 if self.logarithmic else float
        self._bottom, self._top = self._measure(self.ticks[0]), self._measure(self.ticks[-1])

    def x(self, value: float) -> float:
        return LEFT + (self.end - LEFT) * value / self.right

    def y(self, value: float) -> float:
        share = (self._measure(value) - self._bottom) / (self._top - self._bottom)
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - share)


def plot(
    title: str,
    lines: Sequence[Line],
    *,
    x_label: str = "million decisions",
    percent: bool = False,
    logarithmic: bool = False,
    marks: Sequence[Mark] = (),
    width: float = WIDTH,
) -> str:
    """Curves with their last values beside them. Lines without points are left out."""
    drawn = [line for line in lines if line.points]
    written: Callable[[float], str] = (lambda value: f"{100 * value:.0f} %") if percent else short
    labels = [f"{line.name} {written(line.points[-1][1])}".strip() for line in drawn]
    end = width - 14 - LETTER * max(map(len, labels), default=0)
    scale = Scale(drawn, marks, percent=percent, logarithmic=logarithmic, end=end)
    parts = [_title(title), *_grid(scale, written), *_bottom(scale, x_label), *_marks(scale, marks)]
    for index, line in enumerate(drawn):
        parts += _curve(scale, line, index % COLOURS, written)
    return svg([*parts, *_labels(scale, drawn, labels)], title, width)


def svg(parts: Sequence[str], title: str, width: float = WIDTH, height: float = HEIGHT) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" class="plot" viewBox="0 0 {width} {height}" role="img"'
    return f'{head} aria-label="{escape(title)}">{"".join(parts)}</svg>\n'


def _title(title: str) -> str:
    return f'<text class="title" x="4" y="15">{escape(title)}</text>'


def _grid(scale: Scale, written: Callable[[float], str]) -> list[str]:
    return [
        f'<line class="grid" x1="{LEFT}" x2="{scale.end:.1f}" y1="{scale.y(tick):.1f}" y2="{scale.y(tick):.1f}"/>'
        f'<text class="tick" x="{LEFT - 6}" y="{scale.y(tick) + 4:.1f}" text-anchor="end">{written(tick)}</text>'
        for tick in scale.ticks
    ]


def _bottom(scale: Scale, label: str) -> list[str]:
    ticks = [tick for tick in nice_ticks(0.0, scale.right) if 0 <= tick <= scale.right * 1.01]
    found = [under(scale.x(tick), HEIGHT - BOTTOM + 16, short(tick)) for tick in ticks]
    return [*found, under(scale.x(scale.right / 2), HEIGHT - 4, label)]


def under(x: float, y: float, text: str) -> str:
    """Writing below an axis, around x."""
    return f'<text class="tick" x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{escape(text)}</text>'


def _marks(scale: Scale, marks: Sequence[Mark]) -> list[str]:
    return [
        f'<line class="mark" x1="{scale.x(mark.x):.1f}" x2="{scale.x(mark.x):.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}">'
        f"<title>{escape(mark.text)}</title></line>"
        for mark in marks
    ]


def _curve(scale: Scale, line: Line, colour: int, written: Callable[[float], str]) -> list[str]:
    path = " ".join(f"{scale.x(x):.1f},{scale.y(y):.1f}" for x, y in line.points)
    parts = [f'<polyline class="line c{colour}" points="{path}"/>']
    if line.bars:
        return [*parts, *_bars(scale, line, colour, written)]
    if any(low != high for low, high in line.spread):
        there = [(x, pair) for (x, _), pair in zip(line.points, line.spread, strict=True)]
        under = [f"{scale.x(x):.1f},{scale.y(low):.1f}" for x, (low, _) in there]
        over = [f"{scale.x(x):.1f},{scale.y(high):.1f}" for x, (_, high) in reversed(there)]
        parts.insert(0, f'<polygon class="band c{colour}" points="{" ".join([*under, *over])}"/>')
    return parts


def _bars(scale: Scale, line: Line, colour: int, written: Callable[[float], str]) -> list[str]:
    """A dot with an error bar for every point; hovering shows the numbers."""
    parts = []
    for (x, y), (low, high) in zip(line.points, line.spread, strict=True):
        at, ends = f"{scale.x(x):.1f}", (f"{scale.y(low):.1f}", f"{scale.y(high):.1f}")
        hint = escape(f"{line.name}: {written(y)} ({written(low)} – {written(high)}) at {short(x)}")
        parts.append(
            f'<line class="bar c{colour}" x1="{at}" x2="{at}" y1="{ends[0]}" y2="{ends[1]}"/>'
            f'<circle class="dot c{colour}" cx="{at}" cy="{scale.y(y):.1f}" r="3"><title>{hint}</title></circle>'
        )
    return parts


def _labels(scale: Scale, lines: Sequence[Line], labels: Sequence[str]) -> list[str]:
    """Name and last value at the end of every line."""
    heights = spread_apart([scale.y(line.points[-1][1]) + 4 for line in lines])
    return [
        f'<text class="label c{index % COLOURS}" x="{scale.end + 8:.1f}" y="{height:.1f}">{escape(label)}</text>'
        for index, (label, height) in enumerate(zip(labels, heights, strict=True))
    ]


def spread_apart(heights: Sequence[float], gap: float = LABEL_GAP) -> list[float]:
    """Heights moved so that neighbours are at least `gap` apart and none is below the chart."""
    order = sorted(range(len(heights)), key=lambda k: heights[k])
    placed, previous = list(heights), TOP - gap
    for rank, index in enumerate(order):
        lowest = HEIGHT - BOTTOM + 8 - gap * (len(order) - 1 - rank)
        previous = placed[index] = max(previous + gap, min(heights[index], lowest))
    return placed
