"""What a learner does about checkpoints that are damaged, foreign or old, and about a full disk."""

from __future__ import annotations

import resource
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ludus.api.v1.event_pb2 import Event
from ludus.kernel.topology import EVENTS
from ludus.learner.register import place_of

from .learner_kit import Stack, learner_stack


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    async with learner_stack(tmp_path) as found:
        yield found


async def test_bad_checkpoints_are_skipped_and_wrong_ones_refused(stack: Stack) -> None:
    stack.configure(updates=400)
    learner = await stack.start()
    stack.produce()
    await stack.until("three checkpoints", lambda: len(stack.checkpoints) >= 3)
    learner.terminate()
    await stack.exits(learner, 0)
    by_age = sorted(stack.checkpoints, key=lambda name: int(name.split("-")[1]))

    def damage(name: str) -> None:
        path = stack.folder / "checkpoints" / name / "weights.safetensors"
        data = bytearray(path.read_bytes())
        data[-5] ^= 4
        path.write_bytes(data)

    # one wrong bit in the newest: the one before it is taken, and the log says so
    damage(by_age[-1])
    learner = await stack.start("--resume")
    await stack.until("the older checkpoint", lambda: stack.rows[-1]["epoch"] == 2)
    assert next(row["step"] for row in stack.rows if row["epoch"] == 2) == int(by_age[-2].split("-")[1]) + 1
    assert f"checkpoints/{by_age[-1]}" in stack.log.read_text()
    learner.terminate()
    await stack.exits(learner, 0)

    # the list of checkpoints is that of the folder
    assert (await stack.register()).digests.keys() == set(stack.checkpoints)

    # another network
    stack.configure(updates=400, network__hidden=32)
    error = await stack.exits(await stack.start("--resume"), 2)
    assert "hidden: expected 32, found 64" in error
    assert "Set the configuration back" in error


@pytest.mark.slow
async def test_an_old_checkpoint_put_in_the_place_of_the_newest_is_refused(stack: Stack) -> None:
    stack.configure(updates=4000, learner__checkpoint_seconds=0.1)
    learner = await stack.start()
    stack.produce()
    await stack.until("a few checkpoints", lambda: len(stack.checkpoints) >= 3)
    folder, old = stack.folder / "checkpoints", max(stack.checkpoints, key=place_of)
    shutil.copytree(folder / old, stack.folder / "kept")
    await stack.until("it to be let go", lambda: old not in stack.checkpoints)
    learner.kill()
    await learner.wait()
    assert old not in (await stack.register()).digests

    # signed, of this run and agent, and yet not the newest: the one before is taken, and the events say so
    newest, second, *_ = sorted(stack.checkpoints, key=place_of, reverse=True)
    shutil.rmtree(folder / newest)
    shutil.copytree(stack.folder / "kept", folder / newest)
    shutil.copytree(stack.folder / "kept", folder / old)
    learner = await stack.start("--resume")
    await stack.until("the second life", lambda: stack.rows[-1]["epoch"] == 2)
    assert next(row["step"] for row in stack.rows if row["epoch"] == 2) == place_of(second)[1] + 1
    assert f"signed for learning main {old}, not for learning main {newest}" in stack.log.read_text()
    warning = await stack.bus.last(EVENTS, "warning")
    assert warning
    assert f"{second} takes its place" in Event.FromString(warning.data).message
    learner.kill()
    await learner.wait()

    # nothing but old ones, then nothing at all: no silent beginning, neither there nor at step 0
    shutil.rmtree(folder)
    folder.mkdir()
    shutil.copytree(stack.folder / "kept", folder / old)
    error = await stack.exits(await stack.start("--resume"), 2)
    assert "none of the 1 checkpoints" in error
    assert "not on its list" in error
    shutil.rmtree(folder / old)
    assert "is its volume mounted?" in await stack.exits(await stack.start("--resume"), 2)


async def test_a_full_disk_stops_with_one_clear_message_and_nothing_half_written(stack: Stack) -> None:
    stack.configure(updates=50_000)  # more than there is time for: it must not be done before its disk is full
    error = await stack.exits(await stack.start(limit_bytes=40_000), 2)
    assert "no room for a checkpoint" in error
    assert "Make room" in error
    assert list((stack.folder / "checkpoints").iterdir()) == []
    assert await stack.head() is None, "without a durable step 0 nothing is announced"

    learner = await stack.start()
    stack.produce()
    await stack.until("a checkpoint", lambda: len(stack.checkpoints) >= 2)
    resource.prlimit(learner.pid, resource.RLIMIT_FSIZE, (40_000, resource.RLIM_INFINITY))
    error = await stack.exits(learner, 2)
    assert "older checkpoints are untouched" in error
    assert [path for path in (stack.folder / "checkpoints").iterdir() if path.name.startswith(".")] == []
    assert len(stack.checkpoints) >= 2
