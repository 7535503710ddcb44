"""Metrics for the eyes: TensorBoard event files, and Weights & Biases for those who use it.

The names are those of the one table (`kernel/metric_table.py`), the x-axis is decisions. Neither is ever needed for
training: what goes wrong here is said once and then left alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from ..kernel.config import RunConfig
from ..kernel.metric_table import METRICS, Metric
from ..kernel.service import Fatal

log = logging.getLogger(__name__)

FOLDER = "tensorboard"
FLUSH_SECONDS = 10
PREFIX = "ludus_learner_"
_TABLE = {metric.name: metric for metric in METRICS if metric.service == "learner"}


class Track(Protocol):
    """Takes the numbers of an update."""

    def add(self, numbers: Mapping[str, float], decisions: int) -> None:
        """Numbers by tag, `name` or `name/component`, at so many decisions."""

    def close(self) -> None:
        """Write what is still held."""


def open_tracks(config: RunConfig) -> list[Track]:
    """What [learner.track] asks for. Raises Fatal for a package that is asked for by name and not installed."""
    asked, found = config.learner.track, list[Track]()
    wanted = asked.tensorboard == "on" or (asked.tensorboard == "auto" and find_spec("tensorboardX") is not None)
    if wanted:
        found.append(_guarded("TensorBoard", lambda: TensorBoard(config.folder_of(config.learner.agent) / FOLDER)))
    if asked.wandb != "off":
        found.append(_guarded("W&B", lambda: WeightsAndBiases(config)))
    return found


class TensorBoard:
    """Event files in one folder; a resumed run adds a file."""

    def __init__(self, folder: Path) -> None:
        writer = _package("tensorboardX", "track", "learner.track.tensorboard").SummaryWriter
        self._writer = writer(str(folder), flush_secs=FLUSH_SECONDS, write_to_disk=True)
        self._described: set[str] = set()

    def add(self, numbers: Mapping[str, float], decisions: int) -> None:
        for tag, value in numbers.items():
            description = "" if tag in self._described else describe(tag)
            self._described.add(tag)
            self._writer.add_scalar(tag, value, decisions, summary_description=description)

    def close(self) -> None:
        self._writer.close()


class WeightsAndBiases:
    """One run of the run's name; `offline` writes into the run's folder and talks to nobody."""

    def __init__(self, config: RunConfig) -> None:
        asked = config.learner.track
        package = _package("wandb", "wandb", "learner.track.wandb")
        self._run = package.init(
            project=asked.wandb_project,
            name=config.run or None,
            id=config.run or None,
            resume="allow" if config.run else None,
            dir=config.directory or None,
            mode=asked.wandb,
            config=config.model_dump(mode="json"),
        )
        self._run.define_metric("*", step_metric="decisions")

    def add(self, numbers: Mapping[str, float], decisions: int) -> None:
        self._run.log({**numbers, "decisions": decisions})

    def close(self) -> None:
        self._run.finish()


def describe(tag: str) -> str:
    """Meaning, unit and healthy range of a tag, from the table; empty for one that is not there."""
    metric: Metric | None = _TABLE.get(PREFIX + tag.partition("/")[0])
    if metric is None:
        return ""
    parts = [metric.meaning, f"unit: {metric.unit}" if metric.unit else ""]
    return "; ".join(part for part in (*parts, f"healthy: {metric.healthy}" if metric.healthy else "") if part)


class _Guarded:
    """A track that can fail without anybody else noticing more than one line in the log."""

    def __init__(self, name: str, track: Track) -> None:
        self._name, self._track = name, track
        self._broken = False

    def add(self, numbers: Mapping[str, float], decisions: int) -> None:
        self._try(lambda: self._track.add(numbers, decisions))

    def close(self) -> None:
        self._try(self._track.close)

    def _try(self, work: Callable[[], None]) -> None:
        if self._broken:
            return
        try:
            work()
        except Exception as error:
            # Other people's code: whatever it raises, training goes on.
            log.warning("%s gets no more numbers: %s", self._name, error)
            self._broken = True


class _Nowhere:
    def add(self, numbers: Mapping[str, float], decisions: int) -> None:
        pass

    def close(self) -> None:
        pass


def _guarded(name: str, make: Callable[[], Track]) -> Track:
    try:
        return _Guarded(name, make())
    except Fatal:
        raise
    except Exception as error:
        log.warning("%s gets no numbers: %s", name, error)
        return _Nowhere()


def _package(name: str, extra: str, key: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise Fatal(f"{key} is on, but {name} is not installed: pip install 'ludus[{extra}]'") from error
