"""The health controller's eyes and ears: reads what learners tell, takes people's and alerts' requests, and decides.

One writer at a time holds the lease. Everything it knows is in the RUN bucket (`wards`), so that a league that was
killed at any moment goes on where it was.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from ..api.v1.health_pb2 import LearnerHealth
from ..api.v1.run_pb2 import RunRecord
from ..kernel.bus import Bucket, Conflict
from ..kernel.clock import Periodic
from ..kernel.service import Context
from ..kernel.topology import HEALTH, RUN_BUCKET
from . import controller, targets
from .lease import Lease
from .memory import Decision, Look
from .rollbacks import Rollbacks
from .store import RecordStore
from .wards import Ward, Wards

BATCH = 500
LOOK_SECONDS = 0.5


class HealthWatch:
    """`look` once a second or so. Without the controller in the configuration it only carries out people's commands."""

    def __init__(self, ctx: Context, store: RecordStore, bucket: Bucket) -> None:
        self._ctx, self._store = ctx, store
        self._config = ctx.config.health
        self._lease = Lease(bucket, "controller")
        self._sequence = 0
        self._periodic = Periodic(LOOK_SECONDS)
        self._lock = asyncio.Lock()
        self.wards = Wards(ctx, store, bucket)
        self._rollbacks = Rollbacks(ctx, store, self.wards)

    @classmethod
    async def open(cls, ctx: Context, store: RecordStore) -> HealthWatch:
        watch = cls(ctx, store, await ctx.bus.bucket(RUN_BUCKET))
        await watch.wards.load()
        watch._sequence = min(ward.memory.sequence for ward in watch.wards)
        return watch

    def due(self) -> bool:
        """Whether it is time to look again."""
        return self._periodic.due()

    async def look(self) -> None:
        """Read what is new, decide, carry on with what has been decided."""
        async with self._lock:
            if await self._lease.hold():
                await self._look()

    async def _look(self) -> None:
        try:
            for ward in self.wards:
                await self._rollbacks.carry_on(ward)
            for record in await self._ctx.bus.read(HEALTH, self._sequence + 1, BATCH, 0.0):
                health = LearnerHealth.FromString(record.data)
                ward_or_none = self.wards.find(health.policy.agent)
                if ward_or_none is not None and record.sequence > ward_or_none.memory.sequence:
                    await self._observe(ward_or_none, health, record.sequence)
                self._sequence = record.sequence
        except Conflict:
            await self.wards.load()  # somebody else wrote

    async def rollback(self, agent: str, checkpoint: str, reason: str, actor: str) -> str:
        """A person's command: back to a checkpoint, or to the one the controller would choose. Raises LookupError."""
        async with self._lock:
            return await self._rollback(self.wards.named(agent), checkpoint, reason, actor)

    async def _rollback(self, ward: Ward, checkpoint: str, reason: str, actor: str) -> str:
        if ward.memory.phase == "rolling":
            return f"a rollback of {ward.agent} is under way already"
        if checkpoint and checkpoint not in dict(ward.memory.checkpoints):
            known = ", ".join(name for name, _ in ward.memory.checkpoints) or "none"
            raise LookupError(f"no checkpoint {checkpoint!r} of {ward.agent} is known; there are {known}")
        memory, decision = controller.decide(ward.memory, reason, self._config, wanted=checkpoint)
        await self.wards.apply(ward, memory, decision, actor=actor)
        return decision.message

    def epoch(self, agent: str) -> int:
        """The newest epoch of the agent that the controller has seen. Raises LookupError."""
        return self.wards.named(agent).memory.epoch

    async def request(self, agent: str, rule: str, fingerprint: str) -> tuple[bool, str]:
        """An alert asks. The controller looks at its own evidence: an alert alone rolls nothing back."""
        async with self._lock:
            return await self._request(self.wards.named(agent), rule, fingerprint)

    async def _request(self, ward: Ward, rule: str, fingerprint: str) -> tuple[bool, str]:
        if refusal := controller.refusal(ward.memory, rule, self._config):
            return False, f"refused: {refusal}"
        asked = f"alert {rule} ({fingerprint}), confirmed by the controller's own samples"
        memory, decision = controller.decide(ward.memory, asked, self._config)
        await self.wards.apply(ward, memory, decision)
        return True, decision.message

    async def promote(self, agent: str, checkpoint: str) -> str:
        """A person vouches for a checkpoint."""
        ward = self.wards.named(agent)
        async with self._lock:
            await self.wards.save(ward, targets.promote(ward.memory, checkpoint))
        return f"{checkpoint} of {ward.agent} is pinned"

    async def release(self) -> None:
        """The run has been resumed by a person."""
        async with self._lock:
            for ward in self.wards:
                if ward.memory.phase == "paused":
                    ward.evaluator.forget()
                    await self.wards.save(ward, controller.released(ward.memory))

    def warnings(self) -> list[str]:
        """For people who ask how the run is: who is not healthy, and why."""
        ill = [ward for ward in self.wards if ward.memory.phase != "healthy"]
        return [
            f"health of {ward.agent}: {ward.memory.phase}" + (f" ({ward.memory.reason})" if ward.memory.reason else "")
            for ward in ill
        ]

    async def _observe(self, ward: Ward, health: LearnerHealth, sequence: int) -> None:
        metrics = dict(health.metrics) | {"target_kl": self._ctx.config.learner.target_kl}
        stale = health.policy.epoch < ward.memory.epoch
        told = not (health.rejected or stale or not health.metrics)
        firings = ward.evaluator.look(metrics, health.policy.step) if told else []
        checkpoint = f"{health.checkpoint_epoch}-{health.checkpoint_step}" if health.checkpoint_epoch else ""
        undone, stage = int(health.metrics.get("undone", 0)), stage_of(self._store.record)
        seen = Look(health.policy.epoch, health.policy.step, undone, health.rejected, checkpoint, stage, firings)
        memory, decision = ward.memory, Decision()
        if self._config.controller and not self._ctx.config.lockstep:
            memory, decision = controller.observe(ward.memory, seen, self._config)
        rules = [one.rule.name for one in firings]
        await self.wards.apply(ward, replace(memory, sequence=sequence), decision, firings=rules)


def stage_of(record: RunRecord) -> str:
    """Name of the stage that the run is in: another one may collapse in another way."""
    level = f"level {record.curriculum.level}" if record.curriculum.level else ""
    since = f"from {record.stage_step}" if record.stage_step else ""
    trial = f"trying {record.stages.trying}" if record.stages.trial.on else ""
    return "/".join(filter(None, (record.phase, record.randomisation, level, since, trial)))
