"""How fast it was and where the time went."""

from __future__ import annotations

from html import escape

from .axis import thin
from .blocks import Block, Chart, Facts
from .curves import marks
from .plot import COLOURS, WIDE, Line, plot, svg
from .story import Story
from .words import count, duration, percent

LEFT, RIGHT, BAND = 10.0, 10.0, 30.0


def costs(story: Story) -> list[Block]:
    if not story.updates:
        return []
    raw = [(story.millions(row["step"]), float(row["decisions_per_second"])) for row in story.updates]
    points, spread = thin(raw)
    rate = plot(
        "Decisions per second", [Line("", points, spread if len(points) < len(raw) else ())], marks=marks(story)
    )
    parts = _parts(story, "wall_seconds")
    lag = [(story.millions(row["step"]), float(row["lag_mean"])) for row in story.updates if "lag_mean" in row]
    charts: list[Block] = [Chart("decisions_per_second", rate)]
    if lag:
        charts.append(Chart("lag", plot("Age of the data, in updates", [Line("", thin(lag)[0])], marks=marks(story))))
    if parts:
        charts.append(Chart("where_time_went", _bar(parts), wide=True))
    return [*charts, Facts(_facts(story, parts))]


def _parts(story: Story, key: str) -> dict[str, float]:
    """Seconds of the learner by what it did."""
    total: dict[str, float] = {}
    for row in story.updates:
        for part, seconds in (row.get(key) or {}).items():
            total[part] = total.get(part, 0.0) + seconds
    return dict(sorted(total.items(), key=lambda item: -item[1]))


def _bar(parts: dict[str, float]) -> str:
    """One bar: the learner's wall time. `wait` is for experience: the simulators are the narrow place then."""
    whole, x, found = sum(parts.values()) or 1.0, LEFT, []
    for index, (name, seconds) in enumerate(parts.items()):
        width = (WIDE - LEFT - RIGHT) * seconds / whole
        text = f"{name} {percent(seconds / whole, 0)}"
        label = text if width > 8 * len(text) else ""
        found.append(
            f'<rect class="part c{index % COLOURS}" x="{x:.1f}" y="26" width="{width:.1f}" height="{BAND}">'
            f"<title>{escape(text)}, {duration(seconds)}</title></rect>"
            f'<text class="on" x="{x + width / 2:.1f}" y="45" text-anchor="middle">{escape(label)}</text>'
        )
        x += width
    title = '<text class="title" x="4" y="15">Where the learner\'s time went</text>'
    return svg([title, *found], "where the learner's time went", WIDE, 64)


def _facts(story: Story, parts: dict[str, float]) -> list[tuple[str, str]]:
    last = story.updates[-1]
    seconds, whole = float(last["elapsed_seconds"]), sum(parts.values())
    cpu = sum(_parts(story, "cpu_seconds").values())
    played, learned = story.beats.get("evaluator", {}).get("decisions"), last["decisions"]
    facts = [
        ("training", f"{duration(seconds)}, {count(learned / seconds) if seconds else '-'} decisions/s over all of it"),
        ("learner", ", ".join(f"{name} {duration(spent)}" for name, spent in parts.items()) + f"; CPU {duration(cpu)}"),
        ("updates", f"{last['step']:,} that remained, {story.undone:,} undone or lost and made again"),
    ]
    if played:
        share = percent(played / (played + 2 * learned))
        facts.append(
            (
                "measuring",
                f"{count(played)} decisions of the evaluator since its start, {share} of all that were played",
            )
        )
    return facts if whole else facts[:1]
