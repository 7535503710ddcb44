"""A sweep as a page of an experiment tracker: hypothesis, changes, command, status, results, verdict, follow-up."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from ...evaluator.aggregate import Estimate
from ...evaluator.page.blocks import Block, Code, Facts, Report, Section, Table, Text
from ...evaluator.page.words import duration
from ..home import Home
from .plan import Sweep, Variant
from .results import Conclusion, Result, conclude, results
from .runner import status_of_all

NOTE = (
    "Score: mean over fixed references of win 1, draw ½, loss 0, of the last version on fresh seeds; where "
    "one plays alone, the mean return. IQM: interquartile mean over seeds × references with a 95 % stratified "
    "bootstrap interval; the difference is to the first variant. Elo gap: last version above its own step 0; step 0 is "
    "rated with the mean of the scripted bots at 0. Spread: lowest and highest seed."
)
SEEDS_NOTE = "n: matches (episodes) behind the score. KL: closed form, of every update."


def tracker(sweep: Sweep, home: Home) -> Report:
    """For people; `ludus experiments NAME` prints it, `--markdown` writes it."""
    found = results(sweep, home)
    conclusions = conclude(sweep, found)
    return Report(
        title=f"Experiment {sweep.name}",
        subtitle=sweep.hypothesis,
        state=status_of_all(sweep, home),
        sections=[
            Section("Question", _question(sweep)),
            Section(
                "Key changes", [Table(["variant", "changes", ""], [_changes(one) for one in sweep.variants], words=3)]
            ),
            Section("Command", [Code(f"ludus sweep {sweep.name}")]),
            Section("Results", [_variants(conclusions), _seeds(found)]),
            Section("Verdict", [Facts([(one.variant.name, one.verdict) for one in conclusions])]),
            Section("Follow-up", [Text(sweep.follow_up)] if sweep.follow_up else []),
        ],
    )


def _question(sweep: Sweep) -> list[Block]:
    length = f"{sweep.decisions:,} decisions each" if sweep.decisions else "as long as the preset says"
    facts = [("hypothesis", sweep.hypothesis), ("game", f"{sweep.game}, preset {sweep.preset}, {length}"),
             ("seeds", ", ".join(map(str, sweep.seeds)))]  # fmt: skip
    shared = ", ".join(f"{key} = {value}" for key, value in sweep.set.items())
    return [
        Facts(
            [
                *facts,
                *([("all variants", shared)] if shared else []),
                *([("origin", sweep.origin)] if sweep.origin else []),
            ]
        )
    ]


def _changes(variant: Variant) -> list[str]:
    changes = ", ".join(f"{key} = {value}" for key, value in variant.set.items())
    return [variant.name, changes or "none", variant.description]


def _variants(conclusions: Sequence[Conclusion]) -> Table:
    head = [
        "variant",
        "seeds",
        "score IQM",
        "95 %",
        "spread",
        "difference",
        "95 %",
        "Elo gap",
        "step 0",
        "KL mean",
        "KL max",
    ]
    return Table(head, [_variant(one) for one in conclusions], note=NOTE)


def _variant(one: Conclusion) -> list[str]:
    done = [row for row in one.results if row.score is not None and row.status == "completed"]
    scores = [row.score for row in done if row.score is not None]
    spread = f"{min(scores):.3f} – {max(scores):.3f}" if scores else "-"
    return [
        one.variant.name, str(len(done)), *_estimate(one.score), spread, *_estimate(one.beside),
        _mean([row.elo_gap for row in done], "+,.0f"), _mean([row.step_0 for row in done], ",.0f"),
        _mean([row.kl_mean for row in done], ".4f"), _most([row.kl_max for row in done]),
    ]  # fmt: skip


def _estimate(found: Estimate | None) -> list[str]:
    if found is None:
        return ["-", "-"]
    interval = f"{found.low:.3f} – {found.high:.3f}" if isfinite(found.low) else "one seed"
    return [f"{found.value:.3f}", interval]


def _mean(values: Sequence[float | None], style: str) -> str:
    known = [value for value in values if value is not None]
    return format(sum(known) / len(known), style) if known else "-"


def _most(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{max(known):.3f}" if known else "-"


def _seeds(found: Sequence[Result]) -> Table:
    head = ["run", "status", "score", "n", "Elo gap", "step 0", "KL mean", "KL max", "training"]
    rows = [
        [
            row.trial.name, row.status, "-" if row.score is None else f"{row.score:.3f}", str(row.matches),
            _mean([row.elo_gap], "+,.0f"), _mean([row.step_0], ",.0f"), _mean([row.kl_mean], ".4f"),
            _most([row.kl_max]), duration(row.seconds) if row.seconds else "-",
        ]
        for row in found
    ]  # fmt: skip
    return Table(head, rows, words=2, note=SEEDS_NOTE)
