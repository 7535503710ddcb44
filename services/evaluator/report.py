"""The end of a run in numbers: summary.json for programs, report.md with a picture for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..api.v1.health_pb2 import LearnerHealth
from ..api.v1.standings_pb2 import Standings
from ..games import spec
from ..games.conditions import DEFAULT_REGIME
from ..kernel.config import RunConfig
from ..kernel.files import write_atomically
from ..kernel.guests import guest_ids
from ..kernel.panel import PanelRow, candidates, final_candidate, met, panel_opponents, panel_rows, return_rows
from ..kernel.players import BOT_PREFIX, agent_of, is_bot, is_guest, is_version, version_of
from ..kernel.service import Context
from ..kernel.topology import HEALTH, RUN_BUCKET
from .chart import band_chart, line_chart

CHART_FILE = "win_rates.svg"
RETURNS_FILE = "returns.svg"


async def write_report(ctx: Context) -> None:
    """Read the ledger's standings and the learner's last word, write the three files into the run's folder."""
    run = await ctx.bus.bucket(RUN_BUCKET)
    entry = await run.get("ledger")
    found = [await ctx.bus.last(HEALTH, agent) for agent in ctx.config.agent_names]
    healths = [LearnerHealth.FromString(last.data) for last in found if last is not None]
    if entry is None or len(healths) < len(found):
        ctx.log.warning("no report: the run has neither standings nor health")
        return
    standings = Standings.FromString(entry.value)
    summary = build_summary(ctx.config, standings, *healths)
    folder = Path(ctx.config.directory)
    if summary["returns"]:
        write_atomically(folder / RETURNS_FILE, return_chart(ctx.config, summary).encode())
        text = render_returns(ctx.config, summary)
    else:
        write_atomically(folder / CHART_FILE, win_rate_chart(ctx.config, summary).encode())
        text = render(ctx.config, summary)
    write_atomically(folder / "report.md", text.encode())
    write_atomically(folder / "summary.json", (json.dumps(summary, indent=2) + "\n").encode())
    await ctx.event("report", f"report written to {folder / 'report.md'}")


def build_summary(
    config: RunConfig, standings: Standings, health: LearnerHealth, *others: LearnerHealth
) -> dict[str, Any]:
    """Everything the report says. Candidates are in order of training; the last one of an agent is its final policy.

    `others`: health of the agents after the first.
    """
    bots, guests = spec(config.game).bots[config.rules], guest_ids(config)
    measured = sorted(candidates(standings), key=lambda name: version_of(name)[1:][::-1])
    # Without scripted bots step 0 is only met as an opponent.
    untrained = [pair.second for pair in standings.pairs if is_version(pair.second) and not is_guest(pair.second)]
    first = next((name for name in [*measured, *untrained] if version_of(name)[2] == 0), "")
    agents = {agent_of(name): [one for one in measured if agent_of(one) == agent_of(name)] for name in measured}
    finals = [final_candidate(versions) for versions in agents.values()]
    final = final_candidate(measured)
    labels = {name: "final" if name in finals else "step 0" if version_of(name)[2] == 0 else
              f"step {version_of(name)[2]}" for name in measured}  # fmt: skip
    roles = any(agent.role for agent in config.agents)
    seconds = health.metrics.get("elapsed_seconds", 0.0)
    folder = Path(config.directory)
    return {
        "run": config.run,
        "game": config.game,
        "rules": config.rules,
        "preset": config.preset,
        "seed": config.seed,
        "decisions": health.decisions,
        "steps": health.policy.step,
        "seconds": seconds,
        "decisions_per_second": health.decisions / seconds if seconds else 0.0,
        "results": standings.results,
        "refused": dict(standings.refused),
        "ratings": {row.player: row.milli_elo / 1000 for row in standings.players},
        "candidates": [
            {
                "policy": name,
                "label": labels[name],
                "step": version_of(name)[2],
                "rows": [
                    _row(row)
                    for row in panel_rows(
                        standings,
                        name,
                        met(standings, name) if roles else panel_opponents(name, bots, first, guests),
                    )
                ],
            }
            for name in measured
        ],
        "regimes": _regimes(config, standings, final, panel_opponents(final, bots, first)),
        "agents": [_agent(config, one) for one in (health, *others)] if others else [],
        "returns": [
            {"policy": row.candidate, "label": labels[row.candidate], "step": version_of(row.candidate)[2],
             "n": row.episodes, "mean": row.mean, "low": row.low, "high": row.high, "std": row.std,
             "decisions": row.decisions}
            for row in return_rows(standings)
        ],
        "paths": {
            "weights": str(folder / "weights" / "final.safetensors"),
            "report": str(folder / "report.md"),
            "checkpoints": str(folder / "checkpoints"),
            "logs": str(folder / "logs"),
        },
    }


def _agent(config: RunConfig, health: LearnerHealth) -> dict[str, Any]:
    """One of several."""
    folder = config.folder_of(health.policy.agent)
    return {
        "agent": health.policy.agent, "decisions": health.decisions, "steps": health.policy.step,
        "seconds": health.metrics.get("elapsed_seconds", 0.0),
        "weights": str(folder / "weights" / "final.safetensors"), "checkpoints": str(folder / "checkpoints"),
    }  # fmt: skip


def _regimes(
    config: RunConfig, standings: Standings, final: str, opponents: Sequence[str]
) -> list[dict[str, Any]]:
    """The last version in every regime of the configuration, the default one first; empty if there is no other."""
    others = [name for name in dict.fromkeys(config.evaluator.regimes) if name != DEFAULT_REGIME]
    if not others:
        return []
    measured = {DEFAULT_REGIME: "", **{name: name for name in others}}
    return [
        {"regime": name, "rows": [_row(row) for row in panel_rows(standings, final, opponents, booked)]}
        for name, booked in measured.items()
    ]


def _row(row: PanelRow) -> dict[str, Any]:
    low, high = row.interval
    counts = {"wins": row.wins, "draws": row.draws, "losses": row.losses, "n": row.matches}
    return {"opponent": row.opponent, **counts, "win_rate": row.win_rate, "low": low, "high": high}


def win_rate_chart(config: RunConfig, summary: dict[str, Any]) -> str:
    """Win rate against each opponent of the panel over the decisions trained on."""
    series: dict[str, list[tuple[float, float]]] = {}
    for candidate in summary["candidates"]:
        millions = candidate["step"] * config.learner.batch_decisions / 1e6
        for row in candidate["rows"]:
            if row["n"]:
                whose = f"{agent_of(candidate['policy'])}: " if summary["agents"] else ""
                series.setdefault(whose + _short(row["opponent"]), []).append((millions, row["win_rate"]))
    return line_chart("Win rate on evaluation seeds", "million decisions", series)


def return_chart(config: RunConfig, summary: dict[str, Any]) -> str:
    """The learning curve: mean return with its interval over the decisions trained on."""
    per_step = config.learner.batch_decisions / 1e3
    points = [(row["step"] * per_step, row["low"], row["mean"], row["high"]) for row in summary["returns"]]
    return band_chart("Return on evaluation seeds, mean and 95 % interval", "thousand decisions", points)


def render_returns(config: RunConfig, summary: dict[str, Any]) -> str:
    """report.md of a game of one seat."""
    lines = [
        *_head(summary),
        f"![Return on evaluation seeds]({RETURNS_FILE})",
        "",
        "| policy | | episodes | mean return | 95 % interval | standard deviation | decisions per episode |",
        "|---|---|---:|---:|---|---:|---:|",
        *(
            f"| {row['policy']} | {row['label']} | {row['n']} | {row['mean']:,.2f} | {row['low']:,.2f} … "
            f"{row['high']:,.2f} | {row['std']:,.2f} | {row['decisions']:,.1f} |"
            for row in summary["returns"]
        ),
        "",
        f"Undiscounted returns. Deterministic play: {config.evaluator.deterministic}. Seeds are never used in training "
        "and are the same for every policy. Intervals: Student's t, 95 %.",
        *_tail(config, summary),
    ]
    return "\n".join(lines)


def _short(opponent: str) -> str:
    """`ace` for a bot, the name of a guest, `step 0`, or the newest version of another agent at that time."""
    if is_bot(opponent):
        return opponent.removeprefix(BOT_PREFIX)
    if is_guest(opponent):
        return agent_of(opponent)
    return "step 0" if version_of(opponent)[2] == 0 else f"newest {agent_of(opponent)}"


def render(config: RunConfig, summary: dict[str, Any]) -> str:
    """report.md."""
    lines = [
        *_head(summary),
        f"![Win rate on evaluation seeds]({CHART_FILE})",
        "",
    ]
    for label in ("final", "step 0"):
        for candidate in summary["candidates"]:
            if candidate["label"] == label:
                lines += [f"## {label.capitalize()}: {candidate['policy']}", "", *_table(candidate["rows"]), ""]
    if summary["regimes"]:
        lines += ["## Regimes", "", *_regime_table(summary["regimes"]), ""]
    lines += [
        f"Deterministic play: {config.evaluator.deterministic}. Seeds are never used in training; "
        f"{'roles keep their seats' if config.agents else 'both seats are played equally often'}. "
        "Intervals: Wilson, 95 %.",
        *_tail(config, summary),
    ]
    return "\n".join(lines)


def _head(summary: dict[str, Any]) -> list[str]:
    return [
        f"# {summary['run']}",
        "",
        f"{summary['game']} / {summary['rules']}, preset `{summary['preset']}`, seed {summary['seed']}: "
        f"{summary['decisions']:,} decisions in {summary['steps']:,} updates, "
        f"{summary['seconds']:,.0f} s, {summary['decisions_per_second']:,.0f} decisions/s.",
        "",
    ]


def _tail(config: RunConfig, summary: dict[str, Any]) -> list[str]:
    refused = ", ".join(f"{reason} {count}" for reason, count in sorted(summary["refused"].items())) or "none"
    return [
        "",
        f"The ledger holds {summary['results']:,} rated results; refused: {refused}.",
        "",
        "## Again",
        "",
        "```",
        f"ludus train {summary['game']} --config {Path(config.directory) / 'config.json'}",
        "```",
        "",
    ]


def _regime_table(regimes: Sequence[dict[str, Any]]) -> list[str]:
    """Every opponent in every regime, always with its interval."""
    head = [
        "| regime | opponent | wins | draws | losses | n | win rate | 95 % interval |",
        "|---|---|---:|---:|---:|---:|---:|---|",
    ]
    return head + [f"| {one['regime']} {line}" for one in regimes for line in _table(one["rows"])[2:]]


def _table(rows: Sequence[dict[str, Any]]) -> list[str]:
    head = ["| opponent | wins | draws | losses | n | win rate | 95 % interval |", "|---|---:|---:|---:|---:|---:|---|"]
    return head + [
        f"| {row['opponent']} | {row['wins']} | {row['draws']} | {row['losses']} | {row['n']} "
        f"| {row['win_rate']:.1%} | {row['low']:.1%} – {row['high']:.1%} |"
        for row in rows
    ]
