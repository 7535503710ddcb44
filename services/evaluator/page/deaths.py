"""Post-mortem: who died, when, of what, and what it had made durable."""

from __future__ import annotations

from collections.abc import Sequence

from .blocks import Block, Code, Facts, Table, Text
from .story import Json, Story
from .words import clock, duration


def deaths(story: Story) -> list[Block]:
    """Of the run's own processes."""
    if not story.deaths:
        return [Text("Nothing has died.")]
    head = ["when", "service", "process", "cause", "last sign of life before", "step", "durable step", "started again"]
    rows = [_death(row) for row in story.deaths]
    lost = [Facts([("updates made again", str(story.undone))])] if story.undone else []
    name = story.config.get("run") or story.folder.name
    pack = Code(f"ludus postmortem {name}     # black boxes, last events and numbers, stacks and logs, as one archive")
    return [Table(head, rows, words=4), *lost, pack]


def _death(row: Json) -> Sequence[str]:
    age = row.get("heartbeat_age_seconds")
    known = [str(row[key]) if row.get(key) is not None else "-" for key in ("step", "durable_step")]
    seen = duration(age) if isinstance(age, int | float) else "-"
    again = "yes" if row.get("restarted") else "no"
    return [
        clock(row.get("time")),
        str(row["service"]),
        str(row.get("pid", "-")),
        str(row["cause"]),
        seen,
        *known,
        again,
    ]
