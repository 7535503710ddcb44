"""Follows the ledger and says its verdict on the candidate that the league has named."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from google.protobuf.message import DecodeError

from ...api.v1.match_pb2 import MatchResult
from ...kernel.bus import BusError
from ...kernel.clock import Periodic
from ...kernel.promotion import VERDICT
from ...kernel.seals import stored_key
from ...kernel.service import Context
from ...kernel.topology import RESULTS, RUN_BUCKET
from .tally import Tally

BATCH = 500
LOOK_SECONDS = 0.5
#: An event may be lost with the server; the question then stays open, and is answered once more.
AGAIN_SECONDS = 10.0


class Gate:
    """Keeps nothing of its own: after a restart the ledger is folded again, and an open question is answered."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._tally: Tally | None = None
        self._next = 1
        self._told: tuple[str, str] | None = None
        self._again = Periodic(AGAIN_SECONDS)

    async def run(self) -> None:
        """For ever, unless the gate is switched off."""
        while self._ctx.config.evaluator.gate.enabled:
            try:
                await self.look()
            except BusError as error:
                self._ctx.log.warning("the gate waits: %s", error)
                await asyncio.sleep(1.0)

    async def look(self) -> None:
        """Fold what is new, waiting a moment for it, then answer the question that is open, if it can be answered."""
        tally = self._tally = self._tally or await self._begin()
        if tally is None:
            await asyncio.sleep(LOOK_SECONDS)
            return
        found = await self._ctx.bus.read(RESULTS, self._next, BATCH, timeout_seconds=LOOK_SECONDS)
        for record in found:
            with suppress(DecodeError):  # the league counts it
                tally.fold(MatchResult.FromString(record.data))
            self._next = record.sequence + 1
        if len(found) < BATCH:
            await self._answer(tally)
        await asyncio.sleep(0)

    async def _begin(self) -> Tally | None:
        """None before the league has made the run's key: until then nothing is ordered."""
        key = await stored_key(await self._ctx.bus.bucket(RUN_BUCKET))
        return None if key is None else Tally(self._ctx.config.evaluator.gate, key)

    async def _answer(self, tally: Tally) -> None:
        record = await self._ctx.run_record()
        if record is None or not record.gate.candidate or not record.champions:
            return
        asked = (record.gate.candidate, record.champions[-1])
        verdict = tally.verdict(*asked)
        if verdict is None or (asked == self._told and not self._again.due()):
            return
        if asked != self._told:
            self._again = Periodic(AGAIN_SECONDS)
            self._again.due()
            self._ctx.metrics.inc("ludus_evaluator_verdicts_total", 1, verdict=verdict.word)
        self._told = asked
        text = f"{verdict.candidate} is {verdict.word} against {verdict.champion}: {verdict.reason}"
        await self._ctx.event(VERDICT, text, **verdict.detail())
