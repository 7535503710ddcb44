"""The table of metrics: conventions, the registry built from it, the page, and every use in the services."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ludus.kernel.metric_table import METRICS, SERVICES, Metric
from ludus.kernel.metrics import Metrics, page

ROOT = Path(__file__).resolve().parents[2]
UNBOUNDED = {"version_id", "policy_version", "match", "match_id", "episode", "sha256", "seed", "ticket"}


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
def test_prometheus_conventions(metric: Metric) -> None:
    assert re.fullmatch(rf"ludus_{metric.service}_[a-z0-9_]+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert metric.name.endswith("_info") == (metric.kind == "info")
    assert not re.search(r"_(ms|milliseconds|minutes|percent|age|mb)(_|$)", metric.name)
    if metric.unit == "seconds":
        assert "_seconds" in metric.name
    assert not UNBOUNDED & set(metric.labels)
    assert metric.meaning


def test_names_are_unique_and_every_service_is_there() -> None:
    names = [metric.name for metric in METRICS]
    assert len(names) == len(set(names))
    assert {metric.service for metric in METRICS} == set(SERVICES)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_exports_exactly_its_metrics(service: str) -> None:
    own = {metric.name for metric in METRICS if metric.service == service}
    text = Metrics(service).render().decode()
    exported = {line.split()[2] for line in text.splitlines() if line.startswith("# HELP")}
    assert exported == own
    assert "_created" not in text


def test_known_labels_are_there_before_the_first_event() -> None:
    text = Metrics("learner").render().decode()
    assert 'ludus_learner_rollouts_dropped_total{reason="stale"} 0.0' in text
    assert 'ludus_league_phase{phase="self-play"} 0.0' in Metrics("league").render().decode()


def test_values_arrive() -> None:
    metrics = Metrics("league")
    metrics.set("ludus_league_elo", 1234.5, player="main")
    metrics.inc("ludus_league_results_applied_total", 3)
    metrics.inc("ludus_league_results_applied_total")
    metrics.state("ludus_league_phase", "transition")
    metrics.info("ludus_league_info", run="r", name="league", version="1", game="dogfight")
    text = metrics.render().decode()
    assert 'ludus_league_elo{player="main"} 1234.5' in text
    assert "ludus_league_results_applied_total 4.0" in text
    assert 'ludus_league_phase{phase="transition"} 1.0' in text
    assert 'ludus_league_phase{phase="curriculum"} 0.0' in text
    assert 'ludus_league_info{game="dogfight",name="league",run="r",version="1"} 1.0' in text


def test_two_registries_do_not_share_anything() -> None:
    one, two = Metrics("learner"), Metrics("learner")
    one.set("ludus_learner_kl", 3.0)
    assert "ludus_learner_kl 3.0" not in two.render().decode()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.set("ludus_learner_kll", 1), r"no metric 'ludus_learner_kll'.* Did you mean 'ludus_learner_kl'\?"),
        (lambda m: m.set("ludus_league_elo", 1, player="x"), "the learner has no metric"),
        (lambda m: m.inc("ludus_learner_kl"), "is a gauge, it cannot be used as a counter"),
        (lambda m: m.set("ludus_learner_updates_total", 1), "is a counter, it cannot be used as a gauge"),
        (lambda m: m.set("ludus_learner_kl", 1, x="y"), "expected the labels none, found x"),
        (lambda m: m.inc("ludus_learner_rollouts_dropped_total"), "expected the labels reason, found none"),
        (
            lambda m: m.inc("ludus_learner_rollouts_dropped_total", reason="bored"),
            "reason='bored' is not one of stale, ",
        ),
    ],
)
def test_what_the_table_does_not_know_is_refused(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(Metrics("learner"))  # type: ignore[operator]


def test_an_unknown_service_has_no_metrics() -> None:
    with pytest.raises(ValueError, match="expected one of simulator, learner, league, evaluator"):
        Metrics("barista")


def test_the_page_lists_every_metric() -> None:
    text = page()
    assert all(f"`{metric.name}`" in text for metric in METRICS)
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) == len(METRICS)
    assert {line.replace("\\|", "").count("|") for line in rows} == {7}


def test_the_committed_page_is_up_to_date() -> None:
    committed = ROOT / "docs" / "metrics.md"
    assert committed.read_text() == page(), "run: python -m ludus.kernel.metrics > docs/metrics.md"


def used_metrics() -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / "services").rglob("*.py")):
        if path.name in ("metric_table.py", "metrics.py") or "api" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                for name in re.findall(r"ludus_(?:simulator|learner|league|evaluator)_[a-z0-9_]*[a-z0-9]", node.value):
                    yield path.relative_to(ROOT).as_posix(), name


def test_every_metric_named_in_the_services_is_in_the_table() -> None:
    known = {metric.name for metric in METRICS}
    used = list(used_metrics())
    assert used, "the search finds the uses"
    assert [(path, name) for path, name in used if name not in known] == []
