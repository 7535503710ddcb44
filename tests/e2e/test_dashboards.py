"""Every panel of every dashboard has something to show when a real Prometheus scrapes a real run."""

from __future__ import annotations

import json
import time

from ludus.app.grafana.boards import boards, expressions
from ludus.app.grafana.files import prometheus as configuration

from .conftest import Cli  # type: ignore[import-untyped]
from .prometheus import prometheus  # type: ignore[import-untyped]

PATIENCE_SECONDS = 90


def test_every_panel_has_data_while_a_run_goes_on(ludus: Cli) -> None:
    run = "seen"
    with prometheus(ludus.home / "prometheus", configuration(ludus.home / "targets.json", 1)) as server:
        ludus(
            "train", "dogfight", "--preset", "quick", "--run", run, "--seed", "3", "--detach",
            "--set", "evaluator.every_updates=2", "--set", "evaluator.matches_per_opponent=2",
        )  # fmt: skip
        asked = {expression: board.uid for board in boards() for expression in expressions(board)}
        silent, deadline = set(asked), time.monotonic() + PATIENCE_SECONDS
        while silent and time.monotonic() < deadline:
            silent = {expression for expression in silent if not server.query(expression)}
            time.sleep(0.5)
        assert not silent, f"{len(silent)} of {len(asked)} panels are empty: {sorted(silent)}"

        found = server.query("ludus_learner_step")
        assert [one["metric"]["run"] for one in found] == [run]
        scraped = {one["metric"]["name"] for one in server.query("up == 1")}
        assert scraped == {"league", "learner", "simulator-0", "evaluator"}
    ludus("stop", run)
    ludus.wait_for("nothing left to scrape", lambda: json.loads((ludus.home / "targets.json").read_text()) == [], 30)
