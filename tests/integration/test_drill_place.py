"""Whatever ends a drill, nothing of it is left: no server, no folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ludus.app.drill.place import PREFIX, clear_up, place, root
from ludus.kernel.nats_server import answers

LIVE = """
import time
from ludus.app.drill.place import place
with place() as (folder, url):
    print(folder, url, flush=True)
    time.sleep(60)
"""


class Tenant:
    """A process that lives in a place of its own."""

    def __init__(self) -> None:
        self._process = subprocess.Popen([sys.executable, "-c", LIVE], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        folder, url = self._process.stdout.readline().split()
        self.folder, self.port = Path(folder), int(url.rpartition(":")[2])

    def kill(self, number: int) -> int:
        self._process.send_signal(number)
        return self._process.wait(20)

    @property
    def server_answers(self) -> bool:
        return answers("127.0.0.1", self.port)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_that_can_be_caught_leaves_nothing(number: int) -> None:
    one = Tenant()
    assert one.server_answers
    assert one.kill(number) != 0
    assert not one.server_answers
    assert not one.folder.exists()


def test_the_next_one_clears_up_after_a_killed_one_and_leaves_the_living_alone() -> None:
    dead, living = Tenant(), Tenant()
    dead.kill(signal.SIGKILL)
    assert dead.folder.exists()
    assert dead.server_answers
    clear_up()
    assert not dead.folder.exists()
    assert not dead.server_answers
    assert living.folder.exists()
    assert living.server_answers
    living.kill(signal.SIGTERM)


def test_a_folder_without_a_lock_is_somebody_who_moves_in() -> None:
    folder = root() / f"{PREFIX}test-{os.getpid()}"
    folder.mkdir()
    try:
        clear_up()
        assert folder.exists()
    finally:
        folder.rmdir()


def test_it_puts_the_handlers_of_signals_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]
    with place() as (folder, _):
        assert signal.getsignal(signal.SIGTERM) is not before[0]
        assert folder.exists()
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)] == before
    assert not folder.exists()
