"""The copy of the standings in a real Redis: whole at every moment, and right again after anything that befalls it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ludus.kernel.metrics import Metrics
from ludus.kernel.service import Fatal
from ludus.league.ledger import Rating, State
from ludus.league.mirror import Mirror, connect, keys, read
from ludus.league.standings import from_bytes, to_bytes

from ..containers import need_containers
from .league_kit import NEEDS_REDIS, BoxedRedisServer, RedisServer

pytestmark = NEEDS_REDIS
RUN = "demo"


def state(position: int) -> State:
    elo = {"main": Rating(1_000_000 + position, 1_000_000), "bot:ace": Rating(1_000_000 - position, 1_000_000)}
    return replace(State(), position=position, players=elo, results=position)


@pytest.fixture(params=["process", "container"])
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    made = RedisServer(tmp_path)
    if request.param == "container":
        need_containers()
        made = BoxedRedisServer(tmp_path)
    made.start()
    yield made
    made.remove()


@pytest.fixture
async def client(server: RedisServer) -> AsyncIterator[Any]:
    made = connect(server.url)
    yield made
    await made.aclose()


def mirror(client: Any) -> Mirror:
    return Mirror(client, RUN, Metrics("league"))


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not await condition():
            await asyncio.sleep(0.02)


async def test_position_and_standings_and_elo_are_those_of_one_state(client: Any) -> None:
    await mirror(client).copy(state(7))
    assert await read(client, RUN) == (7, to_bytes(state(7)))
    assert from_bytes((await read(client, RUN))[1]) == state(7)
    elo = await client.zrevrange(keys(RUN)[1], 0, -1, withscores=True)
    assert elo == [(b"main", 1_000_007.0), (b"bot:ace", 999_993.0)]


async def test_nobody_has_a_copy_of_an_unknown_run(client: Any) -> None:
    assert await read(client, RUN) is None


async def test_a_league_that_has_fallen_behind_overwrites_nothing(client: Any) -> None:
    zombie, league = mirror(client), mirror(client)
    await zombie.copy(state(3))
    await league.copy(state(9))
    await zombie.copy(state(4))
    assert await read(client, RUN) == (9, to_bytes(state(9)))
    await zombie.copy(state(10))  # it has caught up with the ledger
    assert await read(client, RUN) == (10, to_bytes(state(10)))


async def test_a_new_process_takes_the_place_of_whatever_is_there(client: Any) -> None:
    await mirror(client).copy(state(9))
    await mirror(client).copy(state(2))  # the ledger of a new run of the same name
    assert await read(client, RUN) == (2, to_bytes(state(2)))


@pytest.mark.parametrize("disaster", ["thrown back", "lost", "flushed"])
async def test_a_copy_that_is_not_where_it_was_left_is_written_again(
    server: RedisServer, client: Any, disaster: str
) -> None:
    league = mirror(client)
    await league.copy(state(5))
    await asyncio.sleep(1.2)  # appendfsync everysec
    server.remember()
    await league.copy(state(8))
    if disaster == "flushed":
        await client.flushall()
    else:
        server.kill9()
        server.throw_back() if disaster == "thrown back" else server.lose()
        server.start()
    found = await read(client, RUN)
    assert found == ((5, to_bytes(state(5))) if disaster == "thrown back" else None)

    async def looked_after() -> bool:
        league.look(state(8))  # nothing new has happened
        return await read(client, RUN) == (8, to_bytes(state(8)))

    await until(looked_after)


async def test_the_league_does_not_wait_for_a_redis_that_is_away(server: RedisServer, client: Any) -> None:
    league = mirror(client)
    server.kill9()
    async with asyncio.timeout(0.5):
        for position in range(1, 6):
            league.look(state(position))
            await asyncio.sleep(0.01)
    server.start()

    async def copied() -> bool:
        league.look(state(6))
        return await read(client, RUN) == (6, to_bytes(state(6)))

    await until(copied)


def test_a_wrong_address_is_named_without_its_password() -> None:
    with pytest.raises(Fatal, match=r"redis\.url: expected redis://HOST:PORT/DB, found 'http://localhost'"):
        connect("http://user:secret@localhost")
