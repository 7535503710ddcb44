"""The end of a run in numbers and words: summary.json for programs, report.html and report.md for people."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Any

from ..api.v1.health_pb2 import LearnerHealth
from ..api.v1.standings_pb2 import PairRow, Ratings, Standings
from ..games import spec
from ..games.conditions import DEFAULT_REGIME, regimes_named
from ..kernel.config import RunConfig
from ..kernel.files import write_atomically
from ..kernel.guests import guest_ids
from ..kernel.panel import (
    EVALUATE,
    PanelRow,
    ReturnRow,
    candidates,
    final_candidate,
    met,
    met_champions,
    other_play,
    panel_opponents,
    panel_rows,
    return_rows,
    with_other_play,
)
from ..kernel.players import agent_of, is_guest, is_version, version_of
from ..kernel.service import Context
from ..kernel.topology import HEALTH, RUN_BUCKET
from ..kernel.wilson import wilson_interval
from .page.html import page
from .page.markdown import markdown
from .page.report import report_of
from .page.story import read_story

#: Beside report.md: its charts.
CHARTS_FOLDER = "report"
#: Matches that a payoff matrix is made of.
MEASURED = (EVALUATE, "probe")


async def write_summary(ctx: Context) -> bool:
    """Read the ledger's standings and the learner's last word, write summary.json. False if there is nothing yet."""
    run = await ctx.bus.bucket(RUN_BUCKET)
    entry = await run.get("ledger")
    found = [await ctx.bus.last(HEALTH, agent) for agent in ctx.config.agent_names]
    healths = [LearnerHealth.FromString(last.data) for last in found if last is not None]
    if entry is None or len(healths) < len(found):
        ctx.log.warning("no report: the run has neither standings nor health")
        return False
    summary = build_summary(ctx.config, Standings.FromString(entry.value), *healths)
    # The report comes first: whoever sees the summary may look for it.
    told = await attempt(ctx, "the report", asyncio.to_thread(write_report, Path(ctx.config.directory), summary))
    write_atomically(Path(ctx.config.directory) / "summary.json", (json.dumps(summary, indent=2) + "\n").encode())
    if told:
        await ctx.event("report", f"report written to {Path(ctx.config.directory) / 'report.html'}")
    return True


async def attempt(ctx: Context, what: str, work: Awaitable[Any]) -> bool:
    """Whether it succeeded. Whatever goes wrong in describing a run is said, and ends neither evaluator nor run."""
    try:
        await work
    except Exception as error:
        ctx.log.exception("%s cannot be written", what)
        await ctx.event("report_failed", f"{what} cannot be written: {type(error).__name__}: {error}")
        return False
    return True


def write_report(folder: Path, measured: dict[str, Any] | None = None) -> None:
    """report.html, report.md and its charts, of what the run's folder holds."""
    report = report_of(read_story(folder, measured))
    text, charts = markdown(report, CHARTS_FOLDER)
    write_atomically(folder / "report.html", page(report).encode())
    for name, svg in charts.items():
        write_atomically(folder / CHARTS_FOLDER / name, svg.encode())
    write_atomically(folder / "report.md", text.encode())


def build_summary(
    config: RunConfig,
    standings: Standings,
    health: LearnerHealth,
    *others: LearnerHealth,
    ratings: Ratings | None = None,
) -> dict[str, Any]:
    """Everything that was measured. Candidates are in order of training; the last one of an agent is its final policy.

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
        "record": _record(ratings) if ratings is not None and ratings.players else {},
        "pairs": [_pair(pair) for pair in standings.pairs if pair.purpose in MEASURED and not pair.regime],
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
                        met(standings, name)
                        if roles
                        else (*panel_opponents(name, bots, first, guests), *met_champions(standings, name, first)),
                    )
                ],
            }
            for name in measured
        ],
        "regimes": _regimes(config, standings, final, panel_opponents(final, bots, first)),
        "agents": [_agent(config, one) for one in (health, *others)] if others else [],
        "returns": [_return(row, labels[row.candidate]) for row in return_rows(standings)],
        "other_returns": _other_returns(config, standings),
        "success_return": _success_return(config),
        "paths": {
            "weights": str(folder / "weights" / "final.safetensors"),
            "report": str(folder / "report.html"),
            "checkpoints": str(folder / "checkpoints"),
            "logs": str(folder / "logs"),
        },
    }


def _return(row: ReturnRow, label: str) -> dict[str, Any]:
    """Of one version that plays alone; of successes only where the game says what they are."""
    found = {
        "policy": row.candidate, "label": label, "step": version_of(row.candidate)[2], "n": row.episodes,
        "mean": row.mean, "low": row.low, "high": row.high, "std": row.std, "decisions": row.decisions,
    }  # fmt: skip
    if row.judged:
        found |= {
            "judged": row.judged, "successes": row.successes, "success_rate": row.successes / row.judged,
            "success_low": row.success_low, "success_high": row.success_high,
        }  # fmt: skip
    return found


def _other_returns(config: RunConfig, standings: Standings) -> list[dict[str, Any]]:
    """With the other kind of play."""
    play = other_play(config.evaluator.deterministic)
    return [_return(row, play) for row in return_rows(standings, play)]


def _success_return(config: RunConfig) -> float | None:
    asked = config.evaluator.success_return
    return spec(config.game).success_return if asked is None else asked


def _agent(config: RunConfig, health: LearnerHealth) -> dict[str, Any]:
    """One of several."""
    folder = config.folder_of(health.policy.agent)
    return {
        "agent": health.policy.agent, "decisions": health.decisions, "steps": health.policy.step,
        "seconds": health.metrics.get("elapsed_seconds", 0.0),
        "weights": str(folder / "weights" / "final.safetensors"), "checkpoints": str(folder / "checkpoints"),
    }  # fmt: skip


def _regimes(config: RunConfig, standings: Standings, final: str, opponents: Sequence[str]) -> list[dict[str, Any]]:
    """The last version in every regime of the configuration, the default one first, and then the same with the other
    kind of play, as far as it was measured; empty if there is nothing but the default one."""
    evaluator = config.evaluator
    names = dict.fromkeys((DEFAULT_REGIME, *regimes_named(spec(config.game), config.rules, evaluator.regimes)))
    doubled = [with_other_play(name, evaluator.deterministic, DEFAULT_REGIME) for name in names]
    others = [*(name for name in names if name != DEFAULT_REGIME), *doubled]
    played = {pair.regime for pair in standings.pairs if pair.first == final or pair.second == final}
    others = [name for name in others if name in played]
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
    return {
        "opponent": row.opponent, **counts, "win_rate": row.win_rate, "low": low, "high": high,
        "seats": [_seat(*counts) for counts in row.by_seat],
    }  # fmt: skip


def _seat(wins: int, draws: int, losses: int) -> dict[str, Any]:
    """What was reached in one seat."""
    n = wins + draws + losses
    low, high = wilson_interval(wins, n)
    counts = {"wins": wins, "draws": draws, "losses": losses, "n": n}
    return {**counts, "win_rate": wins / n if n else 0.0, "low": low, "high": high}


def _pair(pair: PairRow) -> dict[str, Any]:
    """One direction of the payoff matrix."""
    counts = {"wins": pair.wins, "draws": pair.draws, "losses": pair.losses}
    return {"purpose": pair.purpose, "first": pair.first, "second": pair.second, **counts}


def _record(ratings: Ratings) -> dict[str, Any]:
    """Ratings of record, best first."""
    return {
        "position": ratings.position,
        "seat_elo": ratings.seat_elo,
        "seat_error": ratings.seat_error,
        "cyclic_share": ratings.cyclic_share,
        "players": [
            {
                "player": row.player, "elo": row.elo, "error": row.error, "first_move_elo": row.first_move_elo,
                "matches": row.matches, "nash_share": row.nash_share, "alpha_rank_share": row.alpha_rank_share,
            }
            for row in ratings.players
        ],
    }  # fmt: skip
