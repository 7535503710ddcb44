"""A run's name: who takes that of an earlier run is told, and `ludus remove` frees it."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ludus.app.home import Home, read_json
from ludus.app.launch import program
from ludus.kernel.bus import Bus
from ludus.kernel.leavings import known, names_of

from .app_kit import home_in, ludus

SMALL = ("--preset", "quick", "--detach")


@pytest.fixture
def home(tmp_path: Path, nats_binary: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setenv("NATS_SERVER", str(nats_binary))
    with home_in(tmp_path) as made:
        yield made


def on_the_bus(home: Home, run: str) -> bool:
    async def look() -> bool:
        bus = await Bus.connect(read_json(home.stack_file)["nats_url"], run, "console", patience_seconds=5)
        try:
            return await known(bus)
        finally:
            await bus.close()

    return asyncio.run(look())


def test_a_name_whose_ledger_is_left_is_taken_until_it_is_removed(home: Home) -> None:
    ludus(home, "train", "dogfight", "--run", "duel", *SMALL)
    assert "end it first with ludus stop duel" in ludus(home, "remove", "duel", "--yes", code=1)
    ludus(home, "stop", "duel")
    shutil.rmtree(home.run("duel").path)
    assert on_the_bus(home, "duel")
    told = ludus(home, "train", "dogfight", "--run", "duel", *SMALL, code=2)
    assert "the bus still has the ledger" in told
    assert "ludus remove duel" in told
    assert not home.run("duel").path.exists()
    assert "say so with --yes" in ludus(home, "remove", "duel", code=2)
    assert f"{len(names_of('duel'))} streams" in ludus(home, "remove", "duel", "--yes")
    assert not on_the_bus(home, "duel")
    ludus(home, "train", "dogfight", "--run", "duel", *SMALL)
    # The command that stopped the first one is not this one's.
    assert json.loads(ludus(home, "status", "duel", "--json"))["run"]["state"] not in ("stopped", "failed")
    ludus(home, "stop", "duel")
    ludus(home, "remove", "duel", "--yes")
    assert not home.run("duel").path.exists()
    assert "unknown run 'duel'" in ludus(home, "remove", "duel", "--yes", code=2)


def test_only_a_run_can_be_removed(home: Home) -> None:
    (home.root / "nats").mkdir(parents=True)
    for name in ("..", "../nats", "/tmp", "", "duel/logs", "Duel"):
        assert "is not the name of a run" in ludus(home, "remove", name, "--yes", code=2)
    assert (home.root / "nats").is_dir()


def test_a_stack_of_other_code_is_named(home: Home) -> None:
    ludus(home, "up")
    stack = read_json(home.stack_file)
    assert stack["program"] == program()
    # As another checkout would see it: the supervisor writes its own again within a second.
    other = Path(sys.executable).parent / "python"
    script = (
        "import ludus.app.stack as stack; from ludus.app.home import Home; from pathlib import Path\n"
        "stack.program = lambda: 'Ludus 9.9.9 elsewhere'\n"
        f"stack.ensure_up(Home(Path({str(home.root)!r})))"
    )
    done = subprocess.run([str(other), "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode
    assert f"was started by {program()}, and this is Ludus 9.9.9 elsewhere: ludus down first" in done.stderr
