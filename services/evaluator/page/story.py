"""What a run's folder tells: read once, from files alone, whether the run goes on, has ended or has died."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...kernel.config import AGENTS_FOLDER
from ..exploits import Exploit, exploits_of

Json = dict[str, Any]

#: What people want to see of the audit trail; the rest happens all the time.
QUIET_KINDS = ("snapshot", "evaluation", "service_started", "service_stopped", "unreadable")


@dataclass(frozen=True, slots=True)
class Story:
    """Rows are in the order of training; where a rollback undid updates, those that remained."""

    folder: Path
    config: Json
    learners: dict[str, list[Json]] = field(default_factory=dict)
    """updates of every agent that learns"""
    measured: Json = field(default_factory=dict)
    """what `build_summary` says, as of the last look"""
    events: list[Json] = field(default_factory=list)
    deaths: list[Json] = field(default_factory=list)
    outcome: Json = field(default_factory=dict)
    made_with: Json = field(default_factory=dict)
    beats: dict[str, Json] = field(default_factory=dict)
    fights: Json = field(default_factory=dict)
    """what kept matches were like, if somebody looked"""
    exploits: list[Exploit] = field(default_factory=list)
    """finished exploiters of its versions"""
    undone: int = 0
    """updates that were rolled back, or lost and made again"""

    @property
    def agents(self) -> list[str]:
        """Names, in the order of the configuration."""
        return list(self.learners)

    @property
    def updates(self) -> list[Json]:
        """Of the first agent, which stands for the run where there is one number for all."""
        return next(iter(self.learners.values()), [])

    @property
    def state(self) -> str:
        known = self.outcome.get("state") or self.beats.get("league", {}).get("run_state") or "starting"
        return str(known).lower()

    @property
    def batch(self) -> int:
        """Decisions per update."""
        return int(self.config["learner"]["batch_decisions"])

    @property
    def total(self) -> int:
        """Updates of the whole run."""
        return max(1, int(self.config["decisions"]) // self.batch)

    def millions(self, step: float) -> float:
        """Million decisions after so many updates: the x of every chart."""
        return step * self.batch / 1e6

    def at(self, time: float) -> float:
        """Million decisions at a time of day: of the last update before it."""
        before = [row for row in self.updates if row["time"] <= time]
        return self.millions(before[-1]["step"]) if before else 0.0


def read_story(folder: Path, measured: Json | None = None, fights: Json | None = None) -> Story:
    """`measured`: if the caller knows better than the folder."""
    config = _tree(folder / "config.json")
    rows = {agent: list(_rows(path / "metrics.jsonl")) for agent, path in _learners(folder, config).items()}
    learners = {agent: standing(made) for agent, made in rows.items()}
    beats = {path.stem: _tree(path) for path in (folder / "services").glob("*.json") if not path.stem.endswith(".pid")}
    return Story(
        folder=folder,
        config=config,
        learners=learners,
        measured=measured or _newest(_tree(folder / "measured.json"), _tree(folder / "summary.json")),
        events=list(_rows(folder / "events.jsonl")),
        deaths=list(_rows(folder / "deaths.jsonl")),
        outcome=_tree(folder / "outcome.json"),
        made_with=_tree(folder / "made_with.json"),
        beats=beats,
        fights=fights or {},
        exploits=exploits_of(folder),
        undone=sum(map(len, rows.values())) - sum(map(len, learners.values())),
    )


def _learners(folder: Path, config: Json) -> dict[str, Path]:
    """Where the numbers of every agent are."""
    names = [str(agent["name"]) for agent in config.get("agents", [])]
    if len(names) > 1:
        return {name: folder / AGENTS_FOLDER / name for name in names}
    return {names[0] if names else str(config.get("learner", {}).get("agent", "main")): folder}


def standing(rows: Iterable[Json]) -> list[Json]:
    """The updates the last policy is made of: a later row takes back every row of its own step or a later one."""
    kept: list[Json] = []
    for row in rows:
        while kept and kept[-1]["step"] >= row["step"]:
            kept.pop()
        kept.append(row)
    return kept


def _newest(one: Json, other: Json) -> Json:
    """What knows more results."""
    return one if one.get("results", 0) >= other.get("results", 0) else other


def _rows(path: Path) -> Iterable[Json]:
    """Objects of a JSON-lines file; half a line of somebody who died is left out."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            yield row


def _tree(path: Path) -> Json:
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return tree if isinstance(tree, dict) else {}
