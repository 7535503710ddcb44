"""Three NATS servers as one, made by `ludus nats config --cluster`, on 127.0.0.1, .2 and .3.

They are told apart as pods are: one configuration, a name and addresses each, and a folder to run in.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ludus.app.cli import run as ludus
from ludus.kernel import jetstream
from ludus.kernel.bus import Bus
from ludus.kernel.nats_server import answers, free_port

RUN = "three"
HOSTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
NEEDS_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux answers on all of 127.0.0.0/8")


class Cluster:
    """The servers by their names, n1 to n3. Started one by one."""

    def __init__(self, folder: Path, binary: Path) -> None:
        self.folder, self.binary = folder, binary
        self.port, self.routes = free_port(), free_port()
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        command = ["nats", "config", "--run", RUN, "--listen", HOSTS[0], "--port", str(self.port)]
        for host in HOSTS:
            command += ["--host", host, "--cluster", host]
        assert (
            ludus([*command, "--cluster-port", str(self.routes), "--store", "data", "--output", str(folder / "keys")])
            == 0
        )

    @property
    def url(self) -> str:
        return ",".join(f"tls://{host}:{self.port}" for host in HOSTS)

    @property
    def credentials(self) -> str:
        return str(self.folder / "keys" / "credentials" / RUN)

    def start(self, name: str) -> None:
        host, home = HOSTS[int(name[1]) - 1], self.folder / name
        flags = ["--name", name, "--addr", host, "--cluster", f"nats://{host}:{self.routes}"]
        (home / "data").mkdir(parents=True, exist_ok=True)  # each has its own, as pods do
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                [str(self.binary), "--config", str(self.folder / "keys" / "nats.conf"), *flags],
                stdout=log,
                stderr=log,
                cwd=home,
            )
        deadline = time.monotonic() + 10
        while not answers(host, self.port):
            assert time.monotonic() < deadline, (self.folder / f"{name}.log").read_text()[-2000:]
            time.sleep(0.02)

    def kill9(self, name: str) -> None:
        server = self.running.pop(name)
        server.send_signal(signal.SIGKILL)
        server.wait(10)

    async def bus(self, service: str, *, patience_seconds: float = 30, replicas: int = 3) -> Bus:
        return await Bus.connect(
            self.url, RUN, service, patience_seconds=patience_seconds, credentials=self.credentials, replicas=replicas
        )

    def end(self) -> None:
        for server in self.running.values():
            server.kill()
            server.wait(10)


@contextmanager
def three_servers(folder: Path, binary: Path) -> Iterator[Cluster]:
    """All of them started, and ended afterwards."""
    made = Cluster(folder, binary)
    for name in ("n1", "n2", "n3"):
        made.start(name)
    yield made
    made.end()


async def leader(bus: Bus, stream: str) -> str:
    """Name of the server that leads a stream; empty while none does."""

    async def ask() -> str:
        return str((await jetstream.call(bus.link, f"STREAM.INFO.{stream}"))["cluster"].get("leader", ""))

    return await bus.retry("asking who leads", ask)
