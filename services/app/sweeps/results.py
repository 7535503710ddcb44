"""What the runs of a sweep reached, by fixed references, and what may be concluded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...evaluator.aggregate import Estimate, FloatArray, difference, summarise, verdict
from ...evaluator.page.panel import candidate
from ...evaluator.page.ratings import gap_to_step_0, rating_of_step_0
from ...evaluator.page.story import Story, read_story
from ...kernel.players import is_bot, is_guest
from ..home import Home
from .plan import Sweep, Trial, Variant, trials
from .runner import COMPLETED, status_of


@dataclass(frozen=True, slots=True)
class Result:
    """One run. `scores`: mean score (win 1, draw ½) by fixed reference, or the mean return."""

    trial: Trial
    status: str
    scores: dict[str, float]
    matches: int
    elo_gap: float | None
    step_0: float | None
    kl_mean: float | None
    kl_max: float | None
    seconds: float

    @property
    def score(self) -> float | None:
        """Mean over the references."""
        return sum(self.scores.values()) / len(self.scores) if self.scores else None


@dataclass(frozen=True, slots=True)
class Conclusion:
    """One variant beside the first."""

    variant: Variant
    results: list[Result]
    score: Estimate | None
    beside: Estimate | None
    verdict: str


def results(sweep: Sweep, home: Home) -> list[Result]:
    """Of every run, begun or not."""
    return [_result(trial, home) for trial in trials(sweep)]


def _result(trial: Trial, home: Home) -> Result:
    run = home.run(trial.name)
    status = status_of(run)
    if not run.config_file.exists():
        return Result(trial, status, {}, 0, None, None, None, None, 0.0)
    story = read_story(run.path)
    scores, matches = _scores(story)
    kl = [float(row["kl"]) for row in story.updates if row.get("kl") is not None]
    gap = gap_to_step_0(story)
    return Result(
        trial, status, scores, matches, gap[0] if gap else None, rating_of_step_0(story),
        float(np.mean(kl)) if kl else None, max(kl, default=None),
        float(story.updates[-1]["elapsed_seconds"]) if story.updates else 0.0,
    )  # fmt: skip


def _scores(story: Story) -> tuple[dict[str, float], int]:
    """Of the newest version; against what is the same for all runs: bots and guests, never its own versions."""
    if returns := story.measured.get("returns"):
        return {"return": float(returns[-1]["mean"])}, int(returns[-1]["n"])
    rows = candidate(story, "final", story.agents[0]).get("rows", [])
    fixed = [row for row in rows if row["n"] and (is_bot(row["opponent"]) or is_guest(row["opponent"]))]
    return {row["opponent"]: (row["wins"] + row["draws"] / 2) / row["n"] for row in fixed}, sum(r["n"] for r in fixed)


def conclude(sweep: Sweep, found: Sequence[Result]) -> list[Conclusion]:
    """Completed runs alone; the first variant is what the others are compared with."""
    own = {variant.name: [one for one in found if one.trial.variant == variant] for variant in sweep.variants}
    tables = {name: _table(rows) for name, rows in own.items()}
    first = tables[sweep.variants[0].name]
    return [_conclusion(variant, own[variant.name], tables[variant.name], first) for variant in sweep.variants]


def _table(rows: Sequence[Result]) -> FloatArray:
    """Seeds × references."""
    done = [row for row in rows if row.status == COMPLETED and row.scores]
    names = sorted(set.intersection(*(set(row.scores) for row in done))) if done else []
    return np.array([[row.scores[name] for name in names] for row in done], dtype=np.float64).reshape(
        len(done), len(names)
    )


def _conclusion(variant: Variant, rows: list[Result], table: FloatArray, first: FloatArray) -> Conclusion:
    if not table.size:
        return Conclusion(variant, rows, None, None, "nothing completed yet")
    if table is first or not first.size:
        return Conclusion(variant, rows, summarise(table), None, "what the others are compared with")
    beside = difference(table, first)
    return Conclusion(variant, rows, summarise(table), beside, verdict(beside))
