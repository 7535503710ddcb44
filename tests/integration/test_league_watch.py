"""The controller and the learner's side of a rollback, killed before and after every write of the protocol."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ludus.api.v1 import run_pb2 as run
from ludus.api.v1.health_pb2 import LearnerHealth
from ludus.api.v1.policy_pb2 import PolicyRef
from ludus.kernel.bus import Bucket, Bus
from ludus.kernel.config import load
from ludus.kernel.context import Context
from ludus.kernel.heartbeat import Heartbeat
from ludus.kernel.intent import Intent
from ludus.kernel.metrics import Metrics
from ludus.kernel.nats_server import NatsServer
from ludus.kernel.topology import HEALTH, RUN_BUCKET
from ludus.league.store import RecordStore
from ludus.league.watch import HealthWatch
from ludus.learner.recovery import Recovery

CONFIG = Path(__file__).parents[2] / "configs" / "dogfight-quick.toml"
MOST_TURNS = 60


class Killed(Exception):
    """The process is gone."""


class Deadly:
    """A bucket that kills its user at the n-th write: before it is made, or after."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self.writes = 0
        self.kill_at, self.after = 0, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bucket, name)

    async def update(self, key: str, data: bytes, revision: int) -> int:
        self.writes += 1
        if self.writes == self.kill_at and not self.after:
            raise Killed
        made = await self._bucket.update(key, data, revision)
        if self.writes == self.kill_at and self.after:
            raise Killed
        return made


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    server = NatsServer(tmp_path / "nats", sync_interval="1s")
    server.start()
    yield server.url
    server.kill9()


@asynccontextmanager
async def league(url: str, folder: Path, name: str, **health: int) -> AsyncIterator[Context]:
    """A run of its own."""
    settings = {"run": name, "directory": str(folder), **{f"health.{key}": value for key, value in health.items()}}
    config = load(CONFIG, settings.items(), environment={})
    bus = await Bus.connect(url, name, "league")
    await bus.declare(rollout_depth=4)
    try:
        yield Context(
            config=config, name="league", service="league", worker=0, resume=False, grpc_port=0, bus=bus,
            metrics=Metrics("league"), heartbeat=Heartbeat(folder / "league.json"),
        )  # fmt: skip
    finally:
        await bus.close()


async def tell(bus: Bus, epoch: int, step: int, durable: int = 0, **metrics: float) -> None:
    health = LearnerHealth(
        policy=PolicyRef(agent="main", epoch=epoch, step=step, sha256="ab"), run="demo", total_steps=400,
        metrics={"kl": 0.01, "kl_previous": 0.01} | metrics, checkpoint_epoch=1, checkpoint_step=durable,
    )  # fmt: skip
    await bus.publish(HEALTH, health.SerializeToString(), token="main", msg_id=f"main.{epoch}.{step}")


async def turn(ctx: Context, bucket: Deadly, monkeypatch: pytest.MonkeyPatch, *, able: bool) -> str:
    """Fresh processes each time: the league looks once, the learner takes one step. Returns the controller's phase."""

    async def deadly(name: str) -> Any:
        return bucket if name == RUN_BUCKET else await Bus.bucket(ctx.bus, name)

    await bucket.put("lease.controller", json.dumps({"holder": "dead", "until": 0}).encode())
    monkeypatch.setattr(ctx.bus, "bucket", deadly)
    watch = await HealthWatch.open(ctx, await RecordStore.open(ctx.bus))
    await watch.look()
    recovery = await Recovery.open(ctx.bus, "main")
    intent = await recovery.pending()
    if intent is not None and not able:
        await recovery.aborted("the target is gone")
    elif intent is not None and intent.step == "fenced":
        await recovery.loaded(intent.epoch)
    elif intent is not None and intent.step == "loaded":
        await recovery.verified()
    elif intent is not None:
        await recovery.resumed()
    return watch.wards.named("main").memory.phase


async def live(ctx: Context, bucket: Deadly, monkeypatch: pytest.MonkeyPatch, *, able: bool) -> tuple[str, bool]:
    """Until the rollback is over; the phase, and whether somebody was killed on the way."""
    phase, died = "", False
    for _ in range(MOST_TURNS):
        try:
            phase = await turn(ctx, bucket, monkeypatch, able=able)
        except Killed:
            died = True
            continue
        if phase in ("probation", "paused"):
            break
    return phase, died


@pytest.mark.timeout(200)
@pytest.mark.parametrize(
    "after", [pytest.param(False, id="before", marks=pytest.mark.slow), pytest.param(True, id="after")]
)
@pytest.mark.parametrize("able", [True, False], ids=["resumes", "gives up"])
async def test_killed_at_every_arrow(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, able: bool, after: bool
) -> None:
    """Whatever write is the last one: it ends in probation, or paused if the learner cannot; with one rollback."""
    kills = 0
    for kill_at in range(1, 40):
        async with league(url, tmp_path, f"run-{kill_at}") as ctx:
            store = await RecordStore.open(ctx.bus)
            await store.change(lambda _: run.RunRecord(state=run.RUN_STATE_TRAINING, next_match=1, next_ticket=1))
            await tell(ctx.bus, 1, 0)
            await tell(ctx.bus, 1, 1, kl_previous=9.0)  # a hard limit
            real = await ctx.bus.bucket(RUN_BUCKET)
            bucket = Deadly(real)
            bucket.kill_at, bucket.after = kill_at, after
            phase, died = await live(ctx, bucket, monkeypatch, able=able)
            assert phase == ("probation" if able else "paused"), kill_at
            await turn(ctx, Deadly(real), monkeypatch, able=able)
            record, entry = (await store.refresh()).record, await real.get("health.main")
            assert entry is not None
            assert len(json.loads(entry.value)["rolled"]) == 1
            if not died:
                assert (record.state == run.RUN_STATE_PAUSED) == (not able)
                break
            kills += 1
    assert kills >= 6, "every write of the protocol was the last one once"


async def test_a_target_that_is_gone_gives_way_to_an_older_one(url: str, tmp_path: Path) -> None:
    """And from the second rollback on stages are entered in steps."""
    async with league(url, tmp_path, "gone", survive_updates=4, margin_updates=0, cool_down_updates=1) as ctx:
        store = await RecordStore.open(ctx.bus)
        trial = run.StageState(trial=run.Trial(on=True), trying=12)
        begun = run.RunRecord(state=run.RUN_STATE_TRAINING, next_match=1, next_ticket=1, stages=trial)
        await store.change(lambda _: begun)
        for step in range(13):
            await tell(ctx.bus, 1, step, durable=step // 3 * 3)
        await tell(ctx.bus, 1, 13, durable=12, kl_previous=9.0)
        watch, recovery = await HealthWatch.open(ctx, store), await Recovery.open(ctx.bus, "main")
        refused = await until_pending(watch, recovery)
        assert store.record.trial_failure == "main was rolled back", "what was being tried is at fault"
        await recovery.aborted("the folder is empty")
        taken = await until_pending(watch, recovery)
        assert (refused.checkpoint, taken.checkpoint) == ("1-9", "1-6")
        assert taken.epoch > refused.epoch
        await carry_out(recovery, taken)
        await watch.look()
        ward = watch.wards.named("main")
        assert ward.memory.phase == "probation"
        assert dict(ward.memory.checkpoints)["1-9"] == "quarantined"
        assert not store.record.reentry.updates
        await tell(ctx.bus, taken.epoch, 7, durable=6, kl_previous=9.0)
        again = await until_pending(watch, recovery)
        assert again.remedy == "restore", "so soon after a rollback it is another collapse"
        await carry_out(recovery, again)
        await watch.look()
        await tell(ctx.bus, again.epoch, 7, durable=6, kl_previous=9.0)
        last = await until_pending(watch, recovery)
        assert (last.remedy, last.cause) == ("older_reset", "kl")
        assert store.record.reentry.updates == ctx.config.health.reentry_updates


async def until_pending(watch: HealthWatch, recovery: Recovery) -> Intent:
    for _ in range(MOST_TURNS):
        await watch.look()
        intent = await recovery.pending()
        if intent is not None and intent.step == "fenced":
            return intent
    raise AssertionError("nothing is asked of the learner")


async def carry_out(recovery: Recovery, intent: Intent) -> None:
    await recovery.loaded(intent.epoch)
    await recovery.verified()
    await recovery.resumed()
