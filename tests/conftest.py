"""Shared fixtures: a real nats-server of our own, and buses on it."""

from __future__ import annotations

import resource
import secrets
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from ludus.kernel.bus import Bus
from ludus.kernel.nats_server import NatsServer, ServerError, find, install

# Tests share the cores with one another and with the processes they start: how long an example took says nothing.
settings.register_profile("ludus", deadline=None)
settings.load_profile("ludus")

# Started in the background, a shell's children ignore Ctrl-C, and pass that on: some tests press it.
signal.signal(signal.SIGINT, signal.default_int_handler)

BusFactory = Callable[..., Awaitable[Bus]]


@pytest.fixture(scope="session")
def nats_binary() -> Path:
    """A nats-server that is new enough; the pinned one is installed if there is none."""
    try:
        return find()
    except ServerError:
        return install()


@pytest.fixture(scope="module")
def nats_server(nats_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """A server for one test module, on a free loopback port with a store of its own; may be killed and restarted."""
    server = NatsServer(tmp_path_factory.mktemp("nats"), binary=nats_binary)
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[BusFactory]:
    """Makes buses; a run of its own for each test, closed afterwards.

    `await bus()`, or with `service`, `url`, `patience_seconds`, `rollout_depth`, `declare=False`.
    """
    if nats_server.pid() is None:
        nats_server.start()
    run = f"t{secrets.token_hex(4)}"
    opened: list[Bus] = []

    async def make(
        service: str = "test",
        *,
        url: str = "",
        patience_seconds: float = 20.0,
        rollout_depth: int = 4,
        declare: bool = True,
    ) -> Bus:
        made = await Bus.connect(url or nats_server.url, run, service, patience_seconds=patience_seconds)
        opened.append(made)
        if declare:
            await made.declare(rollout_depth=rollout_depth)
        return made

    yield make
    for made in opened:
        await made.close()


@pytest.fixture
def cpu_seconds_of_children() -> Callable[[], float]:
    """Of those that have ended. Not the wall's time, which other tests beside this one stretch."""

    def read() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    return read
