"""What happened when: phases and stages as bands over the run, everything else as marks and in words."""

from __future__ import annotations

from html import escape

from .axis import nice_ticks, short
from .blocks import Block, Chart, Table, Text
from .plot import COLOURS, WIDE, svg, under
from .story import QUIET_KINDS, Story
from .words import clock

LEFT, BAND, GAP = 118.0, 22.0, 8.0
TRACKS = (("phase", "phases"), ("randomisation", "randomisation"))
DOTS = (
    (("evaluation",), "measurements"),
    (("snapshot",), "snapshots"),
    (("promotion",), "promotions"),
    (("regression",), "regressions"),
    (("rollback_planned", "rollback_aborted", "paused_by_health"), "health"),
    (("rollback",), "rollbacks"),
)
#: Rows whose dots mean that something went wrong.
BAD = ("regressions", "health", "rollbacks")
MOST_EVENTS = 60


def timeline(story: Story) -> list[Block]:
    if not story.events:
        return []
    shown = [event for event in story.events if event["kind"] not in QUIET_KINDS]
    rows = [
        [clock(event["time"]), f"{story.at(event['time']):.2f} M", event["kind"], event["message"]] for event in shown
    ]
    table = Table(["time", "decisions", "event", ""], rows[-MOST_EVENTS:], words=4)
    left_out = len(rows) - MOST_EVENTS
    more = [Text(f"{left_out} earlier events are in {story.folder / 'events.jsonl'}.")] if left_out > 0 else []
    return [Chart("timeline", _drawing(story), wide=True), *_quiet(story), table, *more]


def _quiet(story: Story) -> list[Block]:
    counts = {kind: sum(event["kind"] == kind for event in story.events) for kind in QUIET_KINDS}
    said = ", ".join(f"{n} × {kind.replace('_', ' ')}" for kind, n in counts.items() if n)
    return [Text(f"Not listed: {said}.")] if said else []


def _drawing(story: Story) -> str:
    """Rows of bands, then rows of dots, above an axis of decisions."""
    end = story.millions(story.total)
    parts, y = [], 8.0
    for kind, name in TRACKS:
        if spans := _spans(story, kind, end):
            parts += [_name(name, y), *(_span(span, end, y, k) for k, span in enumerate(spans))]
            y += BAND + GAP
    for kinds, name in DOTS:
        if at := [(story.at(event["time"]), event["message"]) for event in story.events if event["kind"] in kinds]:
            parts += [_name(name, y), *(_dot(x, text, end, y, name) for x, text in at)]
            y += BAND + GAP
    if died := [(story.at(row["time"]), f"{row['service']}: {row['cause']}") for row in story.deaths]:
        parts += [_name("deaths", y), *(_dot(x, text, end, y, BAD[-1]) for x, text in died)]
        y += BAND + GAP
    return svg([*_axis(end, y), *parts], "what happened when", WIDE, y + 40)


def _x(value: float, end: float) -> float:
    return LEFT + (WIDE - LEFT - 20) * value / end


def _name(text: str, y: float) -> str:
    return f'<text class="tick" x="{LEFT - 10}" y="{y + 15:.1f}" text-anchor="end">{text}</text>'


def _spans(story: Story, kind: str, end: float) -> list[tuple[float, float, str]]:
    begun = [
        (story.at(event["time"]), event["message"].removesuffix(" begins"))
        for event in story.events
        if event["kind"] == kind
    ]
    ends = [*(x for x, _ in begun[1:]), end][: len(begun)]
    return [(start, stop, name) for (start, name), stop in zip(begun, ends, strict=True) if stop > start]


def _span(span: tuple[float, float, str], end: float, y: float, index: int) -> str:
    start, stop, name = span
    left, width = _x(start, end), _x(stop, end) - _x(start, end)
    label = name if width > 7.5 * len(name) else ""
    return (
        f'<rect class="part c{index % COLOURS}" x="{left:.1f}" y="{y:.1f}" width="{width:.1f}" height="{BAND}" rx="3">'
        f"<title>{escape(name)} from {start:.2f} M</title></rect>"
        f'<text class="on" x="{left + width / 2:.1f}" y="{y + 15:.1f}" text-anchor="middle">{escape(label)}</text>'
    )


def _dot(x: float, text: str, end: float, y: float, name: str) -> str:
    colour = "c1" if name in BAD else "c0" if name == "measurements" else "c5"
    hint = f"<title>{escape(text)}</title>"
    return f'<circle class="dot {colour}" cx="{_x(x, end):.1f}" cy="{y + 10:.1f}" r="4">{hint}</circle>'


def _axis(end: float, y: float) -> list[str]:
    ticks = [tick for tick in nice_ticks(0, end, 8) if tick <= end * 1.01]
    found = [
        f'<line class="grid" x1="{_x(t, end):.1f}" x2="{_x(t, end):.1f}" y1="4" y2="{y:.1f}"/>'
        + under(_x(t, end), y + 15, short(t))
        for t in ticks
    ]
    return [*found, under(_x(end / 2, end), y + 32, "million decisions")]
