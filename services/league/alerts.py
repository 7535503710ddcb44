"""Plane 2: the webhook of Alertmanager, POST /alerts on the league's HTTP port. An alert is a request, never an order.

Alertmanager delivers at least once, sometimes hundreds of times. A request that was granted is remembered by run,
epoch, rule and fingerprint; one that was refused is looked at again when it comes again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from ..kernel.context import Context
from .commands import remember
from .store import RecordStore
from .watch import HealthWatch

PATH = "/alerts"
ANSWER_SECONDS = 10.0
MAX_ALERTS = 100
#: Without these labels it is not one of `ludus rules prometheus`.
NEEDED = ("rule", "verdict")


class Alerts:
    """Answers on the event loop of the league."""

    def __init__(self, ctx: Context, store: RecordStore, health: HealthWatch) -> None:
        self._ctx, self._store, self._health = ctx, store, health
        self._loop = asyncio.get_running_loop()
        self._lock = asyncio.Lock()

    def post(self, body: bytes) -> tuple[int, str]:
        """Called on a thread of the HTTP server."""
        try:
            alerts = parse(body)
        except ValueError as error:
            return 400, str(error)
        answering = asyncio.run_coroutine_threadsafe(self.answer(alerts), self._loop)
        try:
            return 200, "\n".join(answering.result(ANSWER_SECONDS)) or "nothing is firing"
        except LookupError as error:
            return 404, str(error)
        except TimeoutError:
            answering.cancel()
            return 503, "the league is busy: send it again"

    async def answer(self, alerts: list[Mapping[str, str]]) -> list[str]:
        """One line for each firing alert."""
        async with self._lock:
            return [await self._one(alert) for alert in alerts]

    async def _one(self, labels: Mapping[str, str]) -> str:
        if labels.get("run", "") not in ("", self._ctx.config.run):
            return f"refused: this is the league of {self._ctx.config.run!r}, not of {labels['run']!r}"
        if missing := [name for name in NEEDED if name not in labels]:
            return f"refused: no label {' and no '.join(missing)}, so there is nothing to roll back for"
        agent, rule = labels.get("agent", ""), labels["rule"]
        epoch = self._health.epoch(agent)
        key = f"alert/{self._ctx.config.run}/{epoch}/{rule}/{labels['fingerprint']}"
        if key in self._store.record.commands_done:
            return "done already"
        granted, message = await self._health.request(agent, rule, labels["fingerprint"])
        if granted:
            await self._store.change(lambda record: remember(record, key))
        kind = "alert_granted" if granted else "alert_refused"
        await self._ctx.event(kind, f"{rule}: {message}", epoch=epoch, fingerprint=labels["fingerprint"])
        return message


def parse(body: bytes) -> list[Mapping[str, str]]:
    """The labels of the firing alerts of a webhook message, with their fingerprints. Raises ValueError."""
    try:
        tree: Any = json.loads(body)
        firing = [alert for alert in tree["alerts"] if alert["status"] == "firing"]
        found: list[Mapping[str, str]] = [
            {str(k): str(v) for k, v in alert["labels"].items()} | {"fingerprint": str(alert.get("fingerprint", ""))}
            for alert in firing[:MAX_ALERTS]
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"expected Alertmanager's webhook message (version 4): {error!r}") from error
    return found
