"""The controller's part of a rollback under way: plan → fence → (the learner loads and resumes) → conclude.

Each step can be repeated: the plan is in the agent's memory, the intent in a key of its own, and whoever was killed in
between finds both.
"""

from __future__ import annotations

import time

from ..api.v1 import run_pb2 as run
from ..kernel.epochs import next_epoch
from ..kernel.intent import Intent
from ..kernel.players import agent_of, is_version, version_of
from ..kernel.service import Context
from . import controller
from .memory import Decision, Memory, Plan
from .reentry import reenter
from .store import RecordStore
from .targets import step_of, target_of
from .trial import fail
from .wards import Ward, Wards

#: A learner that has not resumed by then is not going to: a person is asked.
DEADLINE_SECONDS = 180.0


class Rollbacks:
    def __init__(self, ctx: Context, store: RecordStore, wards: Wards) -> None:
        self._ctx, self._store, self._wards = ctx, store, wards
        self._config = ctx.config.health

    async def carry_on(self, ward: Ward) -> None:
        """The next step of the agent's rollback, if one is under way and it is not the learner's turn."""
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

    async def _plan(self, ward: Ward, plan: Plan) -> None:
        """The durable intent of what the memory says has been decided."""
        await ward.slot.write(
            Intent(
                id=plan.id, agent=ward.agent, step="planned", checkpoint=plan.checkpoint,
                remedy=plan.remedy, reason=plan.reason, cause=plan.cause, reset_moments=plan.remedy != "restore",
                critic_only_updates=self._config.critic_only_updates, began=time.time(),
            )
        )  # fmt: skip

    async def _roll_back_the_others(self, ward: Ward, reason: str) -> None:
        """Bilateral: what the others learned against the collapsed policy goes too."""
        for other in self._wards:
            if other is not ward and other.memory.phase not in ("rolling", "paused"):
                target = target_of(other.memory, self._config)
                memory, decision = controller.decide(
                    other.memory, f"with {ward.agent}: {reason}", self._config, wanted=target
                )
                await self._wards.apply(other, memory, decision)

    async def _fence(self, ward: Ward, intent: Intent) -> None:
        """From here on nothing of the old epoch counts: collapsed snapshots leave the pool, their results stay."""
        epoch, step = await next_epoch(self._ctx.bus, ward.agent), step_of(intent.checkpoint)
        await self._store.change(lambda record: self._fenced(record, ward.agent, step, intent.remedy))
        await ward.slot.advance("fenced", epoch=epoch)
        await self._ctx.event("rollback_fenced", f"{ward.agent}: epoch {epoch}, back to {intent.checkpoint}")

    def _fenced(self, record: run.RunRecord, agent: str, step: int, remedy: str) -> run.RunRecord:
        """What was being tried is taken back. Where a plain return was not enough, stages are entered in steps."""
        changed = fail(retire(record, agent, step), f"{agent} was rolled back")
        return changed if remedy == "restore" else reenter(changed, step, self._config.reentry_updates)

    async def _conclude(self, ward: Ward, intent: Intent) -> None:
        if intent.step == "aborted":
            await self._wards.apply(ward, *self._failed(ward, intent))
            return
        step = step_of(intent.checkpoint)
        ward.evaluator.roll_back(step)
        await self._wards.save(ward, controller.resumed(ward.memory, intent.epoch, step, self._config))
        seconds = round(intent.ended - intent.began, 3)
        message = f"{ward.agent}: training again from {intent.checkpoint} as epoch {intent.epoch}, {seconds} s after"
        await self._ctx.event("rollback", message, seconds=seconds, remedy=intent.remedy, reason=intent.reason)
        rung = 2 + 1 + [name for name, _ in controller.LADDER].index(intent.remedy)  # type: ignore[arg-type]
        self._ctx.metrics.inc("ludus_league_rollbacks_total", rung=str(rung), remedy=intent.remedy, cause=intent.cause)

    def _failed(self, ward: Ward, intent: Intent) -> tuple[Memory, Decision]:
        reason = f"rollback to {intent.checkpoint} failed: {intent.detail}"
        if intent.unloadable:
            return controller.unloadable(ward.memory, reason, self._config)
        return controller.pause(ward.memory, reason)


def retire(record: run.RunRecord, agent: str, step: int) -> run.RunRecord:
    """The agent's snapshots after `step` leave the pool. What they played stays in the ledger."""
    changed = run.RunRecord()
    changed.CopyFrom(record)
    changed.pool[:] = [player for player in record.pool if not _is_later(player, agent, step)]
    if record.snapshot_steps.get(agent, 0) > step:
        changed.snapshot_steps[agent] = step
    changed.last_evaluation_step = min(record.last_evaluation_step, step)
    return changed


def _is_later(player: str, agent: str, step: int) -> bool:
    return is_version(player) and agent_of(player) == agent and version_of(player)[2] > step
