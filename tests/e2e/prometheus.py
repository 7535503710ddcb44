"""A real Prometheus, and a real Alertmanager, beside a run."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PACKAGES = {"prometheus": "prometheus", "prometheus-alertmanager": "prometheus-alertmanager", "promtool": "prometheus"}


def binary(name: str) -> str:
    """Its path; skips the test, saying what to install, where it is not there."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: apt-get install --no-install-recommends {PACKAGES[name]})")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Prometheus:
    def __init__(self, url: str) -> None:
        self.url = url

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The instant vector."""
        text = urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(f"{self.url}/api/v1/query?{text}", timeout=10) as answer:
            tree = json.load(answer)
        found: list[dict[str, Any]] = tree["data"]["result"]
        return found


def is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


@contextmanager
def server(folder: Path, name: str, options: list[str], port: int, config: dict[str, Any]) -> Iterator[str]:
    """One of the two, until it is ready; its files are in the folder. Gives its address."""
    program = binary(name)
    folder.mkdir(parents=True, exist_ok=True)
    file, url = folder / f"{name}.yml", f"http://127.0.0.1:{port}"
    file.write_text(json.dumps(config))
    argv = [program, f"--config.file={file}", f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn", *options]
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 30
        while not is_ready(url):
            gone = process.poll() is not None or time.monotonic() > deadline
            assert not gone, (folder / f"{name}.log").read_text()
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def prometheus(folder: Path, config: dict[str, Any]) -> Iterator[Prometheus]:
    with server(folder, "prometheus", [f"--storage.tsdb.path={folder / 'data'}"], free_port(), config) as url:
        yield Prometheus(url)


@contextmanager
def alertmanager(folder: Path, config: dict[str, Any], port: int) -> Iterator[str]:
    options = [f"--storage.path={folder / 'alerts'}", "--cluster.listen-address="]
    with server(folder, "prometheus-alertmanager", options, port, config) as url:
        yield url
