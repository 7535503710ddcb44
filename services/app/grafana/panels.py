"""One metric of the table as one panel of Grafana: what to ask Prometheus, in which unit, and what is healthy."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ...kernel.metric_table import Metric

Json = dict[str, Any]

#: Chosen at the top of every dashboard.
RUN = 'run=~"$run"'
SOURCE: Json = {"type": "prometheus", "uid": "${source}"}
TIMESTAMP = "_timestamp_seconds"
UNITS = {"seconds": "s", "decisions per second": "cps", "": "short"}
#: Labels that tell targets from one another come first in a legend.
LEGEND = "{{run}} {{name}}"

_NUMBER = r"(-?[\d.]+(?:e-?\d+)?)"
_BELOW, _ABOVE = re.compile(rf"<=? {_NUMBER}$"), re.compile(rf">=? {_NUMBER}\b")
_BETWEEN = re.compile(rf"{_NUMBER} to {_NUMBER}$")
GOOD, BAD = "green", "orange"


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart (or, with `kind`, a stat): expressions with their legends."""

    title: str
    targets: tuple[tuple[str, str], ...]
    unit: str = "short"
    description: str = ""
    thresholds: tuple[tuple[float | None, str], ...] = ((None, GOOD),)
    kind: str = "timeseries"
    metrics: tuple[str, ...] = field(default=(), compare=False)
    """names of the table that it shows"""

    def json(self, number: int, x: int, y: int, width: int, height: int) -> Json:
        steps = [{"color": colour, "value": value} for value, colour in self.thresholds]
        style = {"thresholdsStyle": {"mode": "area" if len(steps) > 1 else "off"}, "showPoints": "never"}
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": SOURCE,
            "gridPos": {"x": x, "y": y, "w": width, "h": height},
            "fieldConfig": {
                "defaults": {
                    "unit": self.unit,
                    "thresholds": {"mode": "absolute", "steps": steps},
                    "custom": style if self.kind == "timeseries" else {},
                },
                "overrides": [],
            },
            "options": {"legend": {"displayMode": "list", "placement": "bottom"}} if self.kind == "timeseries" else {},
            "targets": [self._target(k, *target) for k, target in enumerate(self.targets)],
        }

    def _target(self, k: int, expression: str, legend: str) -> Json:
        asked = {"refId": chr(ord("A") + k), "datasource": SOURCE, "expr": expression, "legendFormat": legend}
        return asked | ({"format": "table", "instant": True} if self.kind == "table" else {})


def panel_of(metric: Metric, kind: str = "timeseries") -> Panel:
    """As its kind wants it: counters per second, timestamps as ages, everything else as it is."""
    legend = " ".join([LEGEND, *(f"{{{{{label}}}}}" for label in metric.labels if metric.kind != "info")])
    name = metric.name.removeprefix("ludus_").partition("_")[2]
    healthy = f" Healthy: {metric.healthy}." if metric.healthy else ""
    return Panel(
        title=_title(metric, name),
        targets=((_expression(metric), legend),),
        unit="s" if metric.name.endswith(TIMESTAMP) else UNITS.get(metric.unit, "short"),
        description=f"{metric.name}: {metric.meaning}.{healthy}",
        thresholds=((None, GOOD),) if metric.kind == "counter" else _thresholds(metric.healthy),
        kind="table" if metric.kind == "info" else kind,
        metrics=(metric.name,),
    )


def _title(metric: Metric, name: str) -> str:
    if metric.kind == "counter":
        return f"{name.removesuffix('_total').replace('_', ' ')} per second"
    if metric.name.endswith(TIMESTAMP):
        return f"age of {name.removesuffix(TIMESTAMP).replace('_', ' ')}"
    return name.removesuffix("_seconds").replace("_", " ")


def _expression(metric: Metric) -> str:
    series = f"{metric.name}{{{RUN}}}"
    if metric.kind == "counter":
        return f"rate({series}[$__rate_interval])"
    return f"time() - {series}" if metric.name.endswith(TIMESTAMP) else series


def _thresholds(healthy: str) -> tuple[tuple[float | None, str], ...]:
    """Where the table gives numbers; words stay words."""
    if found := _BETWEEN.match(healthy):
        return (None, BAD), (float(found[1]), GOOD), (float(found[2]), BAD)
    if found := _BELOW.match(healthy):
        return (None, GOOD), (float(found[1]), BAD)
    if found := _ABOVE.match(healthy):
        return (None, BAD), (float(found[1]), GOOD)
    return ((None, GOOD),)
