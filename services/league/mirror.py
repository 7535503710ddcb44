"""A copy of the standings in Redis, for dashboards and replicas: position and standings change together.

The league never waits for it and never reads its own state from it. Whatever happens to Redis (away, empty, or thrown
back to an older state), the next look finds that it does not stand where it was left, and writes what the ledger says.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from ..kernel.address import without_credentials
from ..kernel.clock import Periodic
from ..kernel.metrics import Metrics
from ..kernel.service import Fatal
from .ledger import State
from .standings import to_bytes

if TYPE_CHECKING:
    from redis.asyncio import Redis

#: At most so often the copy is written; and so often it is looked after when nothing new has happened.
WRITE_SECONDS, CHECK_SECONDS = 0.2, 1.0
TIMEOUT_SECONDS = 2.0
#: KEYS: standings (hash), live Elo by player (sorted set). ARGV: the position expected there ("" for none, "*" for
#: whatever it is), the new position, the new standings, then milli-Elo and player in turn. Answers with the position
#: found and whether the copy was written; a copy that stands elsewhere is left as it is.
COMPARE_AND_SET = """
local found = redis.call('HGET', KEYS[1], 'position') or ''
if ARGV[1] ~= '*' and found ~= ARGV[1] then return {found, 0} end
redis.call('HSET', KEYS[1], 'position', ARGV[2], 'standings', ARGV[3])
redis.call('DEL', KEYS[2])
for i = 4, #ARGV, 2 do redis.call('ZADD', KEYS[2], ARGV[i], ARGV[i + 1]) end
return {found, 1}
"""

log = logging.getLogger(__name__)


def keys(run: str) -> tuple[str, str]:
    """Of the standings and of the live Elo. The braces keep both on one node of a cluster."""
    return f"ludus:{{{run}}}:standings", f"ludus:{{{run}}}:elo"


def connect(url: str) -> Redis:
    """A client that gives up after a moment. Raises Fatal for a wrong URL or where the package is missing."""
    try:
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff
    except ImportError as error:
        raise Fatal("redis.url is set, but redis is not installed: pip install 'ludus[redis]'") from error
    try:
        return Redis.from_url(
            url, retry=Retry(NoBackoff(), 1), socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
        )
    except ValueError as error:
        raise Fatal(f"redis.url: expected redis://HOST:PORT/DB, found {without_credentials(url)!r}: {error}") from error


async def read(client: Redis, run: str) -> tuple[int, bytes] | None:
    """Position and serialised Standings as Redis has them, read in one step; None where there are none."""
    answer: Any = client.hmget(keys(run)[0], ["position", "standings"])
    position, standings = await answer
    return None if position is None else (int(position), standings)


class Mirror:
    """Keeps the copy up to date in the background."""

    def __init__(self, client: Redis, run: str, metrics: Metrics) -> None:
        self._client, self._keys, self._metrics = client, keys(run), metrics
        self._script: Any = client.register_script(COMPARE_AND_SET)
        self._left = "*"
        """Position at which the copy was left; the first write of a process takes the place of anything."""
        self._write, self._check = Periodic(WRITE_SECONDS), Periodic(CHECK_SECONDS)
        self._work: asyncio.Task[None] | None = None
        self._away = False

    def look(self, state: State) -> None:
        """Begin to copy `state` if it is new or a check is due; whoever calls does not wait. Raises what failed."""
        if self._work is not None:
            if not self._work.done():
                return
            self._work.result()
            self._work = None
        news = str(state.position) != self._left and not self._away
        if (news and self._write.due()) or self._check.due():
            self._work = asyncio.create_task(self.copy(state), name="redis")

    async def last(self, state: State) -> None:
        """The final copy, after any that is under way."""
        if self._work is not None:
            await self._work
        await self.copy(state)
        await self._client.aclose()

    async def copy(self, state: State) -> None:
        """Write `state`, if Redis can be reached and no other league is ahead."""
        from redis.exceptions import RedisError

        try:
            found, written = await self._compare_and_set(self._left, state)
            if not written:
                await self._mend(found, state)
        except (RedisError, OSError) as error:
            if not self._away:
                log.warning("the copy of the standings in Redis is not kept up to date: %s", error)
            self._away = True
        else:
            self._away = False
        self._metrics.set("ludus_league_redis_up", float(not self._away))

    async def _mend(self, found: str, state: State) -> None:
        """It is not where it was left. A later position is another league's, which we shall follow in the ledger."""
        if found and int(found) > state.position:
            return
        log.warning("the copy of the standings in Redis is at %r, not %s: written again", found, self._left)
        _, written = await self._compare_and_set(found, state)
        self._metrics.inc("ludus_league_redis_rebuilt_total", written)

    async def _compare_and_set(self, expected: str, state: State) -> tuple[str, int]:
        elo = [part for name, rating in state.players.items() for part in (rating.milli_elo, name)]
        position = str(state.position)
        found, written = await self._script(self._keys, [expected, position, to_bytes(state), *elo])
        if written:
            self._left = position
            self._metrics.set("ludus_league_redis_position", state.position)
        return found.decode(), int(written)
