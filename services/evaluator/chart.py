"""Line charts as SVG text: small, without a plotting library, readable in print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 720, 320
LEFT, RIGHT, TOP, BOTTOM = 52, 150, 24, 40
COLOURS = ("#1b6ca8", "#d1495b", "#2e933c", "#b07d12", "#6a4c93", "#4a4a4a", "#00798c", "#8f2d56")

#: Heights of the horizontal lines, as shares.
GRID = (0.0, 0.25, 0.5, 0.75, 1.0)

Point = tuple[float, float]


def line_chart(title: str, x_label: str, series: Mapping[str, Sequence[Point]]) -> str:
    """Lines of rates in [0, 1] over x. Each series is (x, rate) in ascending x; the last value is written beside it."""
    largest = max((x for points in series.values() for x, _ in points), default=1.0) or 1.0
    parts = [_frame(title, x_label, largest, {rate: f"{rate:.0%}" for rate in GRID})]
    ends = _spread({name: points[-1][1] for name, points in series.items() if points})
    for index, (name, points) in enumerate(series.items()):
        if points:
            colour = COLOURS[index % len(COLOURS)]
            path = " ".join(f"{_x(x, largest):.1f},{_y(y):.1f}" for x, y in points)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
            label = f"{escape(name)} {points[-1][1]:.0%}"
            parts.append(
                f'<text x="{WIDTH - RIGHT + 8}" y="{ends[name]:.1f}" fill="{colour}" font-size="12">{label}</text>'
            )
    return _svg(parts)


def band_chart(title: str, x_label: str, points: Sequence[tuple[float, float, float, float]]) -> str:
    """One line with its interval over x, scaled to the values: points are (x, low, mean, high) in ascending x."""
    largest = max((point[0] for point in points), default=1.0) or 1.0
    bottom, top = min((point[1] for point in points), default=0.0), max((point[3] for point in points), default=1.0)
    span = (top - bottom) or 1.0
    share = [(_x(x, largest), *(_y((value - bottom) / span) for value in values)) for x, *values in points]
    labels = {rate: f"{bottom + rate * span:,.4g}" for rate in GRID}
    parts = [_frame(title, x_label, largest, labels)]
    if share:
        lower, upper = ([f"{x:.1f},{ends[k]:.1f}" for x, *ends in share] for k in (0, 2))
        middle = " ".join(f"{x:.1f},{ends[1]:.1f}" for x, *ends in share)
        parts += [
            f'<polygon points="{" ".join([*lower, *reversed(upper)])}" fill="{COLOURS[0]}" opacity="0.2"/>',
            f'<polyline points="{middle}" fill="none" stroke="{COLOURS[0]}" stroke-width="2"/>',
            f'<text x="{WIDTH - RIGHT + 8}" y="{share[-1][2] + 4:.1f}" fill="{COLOURS[0]}" font-size="12">'
            f"{points[-1][2]:,.4g}</text>",
        ]
    return _svg(parts)


def _svg(parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>{"".join(parts)}</svg>\n'
    )


def _x(value: float, largest: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * value / largest


def _y(rate: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - rate)


def _frame(title: str, x_label: str, largest: float, labels: Mapping[float, str]) -> str:
    parts = [f'<text x="{LEFT}" y="15" font-size="13" font-weight="bold">{escape(title)}</text>']
    for rate, label in labels.items():
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{_y(rate):.1f}" y2="{_y(rate):.1f}" stroke="#ddd"/>'
            f'<text x="{LEFT - 6}" y="{_y(rate) + 4:.1f}" font-size="11" text-anchor="end">{label}</text>'
        )
    for share in (0.0, 0.5, 1.0):
        x = _x(share * largest, largest)
        parts.append(
            f'<text x="{x:.1f}" y="{HEIGHT - 22}" font-size="11" text-anchor="middle">{share * largest:,.3g}</text>'
        )
    middle = _x(largest / 2, largest)
    parts.append(
        f'<text x="{middle:.1f}" y="{HEIGHT - 6}" font-size="12" text-anchor="middle">{escape(x_label)}</text>'
    )
    return "".join(parts)


def _spread(ends: Mapping[str, float], gap: float = 14.0) -> dict[str, float]:
    """Heights of the labels, pushed apart so that none covers another."""
    placed: dict[str, float] = {}
    lowest = HEIGHT - BOTTOM - gap * (len(ends) - 1) if ends else 0.0
    previous = TOP - gap
    for name, rate in sorted(ends.items(), key=lambda item: -item[1]):
        previous = max(previous + gap, min(_y(rate) + 4, lowest))
        lowest += gap
        placed[name] = previous
    return placed
