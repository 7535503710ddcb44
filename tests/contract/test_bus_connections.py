"""Servers the bus refuses, and what it says."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ludus.kernel import jetstream
from ludus.kernel.bus import Bus, BusError, Unsupported
from ludus.kernel.nats_server import NatsServer, free_port
from ludus.kernel.topology import BLOBS, RESULTS, STREAMS


@asynccontextmanager
async def greeter(**info: object) -> AsyncIterator[str]:
    """A TCP server that greets like a nats-server and answers PING, nothing else."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"INFO " + json.dumps({"server_id": "x", "max_payload": 8_388_608, **info}).encode() + b"\r\n")
        while line := await reader.readline():
            if line.startswith(b"PING"):
                writer.write(b"PONG\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@pytest.mark.parametrize("version", ["2.9.10", "2.12.2", "1.4.1", "nonsense"])
async def test_an_old_server_is_refused_at_once(version: str) -> None:
    async with greeter(version=version, headers=True, jetstream=True) as url:
        started = time.monotonic()
        with pytest.raises(Unsupported, match=r"too old: 2\.12\.3 or newer .*make tools"):
            await Bus.connect(url, "run", "test", patience_seconds=30)
        assert time.monotonic() - started < 3


async def test_an_absent_server_is_waited_for_then_named() -> None:
    url = f"nats://127.0.0.1:{free_port()}"
    started = time.monotonic()
    with pytest.raises(BusError, match=rf"no NATS server answers at {url} .*ludus up.*--nats-url"):
        await Bus.connect(url, "run", "test", patience_seconds=0.6)
    assert 0.5 < time.monotonic() - started < 4


async def test_waiting_can_be_called_off_at_every_step_of_an_attempt() -> None:
    url = f"nats://127.0.0.1:{free_port()}"
    for steps in range(60):
        waiting = asyncio.create_task(Bus.connect(url, "run", "test", patience_seconds=30))
        for _ in range(steps):
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait((waiting,), timeout=3)
        assert waiting.cancelled(), f"cancelled after {steps} steps"


@pytest.mark.parametrize(
    "url", ["", "nats://host:port", "http://127.0.0.1:4222", "nats://127.0.0.1:99999", "nats://[::1", "a:1,,b:2"]
)
async def test_what_is_no_address_is_refused_at_once(url: str) -> None:
    with pytest.raises(Unsupported, match=r"not the address of a NATS server: expected nats://HOST:PORT"):
        await Bus.connect(url, "run", "test", patience_seconds=30)


async def test_a_password_never_gets_into_a_message() -> None:
    port = free_port()
    with pytest.raises(BusError, match=f"nats://127.0.0.1:{port}") as caught:
        await Bus.connect(f"nats://ludus:secret@127.0.0.1:{port}", "run", "test", patience_seconds=0.1)
    assert "secret" not in str(caught.value)


async def test_a_server_that_comes_up_late_is_found(nats_binary: Path, tmp_path: Path) -> None:
    server = NatsServer(tmp_path, binary=nats_binary)
    connecting = asyncio.create_task(Bus.connect(server.url, "run", "test", patience_seconds=20))
    await asyncio.sleep(0.5)
    assert not connecting.done(), "it waits for the server"
    server.start()
    try:
        bus = await asyncio.wait_for(connecting, 5)
        assert bus.run == "run"
        await bus.close()
    finally:
        server.stop()


@pytest.fixture
def configured(nats_binary: Path, tmp_path: Path) -> Iterator[NatsServer]:
    """A server whose configuration the test completes before it starts it."""
    server = NatsServer(tmp_path, binary=nats_binary)
    yield server
    server.stop()


def change(server: NatsServer, **settings: object) -> None:
    """Make `start` use additional settings; None removes one."""
    prepare = server.prepare

    def changed() -> list[str]:
        command = prepare()
        tree = json.loads(server.config.read_text()) | settings
        server.config.write_text(json.dumps({key: value for key, value in tree.items() if value is not None}))
        return command

    server.prepare = changed  # type: ignore[method-assign]
    server.start()


async def test_a_server_without_jetstream_is_refused(configured: NatsServer) -> None:
    change(configured, jetstream=None)
    with pytest.raises(Unsupported, match="without JetStream"):
        await Bus.connect(configured.url, "run", "test", patience_seconds=5)


async def test_wrong_credentials_are_refused_at_once(configured: NatsServer) -> None:
    change(configured, authorization={"user": "ludus", "password": "right"})
    started = time.monotonic()
    with pytest.raises(Unsupported, match=r"refuses this client.*bus\.url"):
        await Bus.connect(configured.url, "run", "test", patience_seconds=30)
    assert time.monotonic() - started < 3
    bus = await Bus.connect(configured.url.replace("//", "//ludus:right@"), "run", "test", patience_seconds=5)
    await bus.close()


async def test_a_forbidden_publish_raises_instead_of_waiting(configured: NatsServer) -> None:
    # `*` forbids nothing but the ledger: JetStream answers, and a refused publish has no answer at all.
    user = {"user": "s", "password": "p", "permissions": {"publish": {"deny": ["ludus.run.result"]}}}
    change(configured, authorization={"users": [user]})
    bus = await Bus.connect(configured.url.replace("//", "//s:p@"), "run", "test", patience_seconds=20)
    await bus.declare(rollout_depth=4)
    started = time.monotonic()
    with pytest.raises(Unsupported, match=r"forbids this service to publish to ludus\.run\.result"):
        await bus.publish(RESULTS, b"r", msg_id="r")
    assert time.monotonic() - started < 2
    assert await bus.publish(STREAMS[3], b"h", token="main", msg_id="h") == 1
    await bus.close()


async def test_a_full_disk_is_told_and_publishing_goes_on_once_there_is_room(configured: NatsServer) -> None:
    store = {"store_dir": str(configured.directory / "js"), "max_file_store": 2_000_000, "max_memory_store": 1_000_000}
    change(configured, jetstream=store)
    bus = await Bus.connect(configured.url, "run", "test", patience_seconds=1)
    await bus.declare(rollout_depth=4)
    for i in range(2):
        await bus.publish(BLOBS, bytes(1_500_000), token=f"{i}", msg_id=f"{i}")
    with pytest.raises(BusError, match=r"Make room on the disk"):
        await bus.publish(BLOBS, bytes(1_500_000), token="late", msg_id="late")
    await jetstream.call(bus.link, f"STREAM.PURGE.{BLOBS.stream_name('run')}", {})
    assert await bus.publish(BLOBS, bytes(1_500_000), token="late", msg_id="late") == 3
    await bus.close()


async def test_a_connection_closed_while_idle_comes_back(configured: NatsServer) -> None:
    configured.start()
    bus = await Bus.connect(configured.url, "run", "test", patience_seconds=10)
    await bus.declare(rollout_depth=4)
    configured.restart()
    assert await bus.link.wait_connected(5)
    assert await bus.publish(RESULTS, b"r", msg_id="r") == 1
    await bus.close()


async def test_closing_leaves_no_task_behind(configured: NatsServer) -> None:
    configured.start()
    before = asyncio.all_tasks()
    bus = await Bus.connect(configured.url, "run", "test")
    await bus.declare(rollout_depth=4)
    await bus.close()
    await asyncio.sleep(0.05)
    assert asyncio.all_tasks() == before
