"""What can keep a stack from working is said plainly, and heals where it can."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from ludus.app import disk
from ludus.app.home import Home

Usage = namedtuple("Usage", "total used free")


def ludus(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ludus.app.cli", "--home", str(home), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, env={**os.environ, **environment}, check=False
    )


def test_a_home_with_letters_beyond_ascii_works(tmp_path: Path, nats_binary: Path) -> None:
    home = tmp_path / "jürgen's höme"
    try:
        up = ludus(home, "up", NATS_SERVER=str(nats_binary))
        assert up.returncode == 0, up.stderr
        assert "nats://127.0.0.1" in up.stdout
    finally:
        assert ludus(home, "down").returncode == 0


def test_a_server_that_never_starts_is_named_before_a_run_exists(tmp_path: Path) -> None:
    server = tmp_path / "nats-server"
    server.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "nats-server: v2.15.0" && exit 0\nexit 3\n')
    server.chmod(0o755)
    home = tmp_path / "home"
    try:
        done = ludus(home, "train", "dogfight", "--preset", "quick", "--detach", NATS_SERVER=str(server))
        assert done.returncode == 1
        assert f"{server} ends at once: exit code 3" in done.stderr
        assert not list((home / "runs").glob("*"))
    finally:
        ludus(home, "down")


@pytest.mark.parametrize(("free", "full"), [(0, True), (disk.FULL_BYTES - 1, True), (disk.FULL_BYTES, False)])
def test_a_full_disk_is_looked_at_not_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, full: bool
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(free + 1, 1, free))
    assert bool(disk.disk_full(Home(tmp_path))) == full
    assert disk.disk_full(Home(tmp_path / "nowhere")) == ""
