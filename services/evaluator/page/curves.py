"""Curves over training: what the learner measured in every update, and what the panel says about its versions."""

from __future__ import annotations

from collections.abc import Callable

from .axis import Point, thin
from .blocks import Block, Chart, Text
from .plot import WIDE, Line, Mark, plot
from .story import Json, Story
from .words import short_name

#: File name, title, and the curves: name -> key of a row of metrics.jsonl.
LEARNING = (
    ("kl", "KL to the policy that played", {"update": "kl", "lag alone": "kl_lag"}),
    ("entropy", "Entropy of the policy", {"": "entropy"}),
    ("value_loss", "Value loss", {"": "value_loss"}),
    ("explained_variance", "Explained variance of the critic", {"": "explained_variance"}),
    ("episode_return", "Return of training episodes", {"": "episode_return"}),
    ("clip_fraction", "Share of clipped ratios", {"": "clip_fraction"}),
    ("gradient_norm", "Norm of the gradient", {"": "gradient_norm"}),
    ("learning_rate", "Learning rate", {"": "learning_rate"}),
)
LOGARITHMIC = ("kl", "value_loss")


def marks(story: Story) -> list[Mark]:
    """Where phases and levels of randomisation begin, and where updates were taken back."""
    shown = {"phase", "randomisation", "rollback"}
    return [Mark(story.at(event["time"]), event["message"]) for event in story.events if event["kind"] in shown]


def learning(story: Story) -> list[Block]:
    """One chart per number of the learner; a band spans the updates that were drawn as one point."""
    if not story.updates:
        return [Text("No update has been made yet.")]
    found: list[Block] = []
    for name, title, keys in LEARNING:
        lines = [_line(story, name, label, key) for label, key in keys.items()]
        if any(line.points for line in lines):
            found.append(Chart(name, plot(title, lines, logarithmic=name in LOGARITHMIC, marks=marks(story))))
    return found


def _line(story: Story, name: str, label: str, key: str) -> Line:
    raw = [(story.millions(row["step"]), float(row[key])) for row in story.updates if row.get(key) is not None]
    if name in LOGARITHMIC:
        raw = [(x, y) for x, y in raw if y > 0]
    points, spread = thin(raw)
    return Line(label, points, spread if len(points) < len(raw) else ())


def strength(story: Story) -> list[Block]:
    """Win rate against every reference, or the return where one plays alone."""
    if story.measured.get("returns"):
        return [_returns(story)]
    lines = [
        Line(short_name(opponent), *_measurements(story, rows, lambda row: (row["win_rate"], row["low"], row["high"])), bars=True)
        for opponent, rows in _by_opponent(story).items()
    ]
    if not any(line.points for line in lines):
        return []
    title = "Win rate against each reference, 95 %"
    return [Chart("win_rates", plot(title, lines, percent=True, marks=marks(story), width=WIDE), wide=True)]


def _by_opponent(story: Story) -> dict[str, list[Json]]:
    """Rows that have been played, with the step of their candidate."""
    found: dict[str, list[Json]] = {}
    for one in story.measured.get("candidates", []):
        for row in one["rows"]:
            if row["n"]:
                found.setdefault(row["opponent"], []).append({**row, "step": one["step"]})
    return found


def _measurements(
    story: Story, rows: list[Json], values: Callable[[Json], tuple[float, float, float]]
) -> tuple[list[Point], list[Point]]:
    points, spread = [], []
    for row in rows:
        middle, low, high = values(row)
        points.append((story.millions(row["step"]), middle))
        spread.append((low, high))
    return points, spread


def _returns(story: Story) -> Chart:
    points, spread = _measurements(story, story.measured["returns"], lambda row: (row["mean"], row["low"], row["high"]))
    title = "Return on evaluation seeds, mean and 95 %"
    line = Line("", points, spread, bars=True)
    return Chart("returns", plot(title, [line], marks=marks(story), width=WIDE), wide=True)
