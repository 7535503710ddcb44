"""A report that cannot be written is said, and ends nothing."""

import json
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from ludus.api.v1.event_pb2 import Event
from ludus.api.v1.health_pb2 import LearnerHealth
from ludus.api.v1.policy_pb2 import PolicyRef
from ludus.api.v1.standings_pb2 import PairRow, Standings
from ludus.evaluator.report import attempt, write_summary
from ludus.kernel.bus import Bus
from ludus.kernel.config import dump, load
from ludus.kernel.context import Context
from ludus.kernel.heartbeat import Heartbeat
from ludus.kernel.metrics import Metrics
from ludus.kernel.topology import EVENTS, HEALTH, RUN_BUCKET

BusFactory = Callable[..., Awaitable[Bus]]
QUICK = Path(__file__).parents[2] / "configs" / "dogfight-quick.toml"


async def context(bus: Bus, folder: Path) -> Context:
    """That of an evaluator, of a run that has been measured."""
    config = load(QUICK, [("run", bus.run), ("directory", str(folder))], {})
    (folder / "config.json").write_text(dump(config))
    pair = PairRow(purpose="evaluate", first="main@1.40", second="bot:ace", wins=9, losses=1)
    await (await bus.bucket(RUN_BUCKET)).put("ledger", Standings(results=10, pairs=[pair]).SerializeToString())
    health = LearnerHealth(policy=PolicyRef(agent="main", epoch=1, step=40), decisions=9)
    await bus.publish(HEALTH, health.SerializeToString(), token="main", msg_id="h1")
    return Context(
        config, "evaluator", "evaluator", worker=0, resume=False, grpc_port=0, bus=bus,
        metrics=Metrics("evaluator"), heartbeat=Heartbeat(folder / "heartbeat.json"),
    )  # fmt: skip


async def events(bus: Bus) -> list[Event]:
    return [Event.FromString(one.data) for one in await bus.read(EVENTS, 1, 50, timeout_seconds=2)]


async def test_a_report_that_cannot_be_written_leaves_the_summary_and_an_event(
    bus: BusFactory, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wire = await bus()
    ctx = await context(wire, tmp_path)
    (tmp_path / "report.html").mkdir()  # nothing can be written there
    with caplog.at_level(logging.ERROR):
        assert await write_summary(ctx)
    assert json.loads((tmp_path / "summary.json").read_text())["results"] == 10
    told = await events(wire)
    assert [one.kind for one in told] == ["report_failed"]
    assert "IsADirectoryError" in told[0].message
    assert "Traceback" in caplog.text


async def test_a_report_that_can_be_written_is_announced(bus: BusFactory, tmp_path: Path) -> None:
    wire = await bus()
    ctx = await context(wire, tmp_path)
    assert await write_summary(ctx)
    assert (tmp_path / "report.html").is_file()
    assert [one.kind for one in await events(wire)] == ["report"]


async def test_broken_standings_are_said_too(bus: BusFactory, tmp_path: Path) -> None:
    wire = await bus()
    ctx = await context(wire, tmp_path)
    await (await wire.bucket(RUN_BUCKET)).put("ledger", b"\xff\xff\xff")
    assert not await attempt(ctx, "the summary", write_summary(ctx))
    assert [one.kind for one in await events(wire)] == ["report_failed"]
