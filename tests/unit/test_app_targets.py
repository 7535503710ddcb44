"""What Prometheus is told to scrape."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ludus.app.home import Home, RunFolder, write_json
from ludus.app.processes import Identity
from ludus.app.targets import keep


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = Home(tmp_path).run("one")
    write_json(folder.config_file, {"simulator": {"workers": 2}})
    own = Identity.of(os.getpid())
    assert own
    for name, port in (("league", 4001), ("simulator-1", 4002), ("evaluator", None)):
        write_json(folder.process_file(name), own.as_json())
        write_json(folder.path / "services" / f"{name}.json", {"pid": own.pid, "http_port": port})
    write_json(folder.process_file("learner"), {"pid": own.pid, "process_started": own.started - 1000})
    write_json(folder.path / "services" / "learner.json", {"pid": own.pid, "http_port": 4003})
    return folder


def test_live_processes_with_a_port_are_targets(run: RunFolder, tmp_path: Path) -> None:
    home = Home(tmp_path)
    keep(home, [run])
    found = {row["targets"][0]: row["labels"] for row in json.loads(home.targets_file.read_text())}
    assert found == {
        "127.0.0.1:4001": {"run": "one", "name": "league", "service": "league"},
        "127.0.0.1:4002": {"run": "one", "name": "simulator-1", "service": "simulator"},
    }, "not the learner, whose number now belongs to another process, nor the evaluator, which serves nothing yet"


def test_the_file_is_written_only_when_something_changed(run: RunFolder, tmp_path: Path) -> None:
    home = Home(tmp_path)
    keep(home, [run])
    before = home.targets_file.stat().st_ino
    keep(home, [run])
    assert home.targets_file.stat().st_ino == before
    keep(home, [])
    assert json.loads(home.targets_file.read_text()) == []
