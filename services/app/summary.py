"""The end of a run: what the final policy reached beside the untrained one, and where everything is."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from ..kernel.players import agent_of
from .draw import plain_table
from .home import Json, RunFolder
from .words import count_text, interval_text, seconds_text, short_opponent, success_cells

FINAL, FIRST = "final", "step 0"


def final_tables(summary: Json) -> list[Table]:
    """Of every agent in turn. Where one plays alone: one row per policy with its return."""
    if summary.get("returns"):
        return [_returns_table(summary)]
    return [final_table(summary, agent) for agent in agents(summary)]


def agents(summary: Json) -> list[str]:
    """Names; of a run with one agent "", whatever it is called."""
    return [str(one["agent"]) for one in summary.get("agents", [])] or [""]


def final_table(summary: Json, agent: str = "") -> Table:
    """One row per opponent of the final policy, the same row of step 0 beside it; fits into 80 columns."""
    final, first = candidate(summary, FINAL, agent), candidate(summary, FIRST, agent)
    title = f"{agent} against" if agent else "opponent"
    table = plain_table(title, "W", "D", "L", "n", "final", "95 %", "step 0", "95 %", "n", right=tuple(range(1, 10)))
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
    table = plain_table("", "policy", "mean return", "95 %", "n", "success", "95 %", "n", right=(2, 3, 4, 5, 6, 7))
    for row in summary["returns"]:
        if row["label"] in (FINAL, FIRST):
            interval = f"{row['low']:,.1f} … {row['high']:,.1f}"
            mean = f"{row['mean']:,.1f}"
            table.add_row(row["label"], row["policy"], mean, interval, str(row["n"]), *success_cells(row))
    return table


def candidate(summary: Json, label: str, agent: str = "") -> Json:
    """Empty when it was not measured. `agent`: of a run with several."""
    for one in summary.get("candidates", []):
        if one.get("label") == label and agent in ("", agent_of(one["policy"])):
            return dict(one)
    return {}


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
    for table in final_tables(summary):
        console.print()
        console.print(table)
    if summary.get("returns"):
        console.print("Undiscounted returns in deterministic play on seeds never trained on; 95 %: Student's t.",
                      style="dim", highlight=False)  # fmt: skip
        console.print()
        print_paths(console, run, summary)
        return
    several = len(agents(summary)) > 1
    names = "; ".join(
        f"final is {candidate(summary, FINAL, agent).get('policy')}, "
        f"step 0 {candidate(summary, FIRST, agent).get('policy')}"
        for agent in agents(summary)
    )
    console.print(
        f"Share of wins of the final policy and of the untrained one ({names}),\n"
        f"in deterministic play on seeds never trained on{'' if several else ', both seats'}; 95 %: Wilson interval.",
        style="dim",
        highlight=False,
    )
    console.print()
    print_paths(console, run, summary)


def print_paths(console: Console, run: RunFolder, summary: Json) -> None:
    paths = summary.get("paths", {})
    named = {
        "weights": paths.get("weights") or str(run.path / "weights" / "final.safetensors"),
        **{one["agent"]: one["weights"] for one in summary.get("agents", [])},
        "report": paths.get("report") or str(run.path / "report.html"),
        "logs": paths.get("logs") or str(run.path / "logs"),
    }
    for name, path in named.items():
        console.print(f"{name:<9}{path}", soft_wrap=True, highlight=False)
