"""Two roles: how far apart they are in success. At an equilibrium of equal chances the gap is nought."""

from __future__ import annotations

from math import sqrt

from ...kernel.players import agent_of, is_guest, is_version, version_of
from ...kernel.wilson import Z_95
from .blocks import Block, Chart, Table, Text
from .curves import marks
from .plot import WIDE, Line, plot
from .story import Json, Story
from .words import percent

NOTE = (
    "|success of one role − success of the other| between their newest versions, on seeds never trained on. An "
    "interval that holds 0 does not tell the roles apart."
)


def ne_gap(story: Story) -> list[Block]:
    """Empty for a run that has not exactly two agents, or before they have met."""
    found = gaps(story)
    if not found:
        return []
    points = [(story.millions(row["step"]), row["gap"]) for row in found]
    spread = [(row["low"], row["high"]) for row in found]
    title = "NE gap between the two roles, 95 %"
    drawing = plot(title, [Line("", points, spread, bars=True)], percent=True, marks=marks(story), width=WIDE)
    last = found[-1]
    names = " and ".join(story.agents)
    head = ["versions", f"{story.agents[0]} wins", "draws", f"{story.agents[1]} wins", "n", "NE gap", "95 %"]
    cells = [last["versions"], *(str(last[key]) for key in ("wins", "draws", "losses", "n")), percent(last["gap"]),
             f"{100 * last['low']:.0f}–{100 * last['high']:.0f} %"]  # fmt: skip
    return [Text(f"NE gap of {names}."), Chart("ne_gap", drawing, wide=True), Table(head, [cells], note=NOTE)]


def gaps(story: Story) -> list[Json]:
    """One row per measurement of two newest versions, in the order of training."""
    if len(story.agents) != 2:
        return []
    first, second = story.agents
    rows = []
    for one in story.measured.get("candidates", []):
        for row in one["rows"] if agent_of(one["policy"]) == first else ():
            opponent = row["opponent"]
            if row["n"] and is_version(opponent) and not is_guest(opponent) and agent_of(opponent) == second:
                rows.append(_gap(one, row))
    return sorted(rows, key=lambda row: float(row["step"]))


def _gap(candidate: Json, row: Json) -> Json:
    """Of the difference of two shares of the same matches: its variance is that of a number that is 1, 0 or -1."""
    n, difference = row["n"], (row["wins"] - row["losses"]) / row["n"]
    half = Z_95 * sqrt(max(0.0, (row["wins"] + row["losses"]) / n - difference**2) / n)
    bounds = abs(difference - half), abs(difference + half)
    low = 0.0 if abs(difference) <= half else min(bounds)
    step = (candidate["step"] + version_of(row["opponent"])[2]) / 2
    versions = f"{candidate['policy']}, {row['opponent']}"
    counts = {key: row[key] for key in ("wins", "draws", "losses", "n")}
    return {
        "step": step,
        "versions": versions,
        **counts,
        "gap": abs(difference),
        "low": low,
        "high": min(1.0, max(bounds)),
    }
