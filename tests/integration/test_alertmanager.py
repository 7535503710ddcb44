"""The backstop: a gauge, real Prometheus, real Alertmanager, the webhook of a real league, and a rollback that begins.

The learner is played by a producer of its messages and its metrics. It shows one sign of a collapse, and the controller
needs two before it acts by itself: nothing happens until the alert asks for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from pathlib import Path
from typing import Any

from ludus.app.grafana.files import alertmanager as alertmanager_configuration
from ludus.app.grafana.files import prometheus as prometheus_configuration
from ludus.kernel.health import load_rules
from ludus.kernel.health_prometheus import prometheus_rules
from ludus.kernel.http import HealthServer
from ludus.kernel.intent import Slot
from ludus.kernel.metrics import Metrics
from ludus.kernel.topology import RUN_BUCKET

from ..e2e.prometheus import alertmanager, free_port, prometheus  # type: ignore[import-untyped]
from .test_league_alerts import HEALTHY, kinds, update
from .test_league_service import Stack, stack

__all__ = ["stack"]

SCRAPE_SECONDS = 1.0
EXPLODED = 9.0


class Learner:
    """Shows the same number to Prometheus and to the league."""

    def __init__(self, stack: Stack) -> None:
        self._stack, self.metrics = stack, Metrics("learner")
        self.ratio = HEALTHY["log_ratio_p99"]
        server = HealthServer("127.0.0.1", 0, alive=str, ready=str, metrics=self.metrics.render)
        self.target = f"127.0.0.1:{server.port}"
        self.show()

    def show(self) -> None:
        for name, value in {**HEALTHY, "log_ratio_p99": self.ratio, "target_kl": 0.045}.items():
            self.metrics.set(f"ludus_learner_{name}", value)

    async def learn(self) -> None:
        """Five updates a second."""
        for step in range(10_000):
            self.show()
            await update(self._stack, step, log_ratio_p99=self.ratio)
            await asyncio.sleep(0.2)


async def test_a_gauge_becomes_a_request_and_the_request_a_rollback(
    stack: Stack, tmp_path: Path, record_property: Any
) -> None:
    await stack.start_league()
    await (await stack.channel()).close()
    learner, port = Learner(stack), free_port()
    league = f"http://127.0.0.1:{json.loads((stack.folder / 'services' / 'league.json').read_text())['http_port']}"
    targets, rules = tmp_path / "targets.json", tmp_path / "rules.yml"
    targets.write_text(
        json.dumps([{"targets": [learner.target], "labels": {"run": stack.config.run, "name": "learner"}}])
    )
    rules.write_text(prometheus_rules(load_rules(), SCRAPE_SECONDS))
    learning = asyncio.create_task(learner.learn())
    with (
        alertmanager(tmp_path / "alertmanager", alertmanager_configuration(league), port),
        prometheus(
            tmp_path / "prometheus",
            prometheus_configuration(targets, rules, f"127.0.0.1:{port}", SCRAPE_SECONDS),
        ) as server,
    ):
        async with asyncio.timeout(30):
            while not await asyncio.to_thread(server.query, "ludus:breach:log_ratio == 0"):
                await asyncio.sleep(0.2)
        assert "alert_granted" not in await kinds(stack)
        learner.ratio = EXPLODED
        began = time.monotonic()
        slot = Slot(await stack.bus.bucket(RUN_BUCKET), "main")
        async with asyncio.timeout(30):
            while (intent := await slot.read()) is None or intent.step != "fenced":
                await asyncio.sleep(0.05)
        seconds = time.monotonic() - began
    learning.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await learning
    record_property("gauge to fenced rollback, seconds", round(seconds, 2))
    print(f"gauge -> Prometheus -> Alertmanager -> webhook -> rollback fenced: {seconds:.1f} s")
    found = await kinds(stack)
    assert found.count("alert_granted") == found.count("rollback_planned") == 1
    assert intent.checkpoint == "1-0"
    assert seconds < 15
