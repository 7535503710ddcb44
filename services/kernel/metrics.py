"""The metrics of one process, exactly as `metric_table.py` declares them. As a module it prints docs/metrics.md."""

from __future__ import annotations

import sys
from difflib import get_close_matches
from itertools import product
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Info, disable_created_metrics, generate_latest

from .metric_table import METRICS, SERVICES, Metric

__all__ = ["METRICS", "Metric", "Metrics", "page"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_CLASSES: dict[str, Any] = {"gauge": Gauge, "counter": Counter, "info": Info}


class Metrics:
    """A registry with the metrics of one service. Names and labels that the table does not know raise ValueError."""

    def __init__(self, service: str) -> None:
        if service not in SERVICES:
            raise ValueError(f"unknown service {service!r}: expected one of {', '.join(SERVICES)}")
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.service = service
        self._registry = CollectorRegistry()
        self._table = {metric.name: metric for metric in METRICS if metric.service == service}
        self._collectors = {name: self._make(metric) for name, metric in self._table.items()}

    def _make(self, metric: Metric) -> Any:
        name = metric.name.removesuffix("_info") if metric.kind == "info" else metric.name
        labels = () if metric.kind == "info" else tuple(metric.labels)
        collector = _CLASSES[metric.kind](name, metric.meaning, labels, registry=self._registry)
        if labels and all(metric.labels.values()):
            for values in product(*metric.labels.values()):
                collector.labels(*values)
        return collector

    def known(self, name: str) -> bool:
        """Whether this service has the metric."""
        return name in self._table

    def set(self, name: str, value: float, /, **labels: str) -> None:
        """Set a gauge. Raises ValueError for a name or labels that are not in the table."""
        self._child(name, "gauge", labels).set(value)

    def inc(self, name: str, n: float = 1, /, **labels: str) -> None:
        """Add to a counter. Raises ValueError for a name or labels that are not in the table."""
        self._child(name, "counter", labels).inc(n)

    def state(self, name: str, value: str) -> None:
        """Set a gauge with one label to 1 for `value` and to 0 for all its other known values."""
        label, known = next(iter(self._metric(name, "gauge").labels.items()))
        for other in known:
            self.set(name, float(other == value), **{label: other})

    def info(self, name: str, /, **values: str) -> None:
        """Set an info metric."""
        metric = self._metric(name, "info")
        self._check_labels(metric, values)
        self._collectors[name].info(values)

    def render(self) -> bytes:
        """The text Prometheus scrapes."""
        return generate_latest(self._registry)

    def samples(self) -> dict[str, float]:
        """Every number there is, by its name and labels as Prometheus writes them."""
        found = {}
        for family in self._registry.collect():
            for sample in family.samples:
                labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
                found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
        return found

    def _child(self, name: str, kind: str, labels: dict[str, str]) -> Any:
        metric = self._metric(name, kind)
        self._check_labels(metric, labels)
        collector = self._collectors[name]
        return collector.labels(**labels) if labels else collector

    def _metric(self, name: str, kind: str) -> Metric:
        metric = self._table.get(name)
        if metric is None:
            near = get_close_matches(name, self._table, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"the {self.service} has no metric {name!r}: add it to kernel/metric_table.py.{hint}")
        if metric.kind != kind:
            raise ValueError(f"{name} is a {metric.kind}, it cannot be used as a {kind}")
        return metric

    @staticmethod
    def _check_labels(metric: Metric, labels: dict[str, str]) -> None:
        if set(labels) != set(metric.labels):
            wanted = ", ".join(metric.labels) or "none"
            raise ValueError(f"{metric.name}: expected the labels {wanted}, found {', '.join(labels) or 'none'}")
        for label, value in labels.items():
            known = metric.labels[label]
            if known and value not in known:
                raise ValueError(f"{metric.name}: {label}={value!r} is not one of {', '.join(known)}")


def page() -> str:
    """docs/metrics.md."""
    lines = [
        "# Metrics",
        "",
        "Generated from `services/kernel/metric_table.py` by `python -m ludus.kernel.metrics > docs/metrics.md`.",
        "Every service serves its own at `http://HOST:PORT/metrics`; the port is in its heartbeat file.",
    ]
    for service in SERVICES:
        lines += ["", f"## {service}", "", "| metric | kind | unit | labels | meaning | healthy |"]
        lines += ["|---|---|---|---|---|---|"]
        lines += [_row(metric) for metric in METRICS if metric.service == service]
    return "\n".join(lines) + "\n"


def _row(metric: Metric) -> str:
    labels = ", ".join(f"{name} ({', '.join(values)})" if values else name for name, values in metric.labels.items())
    cells = (f"`{metric.name}`", metric.kind, metric.unit, labels, metric.meaning, metric.healthy)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    sys.stdout.write(page())
