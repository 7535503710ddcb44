"""The numbers of an update where people look: event files, metrics.jsonl and /metrics say the same under one name."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.record_writer import masked_crc32c

from ludus.kernel.metric_table import METRICS
from ludus.kernel.metrics import Metrics
from ludus.kernel.service import Fatal
from ludus.learner import tools
from ludus.learner.reporter import PREFIX, Reporter
from ludus.learner.track import TensorBoard, describe, open_tracks

from .learner_kit import batch, config, learner

COMPONENTS = ("turn", "throttle", "shoot")


def events(folder: Path) -> list[Event]:
    """Every record of the event files in a folder, checksums verified."""
    found = []
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        while data:
            size = int.from_bytes(data[:8], "little")
            body = data[12 : 12 + size]
            assert masked_crc32c(body) == int.from_bytes(data[12 + size : 16 + size], "little")
            found.append(Event.FromString(body))
            data = data[16 + size :]
    return found


def test_one_update_is_the_same_in_all_places(tmp_path: Path) -> None:
    tools_on = {"kl_penalty.coefficient": 1.0, "rnd.coefficient": 0.1, "correction": "vtrace", "ewc.coefficient": 1}
    run = config(**tools_on)
    run = run.model_copy(update={"directory": str(tmp_path)})
    state, versions, updater = learner(run)
    tools.begin(state, run, "start")
    metrics = Metrics("learner")
    reporter = Reporter(metrics, tmp_path / "metrics.jsonl", COMPONENTS, open_tracks(run))
    for update in range(2):
        report = updater.update(batch(versions, update, seed=update))
        reporter.committed(report, state.counters)
        reporter.published(report, state.counters, 0)
    reporter.close()

    row = json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[-1])
    assert row["kl_against"][0] == {"kind": "behaviour", "policy": "main@1.1", "sha256": "0" * 64}
    assert row["kl_against"][1]["kind"] == "previous"
    text = metrics.render().decode()
    assert 'ludus_learner_kl_against_step{reference="behaviour"} 1.0' in text
    shown = re.search(r'kl_against_hash\{reference="previous"\} (\S+)', text)
    assert shown
    assert f"{int(float(shown[1])):012x}" == row["kl_against"][1]["sha256"][:12]
    values = [v for e in events(tmp_path / "tensorboard") if e.step == 512 for v in e.summary.value]
    tracked = {value.tag: value.simple_value for value in values}
    assert tracked["kl_component/shoot"] == pytest.approx(row["kl_component_2"])
    for name in ("kl", "entropy", "rnd_reward", "importance_weight", "ewc_penalty", "kl_reference"):
        assert tracked[name] == pytest.approx(row[name], rel=1e-6), name
        assert f"{PREFIX}{name} {row[name]}" in text, name


def test_every_tag_is_in_the_one_table(tmp_path: Path) -> None:
    """Every number an update can report, with everything switched on, has a meaning there."""
    run = config(
        critic_only_updates=1, correction="vtrace",
        **{"kl_penalty.coefficient": 1.0, "adaptive_rate.target": 0.01, "ewc.coefficient": 1, "rnd.coefficient": 1},
    )  # fmt: skip
    _state, versions, updater = learner(run)
    report = updater.update(batch(versions, 0, seed=0))
    table = {metric.name for metric in METRICS}
    for name in report.metrics:
        base = name.rstrip("0123456789").rstrip("_") if name.startswith(("kl_component", "action_std")) else name
        assert PREFIX + base in table, name
        assert describe(base)
    assert "healthy: 0.005 to 0.05" in describe("kl")
    assert describe("something else") == ""


def test_without_the_extra_training_goes_on_unless_it_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    monkeypatch.setattr("ludus.learner.track.find_spec", lambda name: None)
    assert open_tracks(config()) == []
    with pytest.raises(Fatal, match=r"learner.track.tensorboard is on, but tensorboardX .* 'ludus\[track\]'"):
        open_tracks(config(**{"track.tensorboard": "on"}))
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(Fatal, match=r"'ludus\[wandb\]'"):
        open_tracks(config(**{"track.wandb": "offline"}))


def test_a_track_that_breaks_is_reported_once_and_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run = config().model_copy(update={"directory": str(tmp_path)})
    (track,) = open_tracks(run)

    def full(*_: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(TensorBoard, "add", full)
    for _ in range(3):
        track.add({"kl": 1.0}, 1)
    track.close()
    assert [record.message for record in caplog.records] == ["TensorBoard gets no more numbers: no space left"]
    (tmp_path / "blocked").write_text("")
    (nowhere,) = open_tracks(run.model_copy(update={"directory": str(tmp_path / "blocked")}))
    nowhere.add({"kl": 1.0}, 1)
    assert "TensorBoard gets no numbers" in caplog.records[-1].message
