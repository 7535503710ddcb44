"""What is known about a run at this moment, from its folder and (if it answers) its league, in one plain object.

`ludus status` prints it, `ludus status --json` writes it, the live console draws it.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from ..api.v1.health_pb2 import LearnerHealth
from ..api.v1.run_pb2 import RunState, RunStatus
from ..api.v1.standings_pb2 import PairRow, Standings
from ..kernel.panel import return_rows, turned
from ..kernel.players import agent_of, is_bot, is_guest, is_version, version_of
from ..kernel.wilson import wilson_interval
from .disk import disk_full
from .home import Home, Json, RunFolder, last_row, read_json, read_rows
from .processes import Identity

#: States in which nothing more will happen by itself.
OVER = ("finished", "stopped", "failed")

#: A heartbeat older than this while the process lives means that it hangs.
HUNG_SECONDS = 30.0
TRAIN, EVALUATE = "train", "evaluate"
#: Names of the learner's numbers, with and without the prefix they have as metrics.
METRIC_PREFIX = "ludus_learner_"


def metric(metrics: Any, name: str) -> float | None:
    """A number of the learner by its short name."""
    for key in (name, METRIC_PREFIX + name):
        if key in metrics:
            return float(metrics[key])
    return None


def service_view(run: RunFolder, name: str) -> Json:
    """One process: is it there, does it work, how often was it started again."""
    process, heartbeat = read_json(run.process_file(name)), run.heartbeat(name)
    identity = Identity.read(process)
    alive = identity is not None and identity.alive()
    own = heartbeat if identity and heartbeat.get("pid") == identity.pid else {}
    beat = own.get("beat")
    age = max(0.0, time.time() - beat) if isinstance(beat, int | float) else None
    return {
        "service": name,
        "pid": identity.pid if identity else None,
        "alive": alive,
        "state": _service_state(alive, own, age, process),
        "heartbeat_age_seconds": round(age, 1) if age is not None else None,
        "restarts": int(process.get("restarts", 0)),
        "step": heartbeat.get("step"),
        "durable_step": heartbeat.get("durable_step"),
        "reason": own.get("reason") or "",
        "error": own.get("error") or "",
        "http_port": own.get("http_port") if alive else None,
        "grpc_port": own.get("grpc_port") if alive else None,
    }


def _service_state(alive: bool, heartbeat: Json, age: float | None, process: Json) -> str:
    if alive:
        if age is not None and age > HUNG_SECONDS:
            return "hung"
        return str(heartbeat.get("state") or "starting")
    if not process:
        return "not started"
    return "ended" if 0 in (process.get("exit_code"), heartbeat.get("exit_code")) else "dead"


def run_view(home: Home, run: RunFolder, status: RunStatus | None) -> Json:
    """Everything about a run. `status` is the league's answer, None when it cannot be asked."""
    config = run.config()
    learner = config.get("learner", {})
    total = max(1, int(config.get("decisions", 0)) // max(1, int(learner.get("batch_decisions", 1))))
    view: Json = {
        "run": run.name,
        "game": config.get("game"),
        "rules": config.get("rules"),
        "preset": config.get("preset"),
        "seed": config.get("seed"),
        "directory": str(run.path),
        "state": _state(run, status),
        "reason": str(run.outcome().get("reason") or (status.record.reason if status else "")),
        "total_steps": total,
        "total_decisions": total * int(learner.get("batch_decisions", 0)),
        "target_kl": learner.get("target_kl"),
        "agents": run.agents() or [str(learner.get("agent", "main"))],
        "services": [service_view(run, name) for name in run.services()],
        "deaths": read_rows(run.deaths_file) + _stack_deaths(home, run),
        "answering": status is not None,
    }
    view["deaths"].sort(key=lambda row: row.get("time") or 0)
    view |= _progress_of_status(status) if status else _progress_of_files(run)
    view["progress"] = min(1.0, (view["step"] or 0) / total)
    view["warnings"] += _troubles(home, view)
    return view


def _troubles(home: Home, view: Json) -> list[str]:
    """What keeps the whole stack from working, while the run is meant to."""
    if view["state"] in OVER:
        return []
    problems = (disk_full(home), str(read_json(home.stack_file).get("error") or ""))
    return list(dict.fromkeys(problem for problem in problems if problem))


def _state(run: RunFolder, status: RunStatus | None) -> str:
    if outcome := run.outcome():
        return str(outcome["state"])
    if status:
        return RunState.Name(status.record.state).removeprefix("RUN_STATE_").lower()
    if run.desired().get("state") != "running":
        return "stopped"
    known = run.heartbeat("league").get("run_state")
    return str(known).lower() if known else "starting"


def _stack_deaths(home: Home, run: RunFolder) -> list[Json]:
    """Deaths of what all runs share (nats-server, the supervisor) since this one began."""
    began = run.config_file.stat().st_mtime if run.config_file.exists() else 0.0
    return [row for row in read_rows(home.deaths_file) if (row.get("time") or 0) >= began]


def _progress_of_status(status: RunStatus) -> Json:
    health, record = status.health, status.record
    return {
        "phase": record.phase,
        "randomisation": status.randomisation,
        "scripted_share": status.scripted_share,
        "on_trial": record.stages.trial.on or record.curriculum.trial.on,
        "step": health.policy.step,
        "epoch": health.policy.epoch,
        "durable_step": health.checkpoint_step,
        "decisions": health.decisions,
        "decisions_per_second": health.decisions_per_second,
        "kl": metric(health.metrics, "kl"),
        "entropy": metric(health.metrics, "entropy"),
        "learning": list(record.learning),
        "learners": [_learner(one) for one in status.agents or [health]],
        "eta_seconds": status.eta_seconds,
        "elapsed_seconds": status.elapsed_seconds,
        "results": status.standings.results,
        "refused": dict(status.standings.refused),
        "pool": len(record.pool),
        "warnings": list(status.warnings),
        "ratings": {row.player: row.milli_elo / 1000 for row in status.standings.players},
        "opponents": opponents(status.standings),
        "evaluations": evaluations(status.standings),
        "recent_return": recent_return(status.standings),
        "recent_success": recent_success(status.standings),
        "returns": [asdict(row) for row in return_rows(status.standings)],
    }


def _learner(health: LearnerHealth) -> Json:
    numbers = {name: metric(health.metrics, name) for name in ("kl", "entropy")}
    return {
        "agent": health.policy.agent, "step": health.policy.step, "decisions": health.decisions,
        "decisions_per_second": health.decisions_per_second, "durable_step": health.checkpoint_step, **numbers,
    }  # fmt: skip


def _progress_of_files(run: RunFolder) -> Json:
    first = next(iter(run.agents()), "")
    row = last_row(run.folder_of(first) / "metrics.jsonl")
    beat = run.heartbeat(f"learner-{first}" if first else "learner")
    step = beat.get("step") if beat.get("step") is not None else row.get("step")
    return {
        "phase": run.heartbeat("league").get("phase") or "",
        "randomisation": run.heartbeat("league").get("randomisation") or "",
        "scripted_share": None,
        "on_trial": False,
        "step": int(step or 0),
        "epoch": row.get("epoch"),
        "durable_step": beat.get("durable_step"),
        "decisions": beat.get("decisions") or row.get("decisions") or 0,
        "decisions_per_second": row.get("decisions_per_second"),
        "kl": metric(row, "kl"),
        "entropy": metric(row, "entropy"),
        "learning": [],
        "learners": [],
        "eta_seconds": None,
        "elapsed_seconds": None,
        "results": run.heartbeat("league").get("results"),
        "refused": {},
        "pool": None,
        "warnings": [],
        "ratings": dict(run.summary().get("ratings", {})),
        "opponents": [],
        "evaluations": [],
        "recent_return": None,
        "recent_success": None,
        "returns": [],
    }


def recent_return(standings: Standings) -> float | None:
    """Of the learner's training episodes where it plays alone, averaged over the newest ones."""
    return next((solo.recent_return for solo in standings.solos if solo.purpose == TRAIN), None)


def recent_success(standings: Standings) -> float | None:
    """The same of the share of successes, over about the last 64; None where the game does not say what they are."""
    return next((solo.recent_success for solo in standings.solos if solo.purpose == TRAIN and solo.judged), None)


def opponents(standings: Standings) -> list[Json]:
    """Every live agent against everybody it trained with: earlier versions together, the others one by one."""
    live = [pair for pair in standings.pairs if pair.purpose == TRAIN and not is_version(pair.first)]
    live += [turned(pair) for pair in live if not is_version(pair.second) and not is_bot(pair.second)]
    return [row for agent in dict.fromkeys(pair.first for pair in live) for row in _opponents_of(agent, live)]


def _opponents_of(agent: str, live: list[PairRow]) -> list[Json]:
    rows = [pair for pair in live if pair.first == agent]
    named = [pair for pair in rows if not is_version(pair.second) or is_guest(pair.second)]
    past = [pair for pair in rows if pair not in named]
    whose = "selves" if all(agent_of(pair.second) == agent for pair in past) else "versions"
    found = [_opponent(pair.second, [pair]) for pair in named]
    found += [_opponent(f"earlier {whose} ({len(past)})", past)] if past else []
    return [{"agent": agent, **row} for row in found]


def _opponent(name: str, pairs: list[PairRow]) -> Json:
    n = sum(pair.wins + pair.draws + pair.losses for pair in pairs)
    weighted = sum(pair.recent_score * (pair.wins + pair.draws + pair.losses) for pair in pairs)
    return {
        "opponent": name,
        "wins": sum(pair.wins for pair in pairs),
        "draws": sum(pair.draws for pair in pairs),
        "losses": sum(pair.losses for pair in pairs),
        "n": n,
        "recent_score": weighted / n if n else 0.0,
    }


def evaluations(standings: Standings) -> list[Json]:
    """Results on the panel in the default regime, one entry per candidate, oldest first."""
    pairs = [
        pair for pair in standings.pairs if pair.purpose == EVALUATE and is_version(pair.first) and not pair.regime
    ]
    pairs += [turned(pair) for pair in pairs if is_version(pair.second) and not is_guest(pair.second)
              and agent_of(pair.second) != agent_of(pair.first)]  # fmt: skip
    names = sorted({pair.first for pair in pairs}, key=lambda name: (version_of(name)[2], version_of(name)[1]))
    return [
        {
            "agent": agent_of(name),
            "policy": name,
            "step": version_of(name)[2],
            "rows": [_evaluation(pair) for pair in pairs if pair.first == name],
        }
        for name in names
    ]


def _evaluation(pair: PairRow) -> Json:
    n = pair.wins + pair.draws + pair.losses
    low, high = wilson_interval(pair.wins, n)
    return {
        "opponent": pair.second,
        "wins": pair.wins,
        "draws": pair.draws,
        "losses": pair.losses,
        "n": n,
        "win_rate": pair.wins / n if n else 0.0,
        "low": low,
        "high": high,
    }
