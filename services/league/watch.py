"""The shell around the health controller: reads what learners tell, writes memory and intents by compare-and-set.

One writer at a time holds the lease; if two ever act at once, the second write of either loses. Everything it knows is
in the RUN bucket, so that a league that was killed at any moment goes on where it was.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import asdict, dataclass, field, replace

from ..api.v1 import run_pb2 as run
from ..api.v1.health_pb2 import LearnerHealth
from ..kernel.bus import Bucket, Conflict
from ..kernel.clock import Periodic
from ..kernel.epochs import next_epoch
from ..kernel.health import Evaluator, load_rules
from ..kernel.intent import Intent, Overrides, Slot
from ..kernel.service import Context
from ..kernel.topology import HEALTH, RUN_BUCKET
from . import controller
from .controller import Decision, Look, Memory, Plan
from .lease import Lease
from .store import RecordStore

BATCH = 500
LOOK_SECONDS = 0.5
#: A learner that has not resumed by then is not going to: a person is asked.
DEADLINE_SECONDS = 180.0


@dataclass
class Ward:
    """One agent under watch."""

    agent: str
    slot: Slot
    evaluator: Evaluator
    memory: Memory = field(default_factory=Memory)
    revision: int = 0
    undone: int = 0


class HealthWatch:
    """`look` once a second or so. Without the controller in the configuration it only carries out people's commands."""

    def __init__(self, ctx: Context, store: RecordStore, bucket: Bucket) -> None:
        self._ctx, self._store, self._bucket = ctx, store, bucket
        self._config = ctx.config.health
        self._lease = Lease(bucket, "controller")
        self._sequence = 0
        self._periodic = Periodic(LOOK_SECONDS)
        self._lock = asyncio.Lock()
        rules = load_rules()
        agents = ctx.config.agent_names
        self.wards = {agent: Ward(agent, Slot(bucket, agent), Evaluator(rules)) for agent in agents}

    @classmethod
    async def open(cls, ctx: Context, store: RecordStore) -> HealthWatch:
        watch = cls(ctx, store, await ctx.bus.bucket(RUN_BUCKET))
        for ward in watch.wards.values():
            await watch._load(ward)
        watch._sequence = min(ward.memory.sequence for ward in watch.wards.values())
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
            for ward in self.wards.values():
                await self._carry_on(ward)
            for record in await self._ctx.bus.read(HEALTH, self._sequence + 1, BATCH, 0.0):
                health = LearnerHealth.FromString(record.data)
                ward_or_none = self.wards.get(health.policy.agent)
                if ward_or_none is not None and record.sequence > ward_or_none.memory.sequence:
                    await self._observe(ward_or_none, health, record.sequence)
                self._sequence = record.sequence
        except Conflict:
            for ward in self.wards.values():  # somebody else wrote: believe what is stored
                await self._load(ward)

    async def rollback(self, agent: str, checkpoint: str, reason: str) -> str:
        """A person's command: back to a checkpoint, or to the one the controller would choose. Raises LookupError."""
        async with self._lock:
            return await self._rollback(self._ward(agent), checkpoint, reason)

    async def _rollback(self, ward: Ward, checkpoint: str, reason: str) -> str:
        if ward.memory.phase == "rolling":
            return f"a rollback of {ward.agent} is under way already"
        if checkpoint and checkpoint not in dict(ward.memory.checkpoints):
            known = ", ".join(name for name, _ in ward.memory.checkpoints) or "none"
            raise LookupError(f"no checkpoint {checkpoint!r} of {ward.agent} is known; there are {known}")
        memory, decision = controller.decide(ward.memory, reason, self._config, wanted=checkpoint)
        await self._apply(ward, memory, decision)
        return decision.message

    def epoch(self, agent: str) -> int:
        """The newest epoch of the agent that the controller has seen. Raises LookupError."""
        return self._ward(agent).memory.epoch

    async def request(self, agent: str, rule: str, fingerprint: str) -> tuple[bool, str]:
        """An alert asks. The controller looks at its own evidence: an alert alone rolls nothing back."""
        async with self._lock:
            return await self._request(self._ward(agent), rule, fingerprint)

    async def _request(self, ward: Ward, rule: str, fingerprint: str) -> tuple[bool, str]:
        if refusal := controller.refusal(ward.memory, rule, self._config):
            return False, f"refused: {refusal}"
        asked = f"alert {rule} ({fingerprint}), confirmed by the controller's own samples"
        memory, decision = controller.decide(ward.memory, asked, self._config)
        await self._apply(ward, memory, decision)
        return True, decision.message

    async def promote(self, agent: str, checkpoint: str) -> str:
        """A person vouches for a checkpoint."""
        ward = self._ward(agent)
        async with self._lock:
            await self._save(ward, controller.promote(ward.memory, checkpoint))
        return f"{checkpoint} of {ward.agent} is pinned"

    async def release(self) -> None:
        """The run has been resumed by a person."""
        async with self._lock:
            for ward in self.wards.values():
                if ward.memory.phase == "paused":
                    ward.evaluator.forget()
                    await self._save(ward, controller.released(ward.memory))

    def warnings(self) -> list[str]:
        """For people who ask how the run is: who is not healthy, and why."""
        ill = [ward for ward in self.wards.values() if ward.memory.phase != "healthy"]
        return [
            f"health of {ward.agent}: {ward.memory.phase}" + (f" ({ward.memory.reason})" if ward.memory.reason else "")
            for ward in ill
        ]

    def _ward(self, agent: str) -> Ward:
        name = agent or next(iter(self.wards))
        if name not in self.wards:
            raise LookupError(f"no agent {name!r}: expected one of {', '.join(self.wards)}")
        return self.wards[name]

    # -- what learners tell --------------------------------------------------------------------------------------

    async def _observe(self, ward: Ward, health: LearnerHealth, sequence: int) -> None:
        metrics = dict(health.metrics) | {"target_kl": self._ctx.config.learner.target_kl}
        stale = health.policy.epoch < ward.memory.epoch
        firings = [] if health.rejected or stale or not health.metrics else ward.evaluator.look(metrics)
        record = self._store.record
        checkpoint = f"{health.checkpoint_epoch}-{health.checkpoint_step}" if health.checkpoint_epoch else ""
        stage = "/".join(filter(None, (record.phase, record.randomisation)))
        undone = int(health.metrics.get("undone", 0))
        seen = Look(health.policy.epoch, health.policy.step, undone, health.rejected, checkpoint, stage, firings)
        memory, decision = ward.memory, Decision()
        if self._config.controller and not self._ctx.config.lockstep:
            memory, decision = controller.observe(ward.memory, seen, self._config)
        rules = [one.rule.name for one in firings]
        await self._apply(ward, replace(memory, sequence=sequence), decision, firings=rules)

    async def _apply(self, ward: Ward, memory: Memory, decision: Decision, **evidence: object) -> None:
        """Memory first: a rollback that was decided is carried out, whoever dies in between."""
        await self._save(ward, memory)
        if decision.kind:
            detail = {"agent": ward.agent, "step": memory.step, "fingerprint": controller.fingerprint_of(memory)}
            await self._ctx.event(decision.kind, f"{ward.agent}: {decision.message}", **detail, **evidence)
        if decision.pause:
            await self._pause(f"{ward.agent}: {memory.reason}")

    async def _plan(self, ward: Ward, plan: Plan) -> None:
        """The durable intent of what the memory says has been decided."""
        await ward.slot.write(
            Intent(
                id=plan.id, agent=ward.agent, step="planned", checkpoint=plan.checkpoint,
                remedy=plan.remedy, reason=plan.reason, reset_moments=plan.remedy != "restore",
                critic_only_updates=self._config.critic_only_updates, began=time.time(),
            )
        )  # fmt: skip

    async def _roll_back_the_others(self, ward: Ward, reason: str) -> None:
        """Bilateral: what the others learned against the collapsed policy goes too."""
        for other in self.wards.values():
            if other is not ward and other.memory.phase not in ("rolling", "paused"):
                target = controller.target_of(other.memory, self._config)
                memory, decision = controller.decide(
                    other.memory, f"with {ward.agent}: {reason}", self._config, wanted=target
                )
                await self._apply(other, memory, decision)

    # -- rollbacks under way ---------------------------------------------------------------------------------------

    async def _carry_on(self, ward: Ward) -> None:
        intent, plan = await ward.slot.read(), ward.memory.plan
        if plan is not None and (intent is None or intent.id != plan.id):
            await self._plan(ward, plan)
            if plan.remedy == "bilateral":
                await self._roll_back_the_others(ward, plan.reason)
            return
        if intent is None or plan is None:
            return
        if intent.step == "planned":
            await self._fence(ward, intent)
        elif intent.is_open and time.time() - intent.began > DEADLINE_SECONDS:
            await ward.slot.advance("aborted", detail=f"the learner has not resumed within {DEADLINE_SECONDS:.0f} s")
        elif not intent.is_open:
            await self._conclude(ward, intent)

    async def _fence(self, ward: Ward, intent: Intent) -> None:
        """From here on nothing of the old epoch counts: collapsed snapshots leave the pool, their results stay."""
        epoch = await next_epoch(self._ctx.bus, ward.agent)
        await self._store.change(lambda record: retire(record, ward.agent, controller.step_of(intent.checkpoint)))
        await ward.slot.advance("fenced", epoch=epoch)
        await self._ctx.event("rollback_fenced", f"{ward.agent}: epoch {epoch}, back to {intent.checkpoint}")

    async def _conclude(self, ward: Ward, intent: Intent) -> None:
        if intent.step == "aborted":
            memory, decision = controller.pause(ward.memory, f"rollback to {intent.checkpoint} failed: {intent.detail}")
            await self._apply(ward, memory, decision)
            return
        ward.evaluator.forget()
        step = controller.step_of(intent.checkpoint)
        await self._save(ward, controller.resumed(ward.memory, intent.epoch, step, self._config))
        seconds = round(intent.ended - intent.began, 3)
        message = f"{ward.agent}: training again from {intent.checkpoint} as epoch {intent.epoch}, {seconds} s after"
        await self._ctx.event("rollback", message, seconds=seconds, remedy=intent.remedy, reason=intent.reason)
        rung = 2 + 1 + [name for name, _ in controller.LADDER].index(intent.remedy)  # type: ignore[arg-type]
        self._ctx.metrics.inc("ludus_league_rollbacks_total", rung=str(rung), remedy=intent.remedy)

    async def _pause(self, reason: str) -> None:
        def paused(record: run.RunRecord) -> run.RunRecord:
            changed = run.RunRecord()
            changed.CopyFrom(record)
            if record.state in (run.RUN_STATE_TRAINING, run.RUN_STATE_STARTING):
                changed.state, changed.reason = run.RUN_STATE_PAUSED, reason
            return changed

        await self._store.change(paused)

    # -- memory ----------------------------------------------------------------------------------------------------

    async def _load(self, ward: Ward) -> None:
        entry = await self._bucket.get(f"health.{ward.agent}")
        if entry is not None:
            ward.memory, ward.revision = memory_from(entry.value), entry.revision

    async def _save(self, ward: Ward, memory: Memory) -> None:
        data = memory_bytes(memory)
        ward.revision = await self._bucket.update(f"health.{ward.agent}", data, ward.revision)
        ward.memory = memory
        self._show(ward)

    def _show(self, ward: Ward) -> None:
        for phase in controller.PHASES:
            self._ctx.metrics.set(
                "ludus_league_health_phase", float(phase == ward.memory.phase), agent=ward.agent, phase=phase
            )


def memory_bytes(memory: Memory) -> bytes:
    """As JSON, with the checkpoints as an object, which the learner reads."""
    return json.dumps(asdict(memory) | {"checkpoints": dict(memory.checkpoints)}).encode()


def memory_from(data: bytes) -> Memory:
    tree = json.loads(data)
    pairs = {name: tuple(map(tuple, tree[name])) for name in ("failed", "tried", "rolled")}
    return Memory(**tree | pairs | {
        "checkpoints": tuple(tree["checkpoints"].items()),
        "plan": tree["plan"] and Plan(*tree["plan"]),
        "rejects": tuple(tree["rejects"]),
        "overrides": Overrides(**tree["overrides"]),
    })  # fmt: skip


def retire(record: run.RunRecord, agent: str, step: int) -> run.RunRecord:
    """The agent's snapshots after `step` leave the pool. What they played stays in the ledger."""
    changed = run.RunRecord()
    changed.CopyFrom(record)
    kept = [player for player in record.pool if not _is_later(player, agent, step)]
    changed.pool[:] = kept
    if record.snapshot_steps.get(agent, 0) > step:
        changed.snapshot_steps[agent] = step
    changed.last_evaluation_step = min(record.last_evaluation_step, step)
    return changed


def _is_later(player: str, agent: str, step: int) -> bool:
    name, _, version = player.partition("@")
    return name == agent and int(version.partition(".")[2] or 0) > step
