"""The programs that tests run as processes, in containers: the same binary, in an image of nothing but it.

Docker is used where it answers. Nothing is pulled from anywhere.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import subprocess
import tarfile
import time
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from ludus.kernel.nats_server import START_SECONDS, NatsServer, answers

from .deploy.docker import missing  # type: ignore[import-untyped]

#: Read by testcontainers when it is imported: no helper container from a registry, and ports on loopback alone.
SETTINGS = {
    "DOCKER_HOST": "unix:///var/run/docker.sock",
    "TESTCONTAINERS_RYUK_DISABLED": "true",
    "TESTCONTAINERS_HOST_OVERRIDE": "127.0.0.1",
    "TESTCONTAINERS_CONNECTION_MODE": "docker_host",
    "TC_POOLING_INTERVAL": "0.2",
}


def need_containers() -> None:
    """Skip what asks for it, with the reason, where there are none."""
    if reason := _why_not():
        pytest.skip(f"no containers: {reason}")


@cache
def _why_not() -> str:
    return str(missing()) if find_spec("testcontainers") else "testcontainers is not installed"


class Box:
    """A program in a container, with `folder` at its own path inside and one port on loopback."""

    def __init__(self, binary: Path, command: list[str], folder: Path, port: int) -> None:
        for name, value in SETTINGS.items():
            os.environ.setdefault(name, value)
        from testcontainers.core.container import DockerContainer

        user = f"{os.getuid()}:{os.getgid()}"
        self._container = (
            DockerContainer(image_of(binary), user=user, working_dir=str(folder))
            .with_command([str(binary), *command])
            .with_volume_mapping(str(folder), str(folder), "rw")
        )
        self._container.ports = {f"{port}/tcp": ("127.0.0.1", port)}
        self._started = False

    def start(self) -> None:
        if self._started:
            self._docker.start()
        else:
            self._container.start()
            self._started = True

    def pid(self) -> int | None:
        """Its process, as this machine sees it; None if it does not run."""
        if not self._started:
            return None
        self._docker.reload()
        return int(self._docker.attrs["State"]["Pid"]) or None

    def kill9(self) -> None:
        if self.pid():
            self._docker.kill()
            self._docker.wait()

    def remove(self) -> None:
        if self._started:
            self._container.stop(force=True)
            self._started = False

    @property
    def _docker(self) -> Any:
        return self._container.get_wrapped_container()


class BoxedNatsServer(NatsServer):
    """`NatsServer` in a container."""

    _box: Box | None = None

    def start(self, timeout_seconds: float = START_SECONDS) -> None:
        binary, *command = self.prepare()
        tree = json.loads(self.config.read_text()) | {"host": "0.0.0.0"}
        self.config.write_text(json.dumps(tree))
        self._box = self._box or Box(Path(binary), command, self.directory, self.port)
        self._box.start()
        wait_for(lambda: answers(self.host, self.port), "nats-server", timeout_seconds)

    def pid(self) -> int | None:
        return self._box.pid() if self._box else None

    def stop(self, timeout_seconds: float = 0.0) -> None:
        if self._box:
            self._box.remove()
            self._box = None

    def kill9(self) -> None:
        if self._box:
            self._box.kill9()


def wait_for(condition: Callable[[], object], what: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} in its container was not ready within {seconds:.0f} s"
        time.sleep(0.02)


@cache
def image_of(binary: Path) -> str:
    """An image of the binary and the libraries that it needs, each at the path it has here."""
    found = subprocess.run(["ldd", str(binary)], capture_output=True, text=True, check=False)
    libraries = re.findall(r"(/\S+) \(0x", found.stdout) if found.returncode == 0 else []
    # the path too: the same binary of another checkout or home is found there alone
    name = f"ludus-test:{hashlib.sha256(str(binary).encode() + binary.read_bytes()).hexdigest()[:16]}"
    if subprocess.run(["docker", "image", "inspect", name], capture_output=True, check=False).returncode:
        subprocess.run(
            ["docker", "import", "-", name], input=_packed(binary, libraries), check=True, capture_output=True
        )
    return name


def _packed(binary: Path, libraries: list[str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", dereference=True) as archive:
        for path in (str(binary), *libraries):
            archive.add(path)
    return packed.getvalue()
