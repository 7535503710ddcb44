"""One update in numbers: to Prometheus, to metrics.jsonl, to the health message and to the heartbeat."""

from __future__ import annotations

import json
import logging
import math
import os
import re
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ..kernel.metrics import Metrics
from .account import Report
from .state import Counters
from .tools import Against
from .track import Track

log = logging.getLogger(__name__)

PREFIX = "ludus_learner_"
#: Updates over which decisions per second are averaged.
RATE_UPDATES = 10
#: `kl_component_2` is exported as `kl_component{component="shoot"}`.
_NUMBERED = re.compile(r"^(kl_component|action_std)_(\d+)$")


class Reporter:
    """Keeps what is averaged over updates. `path` is metrics.jsonl: one row per committed update.

    `components` are the names of the action components, in their order; `tracks` get every row too.
    """

    def __init__(self, metrics: Metrics, path: Path, components: Sequence[str], tracks: Sequence[Track] = ()) -> None:
        self._metrics = metrics
        self._tracks = tracks
        self._components = components
        self._path = path
        self._recent: deque[tuple[float, int]] = deque(maxlen=RATE_UPDATES + 1)
        self._broken = False

    def constants(self, *, target_kl: float, total_updates: int) -> None:
        self._metrics.set(f"{PREFIX}target_kl", target_kl)
        self._metrics.set(f"{PREFIX}total_updates", total_updates)

    def started(self, counters: Counters, durable_step: int) -> None:
        """The clock of the rate starts; the gauges show where the run is."""
        self._recent.append((time.monotonic(), counters.decisions))
        self._position(counters, durable_step)

    def rejected(self, report: Report) -> None:
        self._metrics.inc(f"{PREFIX}updates_rejected_total", reason=report.reason)
        if report.reason == "not_finite":
            self._metrics.inc(f"{PREFIX}nonfinite_total")

    def committed(self, report: Report, counters: Counters) -> None:
        """An update is part of the run, though not published yet."""
        self._recent.append((time.monotonic(), counters.decisions))
        self._metrics.inc(f"{PREFIX}updates_total")
        self._metrics.inc(f"{PREFIX}decisions_total", report.decisions)
        self._metrics.set(f"{PREFIX}last_step_timestamp_seconds", time.time())
        self._metrics.set(f"{PREFIX}decisions_per_second", self.decisions_per_second)
        for name, value in report.metrics.items():
            if numbered := _NUMBERED.match(name):
                self._metrics.set(PREFIX + numbered[1], value, component=self._components[int(numbered[2])])
            else:
                self._metrics.set(PREFIX + name, value)
        for one in report.against:
            self._show_reference(one)

    def published(self, report: Report, counters: Counters, durable_step: int) -> None:
        """The version is out: show the position, the parts of the update, and write its row."""
        self._position(counters, durable_step)
        for part, seconds in report.wall_seconds.items():
            self._metrics.set(f"{PREFIX}update_part_seconds", seconds, part=part)
        self._write(
            {
                "epoch": counters.epoch,
                "step": counters.step,
                "decisions": counters.decisions,
                "elapsed_seconds": round(counters.seconds, 3),
                "time": round(time.time(), 3),
                "decisions_per_second": round(self.decisions_per_second, 1),
                **report.metrics,
                "kl_against": [asdict(one) for one in report.against],
                "wall_seconds": report.wall_seconds,
                "cpu_seconds": report.cpu_seconds,
            }
        )
        self._track(report, counters)

    def close(self) -> None:
        """No more rows."""
        for track in self._tracks:
            track.close()

    def _track(self, report: Report, counters: Counters) -> None:
        """The same numbers to the eyes: tags are the names of the table, with the action components' own names."""
        numbers = {"decisions_per_second": self.decisions_per_second}
        for name, value in report.metrics.items():
            numbered = _NUMBERED.match(name)
            numbers[f"{numbered[1]}/{self._components[int(numbered[2])]}" if numbered else name] = value
        for track in self._tracks:
            track.add(numbers, counters.decisions)

    def _show_reference(self, one: Against) -> None:
        """Identity as numbers: labels would make a new series with every update."""
        epoch, _, step = one.policy.rpartition("@")[2].partition(".")
        values = {"epoch": float(epoch), "step": float(step), "hash": float(int(one.sha256[:12] or "0", 16))}
        for name, value in values.items():
            self._metrics.set(f"{PREFIX}kl_against_{name}", value, reference=one.kind)

    def checkpointed(self, counters: Counters) -> None:
        self._metrics.set(f"{PREFIX}durable_step", counters.step)
        self._metrics.set(f"{PREFIX}checkpoint_timestamp_seconds", time.time())

    @property
    def decisions_per_second(self) -> float:
        """Over the last updates, waiting included; 0 before the first."""
        if len(self._recent) < 2:
            return 0.0
        (start, before), (end, after) = self._recent[0], self._recent[-1]
        rate = (after - before) / max(end - start, 1e-9)
        return rate if math.isfinite(rate) else 0.0

    def _position(self, counters: Counters, durable_step: int) -> None:
        self._metrics.set(f"{PREFIX}epoch", counters.epoch)
        self._metrics.set(f"{PREFIX}step", counters.step)
        self._metrics.set(f"{PREFIX}durable_step", durable_step)

    def _write(self, row: dict[str, object]) -> None:
        """Append a row. A row lost to a full disk is reported once; the next checkpoint says it with more weight."""
        try:
            with self._path.open("a+b") as file:
                if file.tell() and not _ends_with_newline(file.fileno(), file.tell()):
                    file.write(b"\n")  # a killed learner left half a row
                file.write(json.dumps(row).encode() + b"\n")
            self._broken = False
        except OSError as error:
            if not self._broken:
                log.warning("a row of %s was lost: %s", self._path, error)
            self._broken = True


def _ends_with_newline(descriptor: int, size: int) -> bool:
    return os.pread(descriptor, 1, size - 1) == b"\n"
