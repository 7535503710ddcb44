"""Every panel of every dashboard has data while a real Prometheus scrapes a real run, and people are notified."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ludus.app.grafana.boards import boards, expressions
from ludus.app.grafana.files import prometheus as configuration

from .conftest import Cli  # type: ignore[import-untyped]
from .prometheus import prometheus  # type: ignore[import-untyped]

PATIENCE_SECONDS = 90
#: What a run shows once `ludus exploit` has trained against it.
ONLY_WITH_EXPLOITERS = ("ludus_evaluator_exploited_step", "ludus_evaluator_exploiter_win_ratio")


class Webhook(ThreadingHTTPServer):
    """Takes down the notices."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.taken: list[str] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        self.server.taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.mark.slow
def test_every_panel_has_data_and_people_are_told(ludus: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    run, webhook = "seen", Webhook()
    monkeypatch.setenv("LUDUS_WEBHOOK_URL", f"http://127.0.0.1:{webhook.server_port}/secret")
    with prometheus(ludus.home / "prometheus", configuration(ludus.home / "targets.json", seconds=1)) as server:
        ludus(
            "train", "dogfight", "--preset", "quick", "--run", run, "--seed", "3", "--detach", "--decisions", "600000",
            "--set", "evaluator.every_updates=2", "--set", "evaluator.matches_per_opponent=2",
            "--set", "evaluator.final_matches_per_opponent=2",
            "--set", 'league.randomisation=[{level = "narrow", from_progress = 0.0}]',
        )  # fmt: skip
        asked = [one for board in boards() for one in expressions(board) if not one.startswith(ONLY_WITH_EXPLOITERS)]
        silent, deadline, scraped = set(asked), time.monotonic() + PATIENCE_SECONDS, set()
        while silent and time.monotonic() < deadline:
            silent = {expression for expression in silent if not server.query(expression)}
            scraped |= {(one["metric"]["run"], one["metric"]["name"]) for one in server.query("up == 1")}
            time.sleep(0.5)
        assert not silent, f"{len(silent)} of {len(asked)} panels are empty: {sorted(silent)}"
        assert scraped == {(run, name) for name in ("league", "learner", "simulator-0", "evaluator")}

    ludus.wait_for("the end of the run", lambda: ludus.run_folder(run).joinpath("report.html").exists(), 240)
    ludus.wait_for("nothing left to scrape", lambda: json.loads((ludus.home / "targets.json").read_text()) == [], 30)
    words = [text.removeprefix(f"*{run}* ").partition(":")[0] for text in webhook.taken]
    assert words[0] == "started"
    assert words[-1] == "finished"
    assert "phase" in words
    logs = "".join(path.read_text() for path in ludus.home.rglob("*.log"))
    assert "/secret" not in logs
    assert "/secret" not in (ludus.run_folder(run) / "config.json").read_text()
    webhook.shutdown()
