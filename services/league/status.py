"""What a console shows, put together from what the league knows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..api.v1 import run_pb2 as run
from ..api.v1.health_pb2 import LearnerHealth
from ..api.v1.standings_pb2 import Standings
from ..kernel.config import RunConfig
from ..kernel.panel import regression_text, regressions
from .stages import Rules, in_force


def build_status(
    config: RunConfig,
    record: run.RunRecord,
    healths: Sequence[LearnerHealth],
    standings: Standings,
    *,
    tickets_waiting: int,
    elapsed_seconds: float,
    warnings: Iterable[str] = (),
) -> run.RunStatus:
    """`progress` is the share of updates made; `eta_seconds` is 0 when there is nothing to tell it from."""
    health, total = healths[0], config.total_updates
    step = sum(one.policy.step for one in healths) / len(healths)
    stage = in_force(Rules.of(config), record, int(step)).stage
    return run.RunStatus(
        run=config.run,
        game=config.game,
        record=record,
        health=health,
        agents=healths if len(healths) > 1 else (),
        progress=min(step / total, 1.0),
        eta_seconds=_eta_seconds(config, record, healths),
        standings=standings,
        warnings=[*warnings, *_warnings(healths, standings)],
        tickets_waiting=tickets_waiting,
        scripted_share=stage.scripted_share,
        randomisation=record.randomisation,
        elapsed_seconds=elapsed_seconds,
    )


def _eta_seconds(config: RunConfig, record: run.RunRecord, healths: Sequence[LearnerHealth]) -> float:
    """Time to the last update of the slowest agent at the present speed."""
    training = record.state == run.RUN_STATE_TRAINING
    if not training or not all(health.decisions_per_second > 0 for health in healths):
        return 0.0
    return max(
        max(0, config.total_updates - health.policy.step) * config.learner.batch_decisions / health.decisions_per_second
        for health in healths
    )


def _warnings(healths: Sequence[LearnerHealth], standings: Standings) -> Iterable[str]:
    for health in healths:
        if health.warning:
            yield (
                f"learner {health.policy.agent}: {health.warning}" if len(healths) > 1 else f"learner: {health.warning}"
            )
    yield from map(regression_text, regressions(standings))
    refused = {reason: count for reason, count in sorted(standings.refused.items()) if reason != "duplicate"}
    if refused:
        yield "results refused: " + ", ".join(f"{count} {reason}" for reason, count in refused.items())
