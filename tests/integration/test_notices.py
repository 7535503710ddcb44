"""Notices to a webhook: against a real HTTP server that answers, refuses, or does not answer at all."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ludus.kernel import notify
from ludus.kernel.notify import Notifier, notice


class Webhook(ThreadingHTTPServer):
    """Takes notices; `codes` are its next answers, 200 afterwards; while `silent` is cleared it answers nobody."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.taken: list[str] = []
        self.codes: list[int] = []
        self.open = threading.Event()
        self.open.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/services/SECRET"


class _Handler(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        tree = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.open.wait(20)
        code = self.server.codes.pop(0) if self.server.codes else 200
        if code == 200:
            assert self.headers["Content-Type"] == "application/json"
            assert list(tree) == ["text"]
            self.server.taken.append(tree["text"])
        self.send_response(code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    monkeypatch.setattr(notify, "PAUSES_SECONDS", (0.05, 0.1))
    server = Webhook()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.open.set()
    server.shutdown()
    server.server_close()


def test_notices_arrive_in_order(webhook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUDUS_WEBHOOK_URL", webhook.url)
    notifier = Notifier.from_environment()
    for k in range(5):
        notifier.send(f"number {k}")
    notifier.drain(5)
    assert webhook.taken == [f"number {k}" for k in range(5)]


def test_a_busy_server_is_asked_again_and_a_refusal_is_not(webhook: Webhook, caplog: pytest.LogCaptureFixture) -> None:
    webhook.codes = [503, 429]
    notifier = Notifier(webhook.url)
    notifier.send("after two refusals")
    notifier.drain(5)
    assert webhook.taken == ["after two refusals"]
    webhook.codes = [404]
    with caplog.at_level(logging.WARNING):
        notifier.send("to nobody")
        notifier.drain(5)
    assert webhook.taken == ["after two refusals"]
    assert "status 404" in caplog.text
    assert "SECRET" not in caplog.text


def test_a_webhook_that_does_not_answer_holds_up_nobody(webhook: Webhook, caplog: pytest.LogCaptureFixture) -> None:
    webhook.open.clear()
    notifier = Notifier(webhook.url)
    started = time.monotonic()
    for k in range(notify.WAITING + 20):
        notifier.send(f"number {k}")
    assert time.monotonic() - started < 0.5
    assert "too many notices wait" in caplog.text
    notifier.drain(0.2)
    assert time.monotonic() - started < 1.5
    webhook.open.set()
    notifier.drain(15)
    assert webhook.taken[0] == "number 0"
    assert len(webhook.taken) >= notify.WAITING


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/SECRET", "file:///etc/SECRET", "http://[SECRET", ""])
def test_a_wrong_address_is_said_without_being_told(
    url: str, webhook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    notifier = Notifier(url)
    notifier.send("to nobody")
    notifier.drain(5)
    assert "SECRET" not in caplog.text
    assert bool(caplog.text) == bool(url)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"kind": "training", "message": "dogfight, 97 updates"}, "*keen* started: dogfight, 97 updates"),
        ({"kind": "phase", "message": "self-play begins"}, "*keen* phase: self-play begins"),
        ({"kind": "rollback", "message": "main: back at 1-40"}, "*keen* rolled back: main: back at 1-40"),
        ({"kind": "paused_by_health", "message": "main: budget"}, "*keen* PAUSED, a person is needed: main: budget"),
        ({"kind": "command", "message": "pause by hand"}, "*keen* paused: pause by hand"),
        ({"kind": "command", "message": "promote 1-40"}, ""),
        ({"kind": "finished", "message": "97 updates"}, "*keen* finished: 97 updates"),
        ({"kind": "snapshot", "message": "x joins the pool"}, ""),
        ({}, ""),
    ],
)
def test_what_is_worth_a_notice(row: dict[str, str], text: str) -> None:
    assert notice("keen", row) == text
