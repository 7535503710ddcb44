"""Standings rebuilt from the ledger alone, to be compared with the stored ones."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ..api.v1.standings_pb2 import Standings
from ..kernel.bus import Bus
from ..kernel.seals import stored_key
from ..kernel.topology import RESULTS, RUN_BUCKET
from .judge import Bout, decode, judge
from .keeper import LEDGER_KEY
from .ledger import State, fold_bytes
from .mirror import connect, read
from .ratings.systems import Played
from .standings import from_bytes, to_bytes, to_proto

BATCH = 500
READ_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """What `ludus league replay` tells."""

    position: int
    """of the stored standings"""
    later: int
    """results in the ledger after that position"""
    differences: list[str]
    """empty when the stored standings equal the replay bit for bit"""

    @property
    def identical(self) -> bool:
        return not self.differences

    def text(self) -> str:
        """For people."""
        verdict = "identical" if self.identical else "DIFFERENT:\n  " + "\n  ".join(self.differences)
        behind = f" ({self.later} later results are not folded yet)" if self.later else ""
        return f"standings at position {self.position}{behind} against a replay of the ledger: {verdict}"


async def replay(bus: Bus, *, k: int, upto: int | None = None) -> Standings:
    """Fold the ledger from its first record up to `upto`. `k`: `league.elo_k` of the run. Raises OutOfOrder."""
    return to_proto(await refold(bus, k=k, upto=upto))


async def refold(bus: Bus, *, k: int, upto: int | None = None) -> State:
    """The state that `replay` tells of."""
    state = State()
    async for step in _steps(bus, k=k, upto=upto):
        state = step.after
    return state


async def rated(bus: Bus, *, k: int, upto: int | None = None) -> list[Played]:
    """The matches that moved the live ratings, in the order of the ledger."""
    found = []
    async for step in _steps(bus, k=k, upto=upto):
        if step.after.players is not step.before.players:
            bout = judge(decode(step.data))
            assert isinstance(bout, Bout)  # an episode alone moves no rating
            found.append(Played(bout.first, bout.second, bout.halves, bout.first_in_seat_0))
    return found


class _Step(NamedTuple):
    before: State
    data: bytes
    after: State


async def _steps(bus: Bus, *, k: int, upto: int | None) -> AsyncIterator[_Step]:
    """The fold, record by record."""
    last = await bus.last(RESULTS)
    end = last.sequence if last else 0
    end = end if upto is None else min(upto, end)
    bucket = await bus.bucket(RUN_BUCKET)
    key, entry = await stored_key(bucket) or b"", await bucket.get(LEDGER_KEY)
    state = State(priors=from_bytes(entry.value).priors) if entry else State()
    while state.position < end:
        count = min(BATCH, end - state.position)
        for record in await bus.read(RESULTS, state.position + 1, count, READ_SECONDS):
            before, state = state, fold_bytes(state, record.sequence, record.data, k=k, key=key)
            yield _Step(before, record.data, state)


async def compare(bus: Bus, *, k: int, redis_url: str = "") -> Comparison:
    """The stored standings against a replay up to their position, and the copy in Redis up to its own."""
    entry = await (await bus.bucket(RUN_BUCKET)).get(LEDGER_KEY)
    stored = from_bytes(entry.value) if entry else State()
    replayed = await refold(bus, k=k, upto=stored.position)
    last = await bus.last(RESULTS)
    later = (last.sequence if last else 0) - stored.position
    same_bytes = to_bytes(replayed) == (entry.value if entry else to_bytes(State()))
    differences = list(_differences(stored, replayed))
    if not same_bytes and not differences:
        differences = ["the stored bytes are written differently"]
    if redis_url:
        differences += await _copy_differences(bus, redis_url, k)
    return Comparison(stored.position, later, differences)


async def _copy_differences(bus: Bus, url: str, k: int) -> list[str]:
    from redis.exceptions import RedisError

    client = connect(url)
    try:
        copy = await read(client, bus.run)
    except (RedisError, OSError) as error:
        return [f"Redis: its copy cannot be read: {error}"]
    finally:
        await client.aclose()
    if copy is None:
        return ["Redis: no standings of this run"]
    replayed = await refold(bus, k=k, upto=copy[0])
    return [] if copy[1] == to_bytes(replayed) else [f"Redis: the standings kept there at position {copy[0]} differ"]


def _differences(stored: State, replayed: State) -> Iterator[str]:
    for name in ("position", "results", "applied"):
        one, other = getattr(stored, name), getattr(replayed, name)
        if one != other:
            yield f"{name}: stored {one}, replayed {other}"
    for name in ("players", "pairs", "refused", "solos", "epochs"):
        one, other = getattr(stored, name), getattr(replayed, name)
        for key in sorted({*one, *other}):
            if one.get(key) != other.get(key):
                yield f"{name} {key}: stored {one.get(key)}, replayed {other.get(key)}"
