"""The run's folder keeps what happened and what was measured, so that a report needs neither bus nor services.

events.jsonl     the audit trail, one event per line with its sequence
measured.json    panel, ratings of record and live ratings, as of a position of the ledger
made_with.json   versions and hardware
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from ..api.v1.event_pb2 import Event
from ..api.v1.health_pb2 import LearnerHealth
from ..api.v1.standings_pb2 import Ratings, Standings
from ..kernel.bus import Bucket, BusError, Record
from ..kernel.clock import Periodic
from ..kernel.files import write_atomically
from ..kernel.notify import Notifier, notice
from ..kernel.panel import candidates, met, panel_rows
from ..kernel.players import agent_of, is_bot, version_of
from ..kernel.service import Context
from ..kernel.topology import EVENTS, HEALTH, RUN_BUCKET
from .exploits import exploits_of
from .report import build_summary
from .surroundings import surroundings

EVENTS_FILE, MEASURED_FILE, MADE_WITH_FILE = "events.jsonl", "measured.json", "made_with.json"
#: Keys of the RUN bucket that the league writes.
LEDGER_KEY, RATINGS_KEY = "ledger", "ratings"
LOOK_SECONDS = 3.0
BATCH = 200
#: Between two looks at the folders of other runs, for exploiters of this one.
EXPLOITS_SECONDS = 30.0
#: The last ratings are fitted after the run has ended; how long the report waits for them.
RATINGS_SECONDS = 12.0
#: The last notices are waited for, this long.
NOTICES_SECONDS = 5.0


class Chronicle:
    """Writes are whole files or whole lines; a restart goes on after the last line."""

    def __init__(self, ctx: Context, bucket: Bucket) -> None:
        self._ctx, self._bucket = ctx, bucket
        self._folder = Path(ctx.config.directory)
        self._next = _last_sequence(self._folder / EVENTS_FILE) + 1
        self._revisions = (0, 0)
        self._look_aside = Periodic(EXPLOITS_SECONDS)
        self._notices = Notifier.from_environment()

    @classmethod
    async def open(cls, ctx: Context) -> Chronicle:
        chronicle = cls(ctx, await ctx.bus.bucket(RUN_BUCKET))
        made_with = await asyncio.to_thread(surroundings)
        _write(chronicle._folder / MADE_WITH_FILE, made_with)
        return chronicle

    async def run(self) -> None:
        """For ever. What cannot be had now is there at the next look."""
        while True:
            try:
                await self.keep_up()
            except Exception as error:
                self._ctx.log.warning("the chronicle of the run waits: %s", error, exc_info=not _passes(error))
            await asyncio.sleep(LOOK_SECONDS)

    async def keep_up(self) -> None:
        """Everything that is new."""
        while found := await self._ctx.bus.read(EVENTS, self._next, BATCH, timeout_seconds=0.05):
            self._append(found)
        await self._measure()
        if self._look_aside.due():
            await asyncio.to_thread(self._exploits)

    def _exploits(self) -> None:
        """Newest exploiter of every agent's newest attacked version, as numbers."""
        for exploit in exploits_of(self._folder):
            for bound, key in (("value", "win_rate"), ("low", "low"), ("high", "high")):
                self._ctx.metrics.set(
                    "ludus_evaluator_exploiter_win_ratio", float(exploit.after[key]), agent=exploit.agent, bound=bound
                )
            self._ctx.metrics.set("ludus_evaluator_exploited_step", exploit.step, agent=exploit.agent)

    async def conclude(self) -> None:
        """The last word: waits until the ratings are those of the whole ledger."""
        for _ in range(int(RATINGS_SECONDS / 0.5)):
            entry, rated = await self._bucket.get(LEDGER_KEY), await self._bucket.get(RATINGS_KEY)
            if entry and rated:
                standings, ratings = Standings.FromString(entry.value), Ratings.FromString(rated.value)
                if ratings.position == standings.position:
                    break
            await asyncio.sleep(0.5)
        await self.keep_up()
        await asyncio.to_thread(self._notices.drain, NOTICES_SECONDS)

    def _append(self, records: list[Record]) -> None:
        rows = [_row(record) for record in records]
        lines = [json.dumps(row) for row in rows]
        with (self._folder / EVENTS_FILE).open("a+b") as file:
            file.write("".join(f"{line}\n" for line in lines).encode())
        self._next = records[-1].sequence + 1
        for row in rows:
            self._notices.send(notice(self._ctx.config.run, row))

    async def _measure(self) -> None:
        ledger, rated = await self._bucket.get(LEDGER_KEY), await self._bucket.get(RATINGS_KEY)
        heard = [await self._ctx.bus.last(HEALTH, agent) for agent in self._ctx.config.agent_names]
        healths = [LearnerHealth.FromString(last.data) for last in heard if last is not None]
        revisions = (ledger.revision if ledger else 0, rated.revision if rated else 0)
        if ledger is None or len(healths) < len(heard) or revisions == self._revisions:
            return
        ratings = Ratings.FromString(rated.value) if rated else Ratings()
        standings = Standings.FromString(ledger.value)
        _write(self._folder / MEASURED_FILE, build_summary(self._ctx.config, standings, *healths, ratings=ratings))
        self._revisions = revisions
        self._show_wins(standings)

    def _show_wins(self, standings: Standings) -> None:
        """Of the newest version measured of each agent, against the bots: versions would be labels without bound."""
        newest = {agent_of(name): name for name in sorted(candidates(standings), key=lambda name: version_of(name)[2])}
        for name in newest.values():
            for row in panel_rows(standings, name, [other for other in met(standings, name) if is_bot(other)]):
                if row.matches:
                    self._ctx.metrics.set("ludus_evaluator_win_ratio", row.win_rate, opponent=row.opponent)
                    for bound, value in zip(("low", "high"), row.interval, strict=True):
                        known = {"opponent": row.opponent, "bound": bound}
                        self._ctx.metrics.set("ludus_evaluator_win_ratio_bound", value, **known)


def _passes(error: Exception) -> bool:
    """A bus or a disk that is there again later; anything else is a fault of ours and wants its trace in the log."""
    return isinstance(error, BusError | OSError)


def _row(record: Record) -> dict[str, Any]:
    try:
        event = Event.FromString(record.data)
    except DecodeError:
        return {"sequence": record.sequence, "kind": "unreadable", "message": record.subject}
    return {
        "sequence": record.sequence,
        "time": round(event.time.ToMicroseconds() / 1e6, 3),
        "kind": event.kind,
        "service": event.service,
        "message": event.message,
        **({"detail": json.loads(event.detail_json)} if event.detail_json else {}),
    }


def _last_sequence(path: Path) -> int:
    """0 before the first event. A half-written last line is dropped from the file, and will be written again."""
    try:
        data = path.read_bytes()
    except OSError:
        return 0
    whole = data[: data.rfind(b"\n") + 1]
    if whole != data:
        write_atomically(path, whole)
    lines = whole.splitlines()
    return int(json.loads(lines[-1])["sequence"]) if lines else 0


def _write(path: Path, tree: dict[str, Any]) -> None:
    write_atomically(path, (json.dumps(tree, indent=2) + "\n").encode())
