"""The run's record in the RUN bucket: read, change, compare-and-set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ..api.v1 import run_pb2 as run
from ..kernel.bus import Bucket, Bus, Conflict
from ..kernel.topology import RUN_BUCKET

RECORD_KEY = "state"


@dataclass(frozen=True, slots=True)
class Version:
    """The record as it was at one revision of its key. Not to be changed in place."""

    record: run.RunRecord = field(default_factory=run.RunRecord)
    revision: int = 0


class RecordStore:
    """The director and the commands of people both write the record; whoever decided on an old version loses."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self.newest = Version()

    @classmethod
    async def open(cls, bus: Bus) -> RecordStore:
        """Read the record, or write the first one of a new run."""
        store = cls(await bus.bucket(RUN_BUCKET))
        await store.refresh()
        if not store.newest.revision:
            await store.change(lambda _: run.RunRecord(state=run.RUN_STATE_STARTING, next_match=1, next_ticket=1))
        return store

    @property
    def record(self) -> run.RunRecord:
        """As last read or written."""
        return self.newest.record

    async def refresh(self) -> Version:
        """Read what is stored now."""
        entry = await self._bucket.get(RECORD_KEY)
        if entry is not None:
            self._learn(Version(run.RunRecord.FromString(entry.value), entry.revision))
        return self.newest

    async def replace(self, base: Version, record: run.RunRecord) -> None:
        """Write `record`, which was decided on `base`, unless it is equal to it. Raises Conflict if `base` is not the
        stored version any more."""
        if record == base.record and base.revision:
            return
        revision = await self._bucket.update(RECORD_KEY, record.SerializeToString(deterministic=True), base.revision)
        self._learn(Version(record, revision))

    async def change(self, edit: Callable[[run.RunRecord], run.RunRecord]) -> run.RunRecord:
        """Apply a pure change, again and again until nobody else wrote in between."""
        while True:
            base = self.newest
            changed = edit(base.record)
            try:
                await self.replace(base, changed)
            except Conflict:
                await self.refresh()
            else:
                return changed

    def _learn(self, version: Version) -> None:
        """Answers may overtake one another: an older version is no news."""
        if version.revision > self.newest.revision:
            self.newest = version
