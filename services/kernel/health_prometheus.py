"""The table of health rules as recording and alert rules of Prometheus.

`1 - (value <= bool limit)` is 1 for NaN too, which `value > limit` is not. A series that is absent satisfies no
expression, so that each metric has an alert for its absence, and `LudusWatchdog` always fires: whoever does not hear
it knows that nobody is watching.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from .health import LEAST_DEVIATION_RATIO, PREFIX, Rule
from .metric_table import METRICS

SEVERITY = {"suspect": "warning", "failed": "critical", "hard": "critical"}
DEAD_SECONDS = 30


def prometheus_rules(rules: Sequence[Rule], scrape_seconds: float = 5.0) -> str:
    """The file for `rule_files`, as YAML. One sample of a rule is one scrape."""
    groups = [
        {
            "name": "ludus-health",
            "interval": _duration(scrape_seconds),
            "rules": [row for rule in rules for row in _of(rule, scrape_seconds)],
        },
        {
            "name": "ludus-liveness",
            "interval": _duration(scrape_seconds),
            "rules": [*_absences(rules, scrape_seconds), *_deaths(), _watchdog()],
        },
    ]
    head = "# Written by `ludus rules prometheus` from the table of health rules. JSON is YAML.\n"
    return head + json.dumps({"groups": groups}, indent=2) + "\n"


def alert_name(rule: Rule) -> str:
    """`kl_explosion` -> LudusKlExplosion."""
    return "Ludus" + "".join(part.capitalize() for part in rule.name.split("_"))


def breach_name(rule: Rule) -> str:
    """The recording rule: 1 while the newest sample breaches."""
    return f"ludus:breach:{rule.name}"


def _of(rule: Rule, scrape: float) -> list[dict[str, object]]:
    labels = {"severity": SEVERITY[rule.verdict], "verdict": rule.verdict, "rule": rule.name, "signal": rule.signal}
    alert = f"{breach_name(rule)} > 0"
    if rule.window > 1:
        alert = f"sum_over_time({breach_name(rule)}[{_samples(rule.window, scrape)}]) >= {rule.count}"
    return [
        {"record": breach_name(rule), "expr": _breach(rule, scrape)},
        {
            "alert": alert_name(rule),
            "expr": alert,
            "labels": labels,
            "annotations": {"summary": rule.meaning, "metric": PREFIX + rule.metric},
        },
    ]


def _breach(rule: Rule, scrape: float) -> str:
    series = PREFIX + rule.metric
    labelled = any(metric.labels for metric in METRICS if metric.name == series)
    value = f"{'max' if rule.above is not None else 'min'} without (component) ({series})" if labelled else series
    sign = "<=" if rule.above is not None else ">="
    if labelled:  # min and max pass over NaN
        value = f"({value} + 0 * sum without (component) ({series}))"
    limit = _limit(rule, series, scrape)
    if not rule.baseline:
        return f"1 - ({value} {sign} bool {limit})"
    past = _past(rule, series, scrape)
    return f"(1 - ({value} {sign} bool {limit})) and (count_over_time({past}) >= {rule.baseline})"


def _limit(rule: Rule, series: str, scrape: float) -> str:
    factor = rule.above if rule.above is not None else rule.below
    if rule.times:
        return f"({factor} * {PREFIX}{rule.times})"
    if not rule.baseline:
        return f"{factor}"
    past = _past(rule, series, scrape)
    if rule.drop is None:
        return f"({factor} * quantile_over_time(0.5, {past}))"
    mean, deviation = f"avg_over_time({past})", f"stddev_over_time({past})"
    least = f"{LEAST_DEVIATION_RATIO} * abs({mean})"
    largest = f"(({deviation} > {least}) or ({least}))"
    return f"({mean} - {rule.drop} * {largest})"


def _past(rule: Rule, series: str, scrape: float) -> str:
    return f"{series}[{_samples(rule.baseline, scrape)}] offset {_duration(rule.window * scrape)}"


def _absences(rules: Sequence[Rule], scrape: float) -> list[dict[str, object]]:
    return [
        {
            "alert": "LudusMetricAbsent",
            "expr": f"absent({PREFIX}{metric})",
            "for": _duration(2 * scrape),
            "labels": {"severity": "critical", "verdict": "inconclusive", "metric": PREFIX + metric},
            "annotations": {"summary": f"nobody exports {PREFIX}{metric}: no data is not healthy"},
        }
        for metric in sorted({rule.metric for rule in rules})
    ]


def _deaths() -> list[dict[str, object]]:
    services = ("learner", "league", "simulator", "evaluator")
    rows: list[dict[str, object]] = [
        {
            "alert": "LudusServiceSilent",
            "expr": f"time() - ludus_{service}_heartbeat_timestamp_seconds > {DEAD_SECONDS}"
            f" or absent(ludus_{service}_heartbeat_timestamp_seconds)",
            "for": "10s",
            "labels": {"severity": "critical", "verdict": "inconclusive", "service": service},
            "annotations": {"summary": f"the {service} has not beaten for {DEAD_SECONDS} s"},
        }
        for service in services
    ]
    rows.append(
        {
            "alert": "LudusNotFinite",
            "expr": f"increase({PREFIX}nonfinite_total[1m]) > 0",
            "labels": {"severity": "warning", "verdict": "suspect", "rule": "not_finite", "signal": "finite"},
            "annotations": {"summary": "a number that is not finite was met and kept out"},
        }
    )
    return rows


def _watchdog() -> dict[str, object]:
    return {
        "alert": "LudusWatchdog",
        "expr": "vector(1)",
        "labels": {"severity": "none"},
        "annotations": {"summary": "fires always; page when it does not arrive"},
    }


def _samples(count: int, scrape: float) -> str:
    """A range with exactly `count` scrapes in it, the newest at its end, whether its left end counts or not."""
    return _duration((count - 0.5) * scrape)


def _duration(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"
