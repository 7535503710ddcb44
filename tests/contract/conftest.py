"""The server as a process and in a container, and a TCP proxy that breaks connections to it at the worst moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ludus.kernel.nats_server import NatsServer

from ..containers import BoxedNatsServer, need_containers


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Containers take their time to be killed and started: that is not for `make test`."""
    for item in items:
        if item.path.name == "test_bus_restarts.py" and "[container" in item.name:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="module", params=["process", "container"])
def nats_server(
    nats_binary: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[NatsServer]:
    """The promises of the bus hold with either."""
    kind = NatsServer
    if request.param == "container":
        need_containers()
        kind = BoxedNatsServer
    server = kind(tmp_path_factory.mktemp("nats"), binary=nats_binary)
    server.start()
    yield server
    server.stop()


class LossyProxy:
    """Forwards to a server. After `lose_reply_to(text)`, the first request with it arrives, its answer does not."""

    def __init__(self, url: str) -> None:
        self.url = ""
        target = urlsplit(url)
        self._target = (target.hostname, target.port)
        self._trap: bytes | None = None
        self.cuts = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"nats://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def lose_reply_to(self, text: str) -> None:
        self._trap = text.encode()

    async def close(self) -> None:
        assert self._server
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        up_reader, up_writer = await asyncio.open_connection(*self._target)
        back = asyncio.create_task(self._copy(up_reader, writer))
        try:
            while data := await reader.read(65536):
                up_writer.write(data)
                await up_writer.drain()
                if self._trap and self._trap in data:
                    self._trap = None
                    self.cuts += 1
                    back.cancel()
                    await asyncio.sleep(0.1)  # the server takes the request meanwhile
                    break
        finally:
            back.cancel()
            for end in (writer, up_writer):
                with suppress(OSError):
                    end.close()
            self._tasks.discard(task)

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()


@pytest.fixture
async def lossy_proxy(nats_server: NatsServer) -> AsyncIterator[LossyProxy]:
    proxy = LossyProxy(nats_server.url)
    await proxy.start()
    yield proxy
    await proxy.close()
