"""Reads the ledger in stream order and keeps the standings: position and state in one value, compare-and-set."""

from __future__ import annotations

import logging

from ..api.v1.standings_pb2 import Standings
from ..kernel.bus import Bucket, Bus, Conflict
from ..kernel.clock import Periodic
from ..kernel.topology import RESULTS, RUN_BUCKET
from .ledger import OutOfOrder, State, fold_bytes
from .standings import FOLD_VERSION, from_proto, to_bytes, to_proto

LEDGER_KEY = "ledger"
BATCH = 500
#: While nothing is folded, so often a look whether what is stored is still what was written.
LOOK_SECONDS = 1.0

log = logging.getLogger(__name__)


class LedgerGap(Exception):
    """The stream has lost records that were never applied: standings could no longer be replayed."""


class Keeper:
    """Whatever interrupts it, the stored value holds each record of the ledger up to its position exactly once."""

    def __init__(self, bus: Bus, bucket: Bucket, k: int, key: bytes, fresh: State) -> None:
        self._bus = bus
        self._bucket = bucket
        self._k, self._key = k, key
        self._revision = 0
        self._look = Periodic(LOOK_SECONDS)
        self.state = self._fresh = fresh
        """As stored."""

    @classmethod
    async def open(cls, bus: Bus, k: int, key: bytes = b"", fresh: State | None = None) -> Keeper:
        """`k`: Elo step in points; `key`: of the run's seals; `fresh`: the state before the first result."""
        keeper = cls(bus, await bus.bucket(RUN_BUCKET), k, key, fresh or State())
        await keeper.reload()
        return keeper

    async def reload(self) -> None:
        """Continue from what is stored. Standings that know more than the ledger are not believed but folded again."""
        entry = await self._bucket.get(LEDGER_KEY)
        if entry is not None:
            self.state, self._revision = _believed(entry.value) or self._fresh, entry.revision
        end = await self.end()
        if end < self.state.position:
            log.warning("the ledger ends at %d, before position %d: folding it again", end, self.state.position)
            self.state = self._fresh

    async def end(self) -> int:
        """Sequence of the newest record; 0 for an empty ledger."""
        last = await self._bus.last(RESULTS)
        return last.sequence if last else 0

    async def advance(self, timeout_seconds: float) -> State:
        """Fold the next records, waiting for the first up to the timeout, and store the result. Raises LedgerGap."""
        records = await self._bus.read(RESULTS, self.state.position + 1, BATCH, timeout_seconds)
        state = self.state
        try:
            for record in records:
                state = fold_bytes(state, record.sequence, record.data, k=self._k, key=self._key)
        except OutOfOrder as error:
            raise LedgerGap(f"{error}: records of {RESULTS.stream_name(self._bus.run)} are missing") from error
        if state is not self.state:
            await self._write(state)
        elif self._look.due():
            await self._check()
        return self.state

    async def _check(self) -> None:
        """A store that was thrown back is found out by the next write; while no result comes there is none."""
        entry = await self._bucket.get(LEDGER_KEY)
        if entry is not None and entry.revision != self._revision:
            await self._give_in()

    async def _give_in(self) -> None:
        log.warning("somebody else wrote the standings: reading them again")
        await self.reload()

    async def _write(self, state: State) -> None:
        try:
            self._revision = await self._bucket.update(LEDGER_KEY, to_bytes(state), self._revision)
            self.state = state
        except Conflict:
            await self._give_in()

    def standings(self) -> Standings:
        return to_proto(self.state)


def _believed(data: bytes) -> State | None:
    """Stored standings; None if other rules made them: then the ledger is folded again from its beginning."""
    standings = Standings.FromString(data)
    if standings.fold_version == FOLD_VERSION:
        return from_proto(standings)
    log.warning("the standings are by rules %d, not %d: folding again", standings.fold_version, FOLD_VERSION)
    return None
