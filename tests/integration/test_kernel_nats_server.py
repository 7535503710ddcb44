"""Starting and ending an own nats-server."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ludus.kernel.nats_server import NatsServer, ServerError, answers, free_port
from ludus.kernel.topology import MAX_PAYLOAD_BYTES


@pytest.fixture
def server(nats_binary: Path, tmp_path: Path) -> Iterator[NatsServer]:
    made = NatsServer(tmp_path / "nats", binary=nats_binary)
    yield made
    made.stop()


def greeting(server: NatsServer) -> dict[str, object]:
    with socket.create_connection((server.host, server.port), timeout=2) as connection:
        line = connection.makefile("rb").readline()
    info: dict[str, object] = json.loads(line.removeprefix(b"INFO "))
    return info


def test_it_is_ready_when_start_returns_and_gone_after_stop(server: NatsServer) -> None:
    started = time.monotonic()
    server.start()
    assert time.monotonic() - started < 3
    info = greeting(server)
    assert info["max_payload"] == MAX_PAYLOAD_BYTES
    assert info["jetstream"] is True
    assert info["host"] == "127.0.0.1"
    assert int(server.pid_file.read_text()) == server.pid()
    server.stop()
    assert server.pid() is None
    assert not answers(server.host, server.port)
    server.stop()


def test_restart_keeps_port_and_store(server: NatsServer) -> None:
    server.start()
    first = (server.port, server.pid())
    server.restart()
    assert server.port == first[0]
    assert server.pid() != first[1]
    server.kill9()
    assert server.pid() is None
    server.start()
    assert answers(server.host, server.port)


def test_another_object_finds_and_ends_the_running_server(server: NatsServer) -> None:
    server.start()
    other = NatsServer(server.directory, port=server.port)
    assert other.pid() == server.pid()
    with pytest.raises(ServerError, match="already runs in"):
        other.start()
    other.stop()
    assert server.pid() is None


def test_a_pid_file_left_by_a_crash_does_not_name_a_stranger(server: NatsServer) -> None:
    server.directory.mkdir(parents=True)
    server.pid_file.write_text(str(os.getpid()))
    assert server.pid() is None
    server.stop()
    server.start()
    assert server.pid() not in (None, os.getpid())


def test_a_taken_port_is_told(nats_binary: Path, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        taken = NatsServer(tmp_path / "nats", port=port, binary=nats_binary)
        with pytest.raises(ServerError, match=rf"port {port} is taken by another program.*choose another"):
            taken.start()
    assert taken.pid() is None


def test_what_the_server_said_is_told_when_it_does_not_start(server: NatsServer) -> None:
    prepare = server.prepare

    def broken() -> list[str]:
        command = prepare()
        server.config.write_text("{ nonsense ")
        return command

    server.prepare = broken  # type: ignore[method-assign]
    with pytest.raises(ServerError, match=r"nats-server did not start: .*config is invalid.*\(log: .*nats\.log\)"):
        server.start()
    assert server.pid() is None


def test_an_old_binary_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    old = tmp_path / "old-nats-server"
    old.write_text("#!/bin/sh\necho 'nats-server: v2.9.10'\n")
    old.chmod(0o755)
    server = NatsServer(tmp_path / "nats", binary=old)
    with pytest.raises(ServerError, match=r"2\.9\.10, but 2\.12\.3 or newer"):
        server.start()
    assert not server.directory.exists()


def test_a_folder_that_cannot_be_written_is_told(nats_binary: Path, tmp_path: Path) -> None:
    (tmp_path / "nats").write_text("a file")
    with pytest.raises(ServerError, match="cannot be written"):
        NatsServer(tmp_path / "nats", binary=nats_binary).start()


def test_ctrl_c_in_the_terminal_does_not_reach_it(nats_binary: Path, tmp_path: Path) -> None:
    port = free_port()
    program = (
        "import sys, time; from pathlib import Path; from ludus.kernel.nats_server import NatsServer\n"
        f"NatsServer(Path({str(tmp_path)!r}), port={port}, binary=Path({str(nats_binary)!r})).start()\n"
        "print('up', flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True)
    server = NatsServer(tmp_path, port=port)
    try:
        assert parent.stdout
        assert parent.stdout.readline() == b"up\n"
        os.killpg(parent.pid, signal.SIGINT)
        parent.wait(10)
        time.sleep(0.3)
        assert server.pid() is not None, "it lives on when whoever started it has gone"
        assert answers(server.host, port)
    finally:
        parent.kill()
        parent.wait()
        server.stop()
    assert server.pid() is None
