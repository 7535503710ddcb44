"""Every agent under watch: what is known of it, kept in the RUN bucket by compare-and-set, and what is told of it.

If two leagues ever act at once, the second write of either loses (`Conflict`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ..api.v1 import run_pb2 as run
from ..kernel.bus import Bucket
from ..kernel.health import Evaluator, load_rules
from ..kernel.intent import Slot
from ..kernel.service import Context
from . import controller, memory
from .memory import PHASES, Decision, Memory
from .store import RecordStore
from .trial import fail


@dataclass
class Ward:
    """One agent under watch."""

    agent: str
    slot: Slot
    evaluator: Evaluator
    memory: Memory = field(default_factory=Memory)
    revision: int = 0


class Wards:
    def __init__(self, ctx: Context, store: RecordStore, bucket: Bucket) -> None:
        self._ctx, self._store, self._bucket = ctx, store, bucket
        rules, agents = load_rules(), ctx.config.agent_names
        self._all = {agent: Ward(agent, Slot(bucket, agent), Evaluator(rules)) for agent in agents}

    def __iter__(self) -> Iterator[Ward]:
        return iter(self._all.values())

    def find(self, agent: str) -> Ward | None:
        return self._all.get(agent)

    def named(self, agent: str) -> Ward:
        """Empty: the first one. Raises LookupError."""
        name = agent or next(iter(self._all))
        if name not in self._all:
            raise LookupError(f"no agent {name!r}: expected one of {', '.join(self._all)}")
        return self._all[name]

    async def load(self) -> None:
        """What is stored is believed."""
        for ward in self:
            entry = await self._bucket.get(_key(ward))
            if entry is not None:
                ward.memory, ward.revision = memory.from_bytes(entry.value), entry.revision

    async def save(self, ward: Ward, new: Memory) -> None:
        """Raises Conflict if somebody else wrote since."""
        ward.revision = await self._bucket.update(_key(ward), memory.to_bytes(new), ward.revision)
        ward.memory = new
        for phase in PHASES:
            known = {"agent": ward.agent, "phase": phase}
            self._ctx.metrics.set("ludus_league_health_phase", float(phase == new.phase), **known)

    async def apply(self, ward: Ward, new: Memory, decision: Decision, **evidence: object) -> None:
        """Memory first: a rollback that was decided is carried out, whoever dies in between."""
        await self.save(ward, new)
        if decision.kind:
            detail = {"agent": ward.agent, "step": new.step, "fingerprint": controller.fingerprint_of(new)}
            await self._ctx.event(decision.kind, f"{ward.agent}: {decision.message}", **detail, **evidence)
        if decision.kind == "softened":
            await self._store.change(lambda record: fail(record, f"training of {ward.agent} was softened"))
        if decision.pause:
            await self._pause(f"{ward.agent}: {new.reason}")

    async def _pause(self, reason: str) -> None:
        def paused(record: run.RunRecord) -> run.RunRecord:
            changed = run.RunRecord()
            changed.CopyFrom(record)
            if record.state in (run.RUN_STATE_TRAINING, run.RUN_STATE_STARTING):
                changed.state, changed.reason = run.RUN_STATE_PAUSED, reason
            return changed

        await self._store.change(paused)


def _key(ward: Ward) -> str:
    return f"health.{ward.agent}"
