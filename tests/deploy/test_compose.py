"""The stack in containers, behind locked doors: a short run through it, with one container killed on the way; and the
overlay that watches it.

It needs Docker and locally built images, named by $LUDUS_IMAGE, $LEAGUE_IMAGE and $NATS_IMAGE, for the overlay also
$PROMETHEUS_IMAGE, $ALERTMANAGER_IMAGE and $REDIS_IMAGE.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from .docker import COMPOSE, ROOT, missing_compose, run  # type: ignore[import-untyped]

IMAGES = {
    "LUDUS_IMAGE": os.environ.get("LUDUS_IMAGE", "ludus:local"),
    "LEAGUE_IMAGE": os.environ.get("LEAGUE_IMAGE", "ludus-league:local"),
    "NATS_IMAGE": os.environ.get("NATS_IMAGE", "nats:local"),
}
WATCHING = {
    f"{name}_IMAGE": os.environ.get(f"{name}_IMAGE", f"{name.lower()}:local")
    for name in ("PROMETHEUS", "ALERTMANAGER", "REDIS")
}
WHY_NOT = missing_compose(*IMAGES.values())
NOT_WATCHED = missing_compose(*IMAGES.values(), *WATCHING.values())
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "docker is here"),
]


SERVICES = ("league", "learner", "simulator", "evaluator")


class Stack:
    def __init__(self, folder: Path) -> None:
        self.config = folder / "run.toml"
        self.config.write_text((ROOT / "configs" / "dogfight-quick.toml").read_text())
        self.config.chmod(0o644)
        folder.chmod(0o755)
        for parent in list(folder.parents)[:-2]:
            parent.chmod(parent.stat().st_mode | 0o055)

    def __call__(self, *arguments: str, check: bool = True) -> str:
        files = [part for name in ("compose.yaml", "observability.yaml") for part in ("-f", str(COMPOSE / name))]
        command = ["docker-compose", "-p", "ludustest", *files, *arguments]
        done = run(*command, check=check, RUN="boxed", CONFIG=str(self.config), **IMAGES, **WATCHING)
        return str(done.stdout)

    def inside(self, service: str, *command: str) -> str:
        return self("exec", "-T", service, *command)

    def heartbeat(self, service: str, name: str) -> dict[str, object]:
        text = self("exec", "-T", service, "cat", f"/var/lib/ludus/runs/boxed/services/{name}.json", check=False)
        return dict(json.loads(text)) if text.strip() else {}

    def wait(self, what: str, condition: Callable[[], object], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"waited {seconds} s for {what}\n{self('logs', '--tail', '15', check=False)}")
            time.sleep(1.0)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    made = Stack(tmp_path)
    made("down", "-v", check=False)
    yield made
    made("down", "-v", check=False)


def _step(stack: Stack) -> int:
    step = stack.heartbeat("learner", "learner").get("step")
    return int(step) if isinstance(step, int) else 0


def test_a_run_in_containers(stack: Stack) -> None:
    stack("up", "-d", *SERVICES)
    stack.wait("update 3", lambda: _step(stack) >= 3, 240)
    for service in SERVICES:
        stack.inside(service, "python", "-m", "ludus.kernel.probe", "8080")
        assert stack.inside(service, "id", "-u").strip() == "10001"
        assert "Read-only" in stack("exec", "-T", service, "sh", "-c", "touch /opt/x 2>&1 || true")

    stack("kill", "-s", "KILL", "simulator")
    stack("up", "-d", "--no-deps", "simulator")
    before = _step(stack)
    stack.wait("updates after the kill", lambda: _step(stack) >= before + 3, 120)

    person = "/keys/credentials/boxed/people/operator"
    ask = ["ludus", "--home", "/tmp", "remote", "status", "boxed", "--league", "league:7000", "--credentials", person]
    said = stack.inside("league", *ask)
    assert "boxed: training" in said

    stack("stop", "-t", "20", "learner")
    kept = stack.inside("league", "ls", "/var/lib/ludus/runs/boxed/checkpoints").split()
    last = max(int(name.split("-")[1]) for name in kept)
    assert last >= before + 3, f"SIGTERM wrote a checkpoint: {kept}"


def asked(url: str, body: object = None) -> Any:
    """The JSON that is there; None while nobody answers."""
    data = None if body is None else json.dumps(body).encode()
    request = Request(url, data, {"Content-Type": "application/json"})
    try:
        with urlopen(request, timeout=5) as response:
            text = response.read()
    except OSError:
        return None
    return json.loads(text) if text else {}


@pytest.mark.skipif(bool(NOT_WATCHED), reason=NOT_WATCHED or "docker is here")
def test_the_overlay_watches_it_and_an_alert_reaches_the_league(stack: Stack) -> None:
    stack("up", "-d", *SERVICES, "prometheus", "alertmanager", "redis")
    prometheus, alertmanager = "http://127.0.0.1:9090/api/v1", "http://127.0.0.1:9093/api/v2"

    def scraped() -> bool:
        found = asked(f"{prometheus}/targets") or {"data": {"activeTargets": []}}
        health = [target["health"] for target in found["data"]["activeTargets"]]
        return health == ["up"] * len(SERVICES)

    stack.wait("four targets", scraped, 240)
    groups = asked(f"{prometheus}/rules")["data"]["groups"]
    assert {rule["health"] for group in groups for rule in group["rules"]} <= {"ok", "unknown"}
    assert any(rule["type"] == "alerting" for group in groups for rule in group["rules"])
    assert len(asked(f"{prometheus}/alertmanagers")["data"]["activeAlertmanagers"]) == 1
    stack.wait("a measured update", lambda: _step(stack) >= 3, 120)
    query = f"{prometheus}/query?query=ludus_learner_kl"
    stack.wait("its KL in Prometheus", lambda: (asked(query) or {}).get("data", {}).get("result"), 60)
    look = "import redis; print(len(redis.Redis('redis').keys('*boxed*')))"
    stack.wait("standings in Redis", lambda: int(stack.inside("league", "python", "-c", look)) > 0, 60)

    labels = {"alertname": "Made", "rule": "kl_explosion", "verdict": "hard", "run": "boxed", "agent": "main"}
    assert asked(f"{alertmanager}/alerts", [{"labels": labels}]) is not None
    log = "/var/lib/ludus/runs/boxed/events.jsonl"
    stack.wait("the refusal of a forged alert", lambda: "alert_refused" in stack.inside("league", "cat", log), 60)
