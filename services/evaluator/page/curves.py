"""Curves over training: what the learner measured in every update, and what the panel says about its versions."""

from __future__ import annotations

from collections.abc import Callable

from ...kernel.players import agent_of, is_guest, is_version, version_of
from .axis import Point, thin
from .blocks import Block, Chart, Text
from .plot import WIDE, Line, Mark, plot
from .story import Json, Story
from .words import short_name

#: File name, title, and the curves: name -> key of a row of metrics.jsonl.
LEARNING = (
    ("kl", "KL of an update", {"to who played": "kl", "to the version before": "kl_previous", "the lag": "kl_lag"}),
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
        lines = [
            _line(story, name, f"{agent if len(story.agents) > 1 else ''} {label}".strip(), key, agent)
            for agent in story.agents
            for label, key in keys.items()
        ]
        if any(line.points for line in lines):
            found.append(Chart(name, plot(title, lines, logarithmic=name in LOGARITHMIC, marks=marks(story))))
    return found


def _line(story: Story, name: str, label: str, key: str, agent: str) -> Line:
    made = story.learners[agent]
    raw = [(story.millions(row["step"]), float(row[key])) for row in made if row.get(key) is not None]
    if name in LOGARITHMIC:
        raw = [(x, y) for x, y in raw if y > 0]
    points, spread = thin(raw)
    return Line(label, points, spread if len(points) < len(raw) else ())


def strength(story: Story) -> list[Block]:
    """Win rate against every reference, or the return where one plays alone."""
    if story.measured.get("returns"):
        return [_returns(story)]
    return [block for agent in story.agents for block in _win_rates(story, agent)]


def _win_rates(story: Story, agent: str) -> list[Block]:
    measured = _by_opponent(story, agent).items()
    lines = [Line(name, *_measurements(story, rows, _rate), bars=True) for name, rows in measured]
    if not lines:
        return []
    whose, suffix = (f" of the {agent}", f"_{agent}") if len(story.agents) > 1 else ("", "")
    title = f"Win rate{whose} against each reference, 95 %"
    return [Chart(f"win_rates{suffix}", plot(title, lines, percent=True, marks=marks(story), width=WIDE), wide=True)]


def _rate(row: Json) -> tuple[float, float, float]:
    return row["win_rate"], row["low"], row["high"]


def _by_opponent(story: Story, agent: str) -> dict[str, list[Json]]:
    """Rows that have been played, with the step of their candidate; the newest version of another agent is one name."""
    found: dict[str, list[Json]] = {}
    for one in story.measured.get("candidates", []):
        for row in one["rows"] if agent_of(one["policy"]) == agent else ():
            if row["n"]:
                found.setdefault(_reference(row["opponent"]), []).append({**row, "step": one["step"]})
    return found


def _reference(opponent: str) -> str:
    if is_version(opponent) and not is_guest(opponent) and version_of(opponent)[2] > 0:
        return f"newest {agent_of(opponent)}"
    return short_name(opponent)


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
