"""The end of a run: what the final policy reached beside the untrained one, and where everything is."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from .draw import plain_table
from .home import Json, RunFolder
from .words import count_text, interval_text, seconds_text, short_opponent

FINAL, FIRST = "final", "step 0"


def final_table(summary: Json) -> Table:
    """One row per opponent of the final policy, the same row of step 0 beside it; fits into 80 columns.

    Where one plays alone: one row per policy with its return.
    """
    if summary.get("returns"):
        return _returns_table(summary)
    final, first = candidate(summary, FINAL), candidate(summary, FIRST)
    table = plain_table(
        "opponent", "W", "D", "L", "n", "final", "95 %", "step 0", "95 %", "n", right=(1, 2, 3, 4, 5, 6, 7, 8, 9)
    )
    before = {row["opponent"]: row for row in first.get("rows", [])}
    for row in final.get("rows", []):
        table.add_row(
            short_opponent(row["opponent"]),
            *(str(row[key]) for key in ("wins", "draws", "losses", "n")),
            f"{100 * row['win_rate']:.1f} %",
            interval_text(row["low"], row["high"]),
            *_before(before.get(row["opponent"])),
        )
    return table


def _returns_table(summary: Json) -> Table:
    table = plain_table("", "policy", "mean return", "95 %", "n", right=(2, 3, 4))
    for row in summary["returns"]:
        if row["label"] in (FINAL, FIRST):
            interval = f"{row['low']:,.1f} … {row['high']:,.1f}"
            table.add_row(row["label"], row["policy"], f"{row['mean']:,.1f}", interval, str(row["n"]))
    return table


def candidate(summary: Json, label: str) -> Json:
    """Empty when it was not measured."""
    return next((dict(one) for one in summary.get("candidates", []) if one.get("label") == label), {})


def _before(row: Json | None) -> tuple[str, str, str]:
    if not row:
        return "-", "-", "-"
    return f"{100 * row['win_rate']:.1f} %", interval_text(row["low"], row["high"]), str(row["n"])


def print_summary(console: Console, run: RunFolder, summary: Json) -> None:
    """Table and paths."""
    console.print(
        f"{summary['run']}: {count_text(summary['decisions'])} decisions in {summary['steps']} updates, "
        f"{seconds_text(summary['seconds'])}, {summary['decisions_per_second']:,.0f} decisions/s"
    )
    console.print()
    console.print(final_table(summary))
    if summary.get("returns"):
        console.print("Undiscounted returns in deterministic play on seeds never trained on; 95 %: Student's t.",
                      style="dim", highlight=False)  # fmt: skip
        console.print()
        print_paths(console, run, summary)
        return
    names = f"final is {candidate(summary, FINAL).get('policy')}, step 0 {candidate(summary, FIRST).get('policy')}"
    console.print(
        f"Share of wins of the final policy and of the untrained one ({names}),\n"
        "in deterministic play on seeds never trained on, both seats; 95 %: Wilson interval.",
        style="dim",
        highlight=False,
    )
    console.print()
    print_paths(console, run, summary)


def print_paths(console: Console, run: RunFolder, summary: Json) -> None:
    paths = summary.get("paths", {})
    named = {
        "weights": paths.get("weights") or str(run.path / "weights" / "final.safetensors"),
        "report": paths.get("report") or str(run.path / "report.md"),
        "logs": paths.get("logs") or str(run.path / "logs"),
    }
    for name, path in named.items():
        console.print(f"{name:<9}{path}", soft_wrap=True, highlight=False)
