"""The evaluator's scheduler: how much may be measured now, so that whoever learns is not delayed."""

from __future__ import annotations

from google.protobuf.message import DecodeError

from ..api.v1.health_pb2 import LearnerHealth
from ..api.v1.run_pb2 import RUN_STATE_EVALUATING
from ..kernel.bus import BusError
from ..kernel.clock import Periodic
from ..kernel.service import Context
from ..kernel.topology import HEALTH
from .budget import Budget

LOOK_SECONDS = 0.5


class Pace:
    """Within the configured share while somebody learns; without a limit when learning is over."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._budget = Budget(ctx.config.evaluator.share)
        self._look = Periodic(LOOK_SECONDS)
        self._free = False

    async def steps(self, playing: int, most: int) -> int:
        """Decisions of all matches in play that may be made now, at most `most`; 0: wait."""
        if self._look.due():
            await self._refresh()
        return most if self._free else self._budget.steps(playing, most)

    def spent(self, decisions: int) -> None:
        """So many were made."""
        if not self._free:
            self._budget.spend(decisions)
            self._ctx.metrics.set("ludus_evaluator_share_ratio", self._budget.used)

    @property
    def used(self) -> float:
        """Share of all decisions that was measured while somebody learned."""
        return self._budget.used

    async def _refresh(self) -> None:
        try:
            record = await self._ctx.run_record()
            self._free = record is not None and record.state == RUN_STATE_EVALUATING
            for agent in self._ctx.config.agent_names:
                last = await self._ctx.bus.last(HEALTH, agent)
                if last is not None:
                    self._budget.saw(agent, LearnerHealth.FromString(last.data).decisions)
        except (BusError, DecodeError) as error:
            self._ctx.log.warning("how much has been learned cannot be read: %s", error)
