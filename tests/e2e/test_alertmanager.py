"""The backstop from end to end: a gauge of a live learner, Prometheus, Alertmanager, the league's webhook, a rollback.

The policy begins with next to no action noise. That is one sign of a collapse, and the controller needs two before it
acts by itself: nothing happens until the alert asks for it.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from ludus.app.grafana.files import alertmanager as alertmanager_configuration
from ludus.app.grafana.files import prometheus as prometheus_configuration
from ludus.kernel.health import load_rules
from ludus.kernel.health_prometheus import prometheus_rules

from .conftest import Cli  # type: ignore[import-untyped]
from .prometheus import alertmanager, free_port, prometheus  # type: ignore[import-untyped]

SCRAPE_SECONDS = 1.0
NO_NOISE = ["--set", "network.log_std_init=-5", "--set", "network.log_std_min=-6"]


def events(ludus: Cli, run: str, *kinds: str) -> list[dict[str, Any]]:
    path = ludus.run_folder(run) / "events.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [row for row in rows if row["kind"] in kinds]


def step_of(ludus: Cli, run: str) -> int:
    return int(ludus.heartbeat(run, "learner").get("step") or 0)


@pytest.mark.timeout(300)
def test_a_gauge_becomes_a_rollback(ludus: Cli, tmp_path: Path, record_property: Any) -> None:
    run = "asked"
    ludus("train", "dogfight", "--preset", "quick", "--run", run, "--seed", "5", "--detach", *NO_NOISE)
    ludus.wait_for("some updates", lambda: step_of(ludus, run) >= 6, seconds=120)
    assert not events(ludus, run, "rollback_planned", "paused_by_health"), "one signal alone is not enough"

    port = free_port()
    league = f"http://127.0.0.1:{ludus.heartbeat(run, 'league')['http_port']}"
    rules = tmp_path / "rules.yml"
    rules.write_text(prometheus_rules(load_rules(), SCRAPE_SECONDS))
    watch = prometheus_configuration(ludus.home / "targets.json", rules, f"127.0.0.1:{port}", SCRAPE_SECONDS)
    with (
        alertmanager(tmp_path / "alertmanager", alertmanager_configuration(league), port),
        prometheus(tmp_path / "prometheus", watch) as server,
    ):
        ludus.wait_for("the gauge", lambda: server.query("ludus_learner_action_std < 0.01"), seconds=30)
        scraped = time.time()
        ludus.wait_for("the rollback", lambda: events(ludus, run, "rollback"), seconds=60)
        granted, planned, done = (
            events(ludus, run, kind)[0] for kind in ("alert_granted", "rollback_planned", "rollback")
        )
        (firing,) = server.query('ALERTS{alertname="LudusEntropyCollapse", alertstate="firing"}')
        assert firing["metric"]["run"] == run

    assert granted["message"].startswith("entropy_collapse: back to ")
    assert "confirmed by the controller's own samples" in planned["message"]
    asked_seconds, back_seconds = granted["time"] - scraped, done["time"] - scraped
    record_property("gauge to granted request, seconds", round(asked_seconds, 2))
    record_property("gauge to training again, seconds", round(back_seconds, 2))
    print(f"gauge scraped -> request granted {asked_seconds:.1f} s -> training again {back_seconds:.1f} s")
    assert asked_seconds < 30
    assert done["detail"]["seconds"] < 5.0, "from the decision to training again"
    before = planned["time"]
    ludus.wait_for("updates of the new epoch", lambda: ludus.heartbeat(run, "learner").get("epoch", 1) >= 2, 60)
    assert len(events(ludus, run, "rollback_planned")) == 1, f"one request, one rollback (the first was at {before})"
