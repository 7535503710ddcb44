"""One drill: a nats-server, the real learner and the real controller in this process, and a field that feeds them."""

from __future__ import annotations

import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import torch

from ...api.v1.event_pb2 import Event
from ...api.v1.run_pb2 import RUN_STATE_TRAINING, RunRecord
from ...kernel.bus import Bus, BusError, StreamFull
from ...kernel.config import RunConfig, load
from ...kernel.context import Context
from ...kernel.heartbeat import Heartbeat
from ...kernel.metrics import Metrics
from ...kernel.service import Fatal
from ...kernel.topology import EVENTS, ROLLOUTS
from ...league.reentry import old_share
from ...league.store import RecordStore
from ...league.watch import HealthWatch
from ...learner.service import Learner
from ..presets import preset_file
from .catalogue import Drill
from .faults import ONSET, RATE, Fault
from .field import BATCH, MATCHES, SLABS, SLOTS, STEPS, Field
from .place import place
from .sabotage import Inspector, Saboteur

UPDATES, LONG_UPDATES = 130, 240
RUN = "drill"
LOOK_SECONDS = 0.02
DEADLINE_SECONDS = 300.0

SETTINGS: dict[str, Any] = {
    "run": RUN,
    "simulator.matches": SLABS * SLOTS,
    "simulator.slabs": SLABS,
    "simulator.steps": STEPS,
    "network.hidden": 32,
    "network.log_std_min": -10.0,
    "network.precision": "fp32",
    "learner.threads": 1,
    "learner.track.tensorboard": "off",
    "learner.batch_decisions": BATCH,
    "learner.minibatch": 256,
    "learner.epochs": 3,
    "learner.learning_rate": RATE,
    "learner.learning_rate_schedule": "constant",
    "learner.reward_scale": 1.0,
    "learner.checkpoint_seconds": 0.1,
    "learner.checkpoints_kept": 30,  # three seconds of them: the controller looks twice in one
    "health.survive_updates": 12,
    "health.margin_updates": 2,
    "health.calm_updates": 8,
    "health.cool_down_updates": 8,
    "health.probation_updates": 15,
    "health.critic_only_updates": 3,
    "health.reentry_updates": 30,
}


class Outcome(NamedTuple):
    """What became of a drill."""

    answers: dict[str, int]
    """by name, updates after the fault until the first of them"""
    bad: int
    """versions published that no update may bring"""
    published: int
    seconds: float | None
    """from the decision to training again; None without a rollback"""
    wins_before: int
    wins_after: int
    rollbacks: int
    phase: str
    took_seconds: float

    @property
    def matches(self) -> int:
        return MATCHES


def drill(one: Drill, seed: int = 1) -> Outcome:
    """Carry it out. Raises ServerError without a nats-server."""
    torch.set_num_threads(1)
    with place() as (folder, url):
        updates = LONG_UPDATES if one.long else UPDATES
        settings = SETTINGS | {"directory": str(folder), "seed": seed, "decisions": updates * BATCH}
        config = load(preset_file("dogfight", "quick"), settings.items(), environment={})
        return asyncio.run(_Rig(config, one.fault(), url, seed).run())


def entered(record: RunRecord, step: int) -> RunRecord:
    changed = RunRecord()
    changed.CopyFrom(record)
    changed.stage_step = step
    return changed


class _Rig:
    def __init__(self, config: RunConfig, fault: Fault, url: str, seed: int) -> None:
        self._config, self._fault, self._url = config, fault, url
        self._field = Field(RUN, seed)
        self._wins_before = 0
        self._began = time.monotonic()
        self._learner: Learner
        self._saboteur: Saboteur
        self._inspector: Inspector
        self._watch: HealthWatch
        self._store: RecordStore

    async def run(self) -> Outcome:
        bus = await Bus.connect(self._url, RUN, "learner")
        league_bus = await Bus.connect(self._url, RUN, "league")
        threads = ThreadPoolExecutor(1, "update")
        try:
            await bus.declare(rollout_depth=self._config.learner.buffer_slabs)
            await self._build(bus, league_bus, threads)
            await self._live(bus)
            events = [Event.FromString(one.data) for one in await bus.read(EVENTS, 1, 10_000, 0.5)]
            return self._outcome(events)
        finally:
            threads.shutdown(wait=True, cancel_futures=True)
            await bus.close()
            await league_bus.close()

    async def _build(self, bus: Bus, league_bus: Bus, threads: ThreadPoolExecutor) -> None:
        ctx, league = self._context("learner", bus), self._context("league", league_bus)
        store = await RecordStore.open(league_bus)
        await store.change(lambda _: RunRecord(state=RUN_STATE_TRAINING, next_match=1, next_ticket=1))
        self._store, self._watch = store, await HealthWatch.open(league, store)
        self._learner = learner = Learner(ctx, threads)
        self._saboteur = Saboteur(self._config, learner.state, learner.versions, self._fault)
        self._inspector = Inspector(bus, self._config.learner.agent, self._config.learner.target_kl)
        learner.updater, learner.publisher = self._saboteur, self._inspector
        self._ctx = ctx

    def _context(self, service: str, bus: Bus) -> Context:
        path = Path(self._config.directory) / "services" / f"{service}.json"
        return Context(
            config=self._config, name=service, service=service, worker=0, resume=False, grpc_port=0, bus=bus,
            metrics=Metrics(service), heartbeat=Heartbeat(path),
        )  # fmt: skip

    async def _live(self, bus: Bus) -> None:
        """Until training is done, stops, or waits for a person."""
        training = asyncio.create_task(self._learner.run())
        others = [asyncio.create_task(work) for work in (self._control(), self._feed(bus), self._ctx.watch())]
        try:
            ended = asyncio.FIRST_COMPLETED
            done, _ = await asyncio.wait((training, *others), timeout=DEADLINE_SECONDS, return_when=ended)
            self._ctx.stopping.set()
            with suppress(Fatal):  # "stopped" is an answer
                await asyncio.wait_for(training, DEADLINE_SECONDS)
            for task in done - {training}:
                task.result()
        finally:
            for task in (training, *others):
                task.cancel()
            await asyncio.gather(training, *others, return_exceptions=True)

    def _over(self) -> bool:
        ward = self._watch.wards.named("")
        done = self._learner.state.counters.step >= self._config.total_updates
        return ward.memory.phase == "paused" or (done and ward.memory.phase != "rolling")

    async def _control(self) -> None:
        while not self._over():
            await self._enter_stage()
            await self._watch.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def _enter_stage(self) -> None:
        """What a director does: the second stage, if there is one, begins with step ONSET, at once or in steps."""
        if not self._fault.staged:
            return
        step, at = self._learner.state.counters.step, self._saboteur.at
        began = ONSET if step >= ONSET else 0
        if self._store.record.stage_step != began:
            await self._store.change(lambda record: entered(record, began))
        at.new_share = 1 - old_share(self._store.record, step) if began else 0.0

    async def _feed(self, bus: Bus) -> None:
        """Play with the newest version published, one batch at a time."""
        fault = self._fault
        while True:
            with suppress(StreamFull, BusError):
                if self._inspector.last is not None and await bus.room(ROLLOUTS) >= SLABS:
                    await self._play(bus, fault)
            await asyncio.sleep(0.002)

    async def _play(self, bus: Bus, fault: Fault) -> None:
        at, actor, ref = self._saboteur.at, self._inspector.last, self._inspector.ref
        assert actor is not None
        if at.attempt < ONSET:
            self._wins_before = -1
        elif self._wins_before < 0:
            self._wins_before = self._field.wins(actor)
        for _ in range(SLABS):
            slab = self._field.slab(
                actor, ref, lambda seen: fault.observed(at, seen), lambda rewards: fault.rewarded(at, rewards)
            )
            await bus.publish(ROLLOUTS, slab.SerializeToString(), token=ref.agent, msg_id=slab.rollout_id)

    def _outcome(self, events: list[Event]) -> Outcome:
        onset = self._saboteur.onset
        after = [event for event in events if event.time.ToMicroseconds() / 1e6 >= onset.time]
        decided = [(event.kind, json.loads(event.detail_json or "{}")) for event in after]
        rolled = [detail for kind, detail in decided if kind == "rollback"]
        inspector, memory = self._inspector, self._watch.wards.named("").memory
        assert inspector.last is not None
        return Outcome(
            answers=self._answers(decided),
            bad=len(inspector.bad),
            published=inspector.published,
            seconds=max((float(detail["seconds"]) for detail in rolled), default=None),
            wins_before=self._wins_before,
            wins_after=self._field.wins(inspector.last),
            rollbacks=sum(event.kind == "rollback" for event in events),
            phase=memory.phase,
            took_seconds=time.monotonic() - self._began,
        )

    def _answers(self, decided: list[tuple[str, dict[str, Any]]]) -> dict[str, int]:
        """Each with its delay. Early stops are daily business: one counts at the very update of the fault only."""
        found: dict[str, int] = {"refused": 0} if self._dropped() else {}
        for one in self._saboteur.tried:
            delay = one.attempt - ONSET
            at_once = one.answer == "stopped early" and delay == 0
            if at_once or (one.answer in ("taken back", "stopped") and delay >= 0):
                found.setdefault(one.answer, delay)
        names = {"softened": "softened", "rollback_planned": "rolled back", "paused_by_health": "paused"}
        for kind, detail in decided:
            if kind in names:
                found.setdefault(names[kind], max(0, int(detail["step"]) - self._saboteur.onset.step))
        return found

    def _dropped(self) -> bool:
        wanted = 'ludus_learner_rollouts_dropped_total{reason="not_finite"}'
        lines = self._ctx.metrics.render().decode().splitlines()
        return any(line.startswith(wanted) and float(line.rpartition(" ")[2]) > 0 for line in lines)
