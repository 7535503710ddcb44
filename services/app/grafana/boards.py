"""The five dashboards. Every metric of the table is on one: what no section names is in the last one of its service."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ...kernel.metric_table import METRICS, SERVICES, Metric
from .panels import RUN, SOURCE, Panel, panel_of

Json = dict[str, Any]
COLUMNS, WIDTH, HEIGHT = 3, 8, 7

#: Sections of a board: title, and which metrics (without `ludus_`) it shows.
_LEARNER = {
    "Policy": r"learner_(kl|target_kl|k1|k3|log_ratio|ratio_|clip|entropy|action_std|early_stop|lag)",
    "Objective": r"learner_(policy_loss|value_loss|explained|gradient|update_norm|advantage|reward|episode|rnd|ewc)",
    "Rates and schedules": r"learner_(learning_rate|critic_only|fp32|loss_scale|importance)",
    "Data and speed": r"learner_(decisions|rollouts|queue|oldest|update_part|minibatches|updates)",
    "Progress": r"learner_(step|epoch|total|durable|checkpoint|last_step)",
}
_LEAGUE = {
    "Ratings": r"league_(elo|rating|best|seat|cyclic|win|recent)|evaluator_(win|verdicts)",
    "Schedule": r"league_(phase|run_state|progress|scripted|randomisation|pool|snapshots)",
    "Ledger": r"league_(results|ledger|redis|tickets)",
}
_HEALTH = {
    "Controller": r"league_(health_phase|rollbacks)",
    "What the rules look at": r"learner_(kl|target_kl|log_ratio_p99|action_std|clip_fraction|gradient_norm|update_norm"
    r"|value_loss|explained_variance|reward_mean)$",
    "Taken back and kept out": r"learner_(updates_rejected_total|nonfinite|rollouts_dropped_total|minibatches_skipped)",
    "Where it could go back to": r"learner_(epoch|step|durable_step|checkpoint_timestamp_seconds)$",
}
_COMMON = r"(info|heartbeat_timestamp_seconds|event_loop_lag_seconds|ready|bus_connections_total)$"
_INFRASTRUCTURE = {
    "Alive": rf"({'|'.join(SERVICES)})_{_COMMON}",
    "Simulators": r"simulator_",
    "Evaluator": r"evaluator_(matches|decisions)",
    "Queues": r"learner_(queue_depth|oldest_rollout)|league_tickets_waiting",
}
_OVERVIEW = {
    "Now": r"league_(progress_ratio|phase|run_state)$|learner_step$",
    "Learning": r"learner_(kl|entropy|explained_variance|reward_mean|episode_return)$|evaluator_win_ratio$",
    "Speed": r"(learner|simulator)_decisions_per_second|learner_queue_depth",
    "Trouble": r"learner_(updates_rejected|nonfinite)_total|league_rollbacks|\w+_ready$",
}


@dataclass(frozen=True)
class Board:
    """One dashboard: its address in Grafana, and panels by section."""

    uid: str
    title: str
    sections: dict[str, list[Panel]]

    @property
    def panels(self) -> list[Panel]:
        return [panel for panels in self.sections.values() for panel in panels]

    def json(self) -> Json:
        """As Grafana reads it from a file, or as `dashboard` of its API."""
        return {
            "uid": self.uid,
            "title": self.title,
            "tags": ["ludus"],
            "schemaVersion": 39,
            "editable": True,
            "refresh": "5s",
            "time": {"from": "now-30m", "to": "now"},
            "timezone": "browser",
            "links": [{"type": "dashboards", "tags": ["ludus"], "title": "Ludus", "asDropdown": True}],
            "templating": {"list": [_source(), _runs()]},
            "panels": list(_placed(self.sections)),
        }


def boards(metrics: Sequence[Metric] = METRICS) -> list[Board]:
    return [
        _board("overview", "Ludus: overview", _OVERVIEW, metrics),
        _board("learner", "Ludus: learner", _LEARNER, metrics, rest="learner"),
        _board("league", "Ludus: league", _LEAGUE, metrics, rest="league"),
        _board("health", "Ludus: health and rollbacks", _HEALTH, metrics),
        _board("infrastructure", "Ludus: infrastructure", _INFRASTRUCTURE, metrics, rest="simulator|evaluator"),
    ]


def _board(name: str, title: str, sections: dict[str, str], metrics: Sequence[Metric], rest: str = "") -> Board:
    shown = {section: _chosen(pattern, metrics) for section, pattern in sections.items()}
    if rest:
        named = {metric.name for chosen in shown.values() for metric in chosen}
        others = [metric for metric in _chosen(rf"({rest})_", metrics) if metric.name not in named]
        shown["More"] = [metric for metric in others if not re.search(rf"_{_COMMON}", metric.name)]
    return Board(
        f"ludus-{name}", title, {key: [panel_of(one) for one in value] for key, value in shown.items() if value}
    )


def _chosen(pattern: str, metrics: Sequence[Metric]) -> list[Metric]:
    return [metric for metric in metrics if re.match(pattern, metric.name.removeprefix("ludus_"))]


def _placed(sections: dict[str, list[Panel]]) -> Iterator[Json]:
    """Rows of three under a heading each, without overlap."""
    number, y = 1, 0
    for title, panels in sections.items():
        place = {"x": 0, "y": y, "w": COLUMNS * WIDTH, "h": 1}
        yield {"id": number, "type": "row", "title": title, "gridPos": place, "collapsed": False, "panels": []}
        number, y = number + 1, y + 1
        for k, panel in enumerate(panels):
            row, column = divmod(k, COLUMNS)
            yield panel.json(number + k, column * WIDTH, y + row * HEIGHT, WIDTH, HEIGHT)
        number, y = number + len(panels), y + -(-len(panels) // COLUMNS) * HEIGHT


def _source() -> Json:
    return {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus", "current": {}}


def _runs() -> Json:
    query = "label_values(ludus_learner_step, run)"
    return {
        "name": "run", "type": "query", "label": "run", "datasource": SOURCE, "query": query, "definition": query,
        "multi": True, "includeAll": True, "allValue": ".*", "refresh": 2, "sort": 2,
        "current": {"text": "All", "value": "$__all"},
    }  # fmt: skip


def expressions(board: Board) -> list[str]:
    """What its panels ask, with the variables of Grafana filled in: for promtool and for a test."""
    filled = ((RUN, 'run=~".*"'), ("$__rate_interval", "1m"))
    found = []
    for panel in board.panels:
        for expression, _ in panel.targets:
            for old, new in filled:
                expression = expression.replace(old, new)
            found.append(expression)
    return found
