"""THE table of metrics: every number a service exports, declared before it may be used.

Prometheus conventions: one prefix, base units, `_total` for counters, timestamps instead of ages, no labels with
unbounded values (versions, match ids). Dashboards, alerts, docs/metrics.md and tests are checked against this table.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

SERVICES = ("simulator", "learner", "league", "evaluator")
PHASES = ("curriculum", "transition", "self-play", "practice")
STATES = ("starting", "training", "paused", "evaluating", "finished", "stopped", "failed")
PURPOSES = ("train", "evaluate", "probe")
OUTCOMES = ("win", "draw", "loss", "void", "scored")
VERDICTS = ("promoted", "rejected", "inconclusive")
POOLS = ("train", "evaluate")
HEALTH_PHASES = ("healthy", "softened", "rolling", "probation", "paused")
#: Signals of the health rules; updates taken back; no evidence of its own, as for a person's command.
CAUSES = ("kl", "ratio", "entropy", "gradient", "update", "critic", "outcome", "rejected", "none")
REMEDIES = ("restore", "older_reset", "bilateral")

Kind = Literal["gauge", "counter", "info"]
Labels = dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `labels` maps each label to its known values; () where the run decides, within bounds."""

    name: str
    kind: Kind
    service: str
    meaning: str
    unit: str = ""
    healthy: str = ""
    labels: Labels = field(default_factory=dict)


def _common(service: str) -> tuple[Metric, ...]:
    """What every service exports."""
    prefix = f"ludus_{service}"
    run: Labels = {"run": (), "name": (), "version": (), "game": ()}
    return (
        Metric(f"{prefix}_info", "info", service, "what this process is", labels=run),
        Metric(
            f"{prefix}_heartbeat_timestamp_seconds",
            "gauge",
            service,
            "last beat of the event loop",
            "seconds",
            "time() - x < 5",
        ),
        Metric(f"{prefix}_event_loop_lag_seconds", "gauge", service, "how late the last beat was", "seconds", "< 0.5"),
        Metric(f"{prefix}_ready", "gauge", service, "1 while the service can do its work", "", "1"),
        Metric(
            f"{prefix}_bus_connections_total",
            "counter",
            service,
            "connections made to NATS, the first included",
            "",
            "constant",
        ),
    )


def _learner(
    name: str, meaning: str, healthy: str = "", unit: str = "", kind: Kind = "gauge", **labels: tuple[str, ...]
) -> Metric:
    return Metric(f"ludus_learner_{name}", kind, "learner", meaning, unit, healthy, labels)


_REJECTED = ("kl", "not_finite", "no_minibatch")
_DROPPED = ("stale", "epoch", "invalid", "not_finite", "duplicate", "unknown_version")
_PARTS = ("prepare", "optimise", "measure", "publish", "checkpoint", "wait")

_LEARNER = (
    _learner("kl", "closed-form KL of the new policy to the behaviour policy, over the batch", "0.005 to 0.05"),
    _learner("kl_component", "the same per action component", component=()),
    _learner("target_kl", "limit at which an update stops early (learner.target_kl)"),
    _learner("k1", "KL estimate mean(-log ratio)", "near kl"),
    _learner("k3", "KL estimate mean(ratio - 1 - log ratio)", "near kl"),
    _learner("kl_previous", "closed-form KL of the new policy to the one before the update", "< 10 * target_kl"),
    _learner("kl_reference", "closed-form KL of the new policy to the reference of the KL penalty", "near its target"),
    _learner("kl_against_epoch", "epoch of the policy a KL was measured against", reference=()),
    _learner("kl_against_step", "step of that policy", reference=()),
    _learner("kl_against_hash", "first 48 bits of its sha256, as in metrics.jsonl", reference=()),
    _learner("kl_penalty_coefficient", "of the KL penalty in the last update", "<= learner.kl_penalty.max_coefficient"),
    _learner("kl_lag", "k3 before the first gradient step: what the lag of the rollouts brought", "< target_kl"),
    _learner("kl_last_minibatch", "k3 to the policy that the loss clips against, last minibatch", "< target_kl"),
    _learner("log_ratio_p99", "99th percentile of |log ratio| after the update", "< 1"),
    _learner("ratio_error_max", "largest |ratio - 1| before the first step: 0 if the reference is right", "< 0.01"),
    _learner("ratio_error_p99", "99th percentile of the same", "< 0.001"),
    _learner("clip_fraction", "share of decisions outside the clip range", "0.05 to 0.3"),
    _learner("entropy", "mean entropy of the policy", "falls slowly"),
    _learner("action_std", "standard deviation of a Gaussian action component", "0.1 to 1", component=()),
    _learner("learning_rate", "of this update"),
    _learner("learning_rate_factor", "what the adaptive rate multiplies the scheduled one by", "0.1 to 10"),
    _learner("critic_only_updates_left", "updates left in which the critic alone moves", "0 most of the time"),
    _learner("fp32_updates_left", "updates left in float32 before network.precision holds", "0 most of the time"),
    _learner("loss_scale", "factor of the loss in fp16", "> 1"),
    _learner("importance_weight", "mean weight of rollouts of older versions", "0.9 to 1"),
    _learner("rnd_reward", "mean intrinsic reward per decision", "falls"),
    _learner("rnd_error", "mean error of RND's predictor", "falls"),
    _learner("ewc_penalty", "half the weighted square distance from the consolidated weights", "near 0"),
    _learner("policy_loss", "mean over minibatches", "near 0"),
    _learner("value_loss", "mean over minibatches", "falls, then level"),
    _learner(
        "explained_variance", "share of the returns' variance the critic explains", "> 0.5 after the first minutes"
    ),
    _learner("gradient_norm", "mean norm before clipping", "< 10"),
    _learner("gradient_norm_max", "largest norm before clipping", "< 100"),
    _learner("update_norm", "Euclidean norm of the change of all weights", "steady"),
    _learner("minibatches", "applied in the last update"),
    _learner("minibatches_skipped", "left out of the last update because fp16 overflowed", "0 most of the time"),
    _learner("nonfinite_numbers", "numbers that were not finite in gradient and weights of the last update", "0"),
    _learner("early_stop", "1 if the KL limit ended the last update early", "0 most of the time"),
    _learner("advantage_std", "standard deviation of the advantages before normalisation", "> 0"),
    _learner("reward_mean", "mean scaled reward per decision"),
    _learner("episode_return", "mean return of the episodes that ended in the batch", "rises"),
    _learner("episodes", "episodes that ended in the batch", "> 0"),
    _learner("lag_mean", "mean steps between the version that played and the one that learns", "<= 1", "versions"),
    _learner("lag_max", "largest such lag in the batch", "<= learner.max_lag", "versions"),
    _learner("update_part_seconds", "wall time of the parts of the last update", unit="seconds", part=_PARTS),
    _learner("queue_depth", "slabs waiting in ROLLOUTS", "1 to learner.buffer_slabs", "slabs"),
    _learner(
        "oldest_rollout_timestamp_seconds",
        "when the oldest of them arrived; 0 while none waits",
        "x == 0 or time() - x < 30",
        "seconds",
    ),
    _learner("decisions_total", "decisions trained on by this process", "rises", "decisions", "counter"),
    _learner("decisions_per_second", "over the last updates", "steady", "decisions per second"),
    _learner("rollouts_accepted_total", "slabs used", "rises", "slabs", "counter"),
    _learner("rollouts_dropped_total", "slabs not used", "under 1 % of accepted", "slabs", "counter", reason=_DROPPED),
    _learner("updates_total", "updates committed by this process", "rises", "updates", "counter"),
    _learner("updates_rejected_total", "updates taken back", "constant", "updates", "counter", reason=_REJECTED),
    _learner("nonfinite_total", "times a number that is not finite was met and kept out", "0", kind="counter"),
    _learner("epoch", "fencing token: rises at every start of the learner and every rollback"),
    _learner("step", "committed updates of the run", "rises", "updates"),
    _learner("total_updates", "updates of the whole run", unit="updates"),
    _learner("durable_step", "step of the newest checkpoint on disk", "close to step", "updates"),
    _learner("checkpoint_timestamp_seconds", "when it was written", "time() - x < 3 * checkpoint_seconds", "seconds"),
    _learner("last_step_timestamp_seconds", "when the last update was committed", "time() - x < 60", "seconds"),
)


def _of(
    service: str, name: str, kind: Kind, meaning: str, unit: str = "", healthy: str = "", **labels: tuple[str, ...]
) -> Metric:
    return Metric(f"ludus_{service}_{name}", kind, service, meaning, unit, healthy, labels)


_SIMULATOR = (
    _of("simulator", "decisions_total", "counter", "decisions played", "decisions", "rises"),
    _of(
        "simulator",
        "matches_total",
        "counter",
        "matches finished, outcome seen from the first player",
        "matches",
        "rises",
        purpose=PURPOSES,
        outcome=OUTCOMES,
    ),
    _of("simulator", "tickets_open", "gauge", "tickets being played", "tickets", "> 0"),
    _of(
        "simulator",
        "backpressure_seconds_total",
        "counter",
        "time spent waiting for room in the learner's buffer",
        "seconds",
        "rises slowly",
    ),
    _of(
        "simulator",
        "policy_step",
        "gauge",
        "step of the version that plays the learner's seat",
        "updates",
        "close to ludus_learner_step",
    ),
    _of("simulator", "window_seconds", "gauge", "wall time of the last window", "seconds", "steady"),
    _of("simulator", "decisions_per_second", "gauge", "over the last windows", "decisions per second", "steady"),
)

_LEAGUE = (
    _of("league", "results_applied_total", "counter", "results folded into the standings", "results", "rises"),
    _of(
        "league",
        "results_refused_total",
        "counter",
        "results that were not rated",
        "results",
        "constant",
        reason=("duplicate", "void", "invalid", "unknown-ticket", "forged", "stale-epoch", "future-epoch"),
    ),
    _of(
        "league",
        "ledger_position",
        "gauge",
        "stream sequence of the last result applied",
        "",
        "close to the end of RESULTS",
    ),
    _of("league", "redis_up", "gauge", "1 while the copy of the standings in Redis is kept up to date", "", "1"),
    _of("league", "redis_position", "gauge", "position of that copy", "", "close to ludus_league_ledger_position"),
    _of("league", "redis_rebuilt_total", "counter", "times it was lost or thrown back, and mended", "", "constant"),
    _of("league", "tickets_issued_total", "counter", "tickets written", "tickets", "rises", pool=POOLS),
    _of(
        "league",
        "tickets_waiting",
        "gauge",
        "tickets in the stream",
        "tickets",
        "near league.tickets_ahead",
        pool=POOLS,
    ),
    _of("league", "elo", "gauge", "online rating", "points", "", player=()),
    _of("league", "rating", "gauge", "rating of record of a bot (the bots' mean is 0)", "points", "", player=()),
    _of("league", "best_rating", "gauge", "rating of record of the best version measured", "points", "rises"),
    _of("league", "best_rating_error", "gauge", "standard error of that rating", "points", "falls"),
    _of("league", "seat_advantage", "gauge", "worth of seat 0 against seat 1", "points", "near 0 in a symmetric game"),
    _of("league", "cyclic_ratio", "gauge", "share of the payoffs that no ladder of ratings explains", "", "near 0"),
    _of(
        "league", "win_ratio", "gauge", "score of the learner against an opponent, draws half", "", "rises", opponent=()
    ),
    _of("league", "recent_return", "gauge", "of a training episode, undiscounted, where one plays alone", "", "rises"),
    _of(
        "league",
        "recent_success_ratio",
        "gauge",
        "training episodes that were a success, where one plays alone",
        "",
        "rises",
    ),
    _of("league", "pool_size", "gauge", "snapshots in the opponent pool", "snapshots", "<= league.pool_size"),
    _of("league", "snapshots_total", "counter", "snapshots taken by this process", "snapshots", "rises"),
    _of("league", "phase", "gauge", "1 for the phase of the schedule, 0 for the others", "", "", phase=PHASES),
    _of("league", "run_state", "gauge", "1 for the state of the run, 0 for the others", "", "training", state=STATES),
    _of("league", "scripted_share_ratio", "gauge", "share of new matches against scripted bots"),
    _of("league", "randomisation", "gauge", "1 for the level of domain randomisation in new matches", level=()),
    _of(
        "league",
        "health_phase",
        "gauge",
        "1 for the phase of the health controller",
        "",
        "healthy",
        agent=(),
        phase=HEALTH_PHASES,
    ),
    _of(
        "league",
        "rollbacks_total",
        "counter",
        "rollbacks carried out, by rung of the ladder and by the signal that failed first",
        "",
        "constant",
        rung=("3", "4", "5"),
        remedy=REMEDIES,
        cause=CAUSES,
    ),
    _of("league", "progress_ratio", "gauge", "committed updates / all updates", "", "rises"),
)

_EVALUATOR = (
    _of("evaluator", "matches_total", "counter", "evaluation matches finished", "matches", "rises during evaluations"),
    _of("evaluator", "decisions_total", "counter", "decisions played", "decisions", "rises during evaluations"),
    _of(
        "evaluator",
        "share_ratio",
        "gauge",
        "share of all decisions that measuring has taken while somebody learned",
        "",
        "<= evaluator.share",
    ),
    _of("evaluator", "matches_playing", "gauge", "matches in play", "matches"),
    _of(
        "evaluator",
        "win_ratio",
        "gauge",
        "wins of the newest version measured against an opponent",
        "",
        "rises",
        opponent=(),
    ),
    _of(
        "evaluator",
        "win_ratio_bound",
        "gauge",
        "95 % interval of that share",
        "",
        "narrow",
        opponent=(),
        bound=("low", "high"),
    ),
    _of(
        "evaluator",
        "exploiter_win_ratio",
        "gauge",
        "wins of a finished exploiter against the newest version that one has attacked, and their 95 % interval",
        "",
        "near 0.5 or below",
        agent=(),
        bound=("value", "low", "high"),
    ),
    _of("evaluator", "exploited_step", "gauge", "step of that version", "updates", "rises", agent=()),
    _of("evaluator", "verdicts_total", "counter", "verdicts of the promotion gate", "", "", verdict=VERDICTS),
)

METRICS: tuple[Metric, ...] = (
    *(metric for service in SERVICES for metric in _common(service)),
    *_SIMULATOR,
    *_LEARNER,
    *_LEAGUE,
    *_EVALUATOR,
)
