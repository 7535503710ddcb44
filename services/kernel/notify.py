"""Notices to people: what happened in a run, to a webhook that takes Slack's `{"text": ...}` (Mattermost, Discord's
`/slack` addresses and many others do).

The address is a secret: it comes from $LUDUS_WEBHOOK_URL only, is in no configuration and in no log. A thread of its
own sends: whoever has something to say never waits. A webhook that does not answer costs notices, nothing else.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

log = logging.getLogger(__name__)

VARIABLE = "LUDUS_WEBHOOK_URL"
TIMEOUT_SECONDS = 5.0
#: Pauses before another attempt, where one may help: nobody answers, too many requests, an error of the server's.
PAUSES_SECONDS = (1.0, 5.0)
WAITING = 100
TRY_AGAIN = (429, 500, 502, 503, 504)

#: Events worth a notice, and the word that it begins with.
NOTICES = {
    "training": "started",
    "phase": "phase",
    "evaluating": "training is done",
    "promotion": "promotion",
    "regression": "regression",
    "rollback_planned": "rollback",
    "rollback": "rolled back",
    "rollback_aborted": "rollback failed",
    "paused_by_health": "PAUSED, a person is needed",
    "finished": "finished",
}
#: Of the commands of people, these.
COMMANDS = {"pause": "paused", "resume": "goes on", "stop": "stopped"}


def notice(run: str, row: Mapping[str, Any]) -> str:
    """The text for a row of events.jsonl; empty for what is not worth one."""
    kind, message = str(row.get("kind", "")), str(row.get("message", ""))
    word = COMMANDS.get(message.partition(" ")[0], "") if kind == "command" else NOTICES.get(kind, "")
    return f"*{run}* {word}: {message}" if word else ""


class Notifier:
    """Sends in the background, in order; does nothing without an address."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._waiting: queue.Queue[str] = queue.Queue(WAITING)
        self._failed = False
        if url and not url.startswith(("http://", "https://")):
            log.error("%s is not an address: expected https://…; nobody will be notified", VARIABLE)
            self._url = ""
        if self._url:
            threading.Thread(target=self._run, name="notices", daemon=True).start()

    @classmethod
    def from_environment(cls) -> Notifier:
        return cls(os.environ.get(VARIABLE, ""))

    def send(self, text: str) -> None:
        """Returns at once. When too much waits, this notice is lost, and the log says so."""
        if not self._url or not text:
            return
        try:
            self._waiting.put_nowait(text)
        except queue.Full:
            log.warning("too many notices wait for the webhook: lost %r", text)

    def drain(self, patience_seconds: float) -> None:
        """Wait until everything is sent, at most so long: before the process ends."""
        deadline = time.monotonic() + patience_seconds
        while self._waiting.unfinished_tasks and time.monotonic() < deadline:
            time.sleep(0.02)

    def _run(self) -> None:
        while True:
            text = self._waiting.get()
            problem = self._deliver(text)
            if problem and not self._failed:
                log.warning("the webhook of %s does not take notices: %s", VARIABLE, problem)
            self._failed = bool(problem)
            self._waiting.task_done()

    def _deliver(self, text: str) -> str:
        """Empty when it was taken, otherwise why not."""
        problem = ""
        for pause in (0.0, *PAUSES_SECONDS):
            time.sleep(pause)
            problem, again = self._attempt(text)
            if not again:
                break
        return problem

    def _attempt(self, text: str) -> tuple[str, bool]:
        """What is wrong, and whether another attempt may help."""
        body = json.dumps({"text": text}).encode()
        try:
            request = urllib.request.Request(self._url, body, {"Content-Type": "application/json"})  # noqa: S310
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):  # noqa: S310 (its scheme was looked at)
                return "", False
        except urllib.error.HTTPError as error:
            with suppress(OSError):
                error.close()
            return f"status {error.code}", error.code in TRY_AGAIN
        except (OSError, ValueError) as error:
            # Never the whole text of it: it may hold the address.
            return type(error).__name__, not isinstance(error, ValueError)
