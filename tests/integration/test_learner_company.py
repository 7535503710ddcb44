"""Several processes that train one agent live and die together."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from .learner_kit import Stack, learner_stack


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    async with learner_stack(tmp_path) as found:
        yield found


@pytest.mark.slow
async def test_ranks_live_and_die_together(stack: Stack) -> None:
    stack.configure(updates=2000, learner__ranks=2)
    learner = await stack.start()
    stack.produce()
    await stack.until("a few updates", lambda: stack.heartbeat.get("durable_step", 0) >= 5)
    assert _second_rank(stack)["state"] == "ready"

    # without one of them there is no learner, and it says why
    os.kill(_second_rank(stack)["pid"], signal.SIGKILL)
    assert "another rank has ended" in await stack.exits(learner, 1)
    durable = max(int(name.split("-")[1]) for name in stack.checkpoints)
    first_life = len(stack.rows)
    learner = await stack.start("--resume")
    await stack.until("the second life", lambda: len(stack.rows) > first_life + 5)
    assert next(row["step"] for row in stack.rows if row["epoch"] == 2) == durable + 1

    # nobody is left behind when rank 0 dies
    assistant = _second_rank(stack)["pid"]
    learner.kill()
    await learner.wait()
    await stack.until("the end of the other rank", lambda: not psutil.pid_exists(assistant))

    # an orderly stop ends both, with a checkpoint
    learner = await stack.start("--resume")
    await stack.until("the third life", lambda: stack.rows[-1]["epoch"] == 3)
    assistant = _second_rank(stack)["pid"]
    learner.terminate()
    await stack.exits(learner, 0)
    assert not psutil.pid_exists(assistant)
    assert _second_rank(stack)["exit_code"] == 0
    assert f"3-{stack.rows[-1]['step']}" in stack.checkpoints


def _second_rank(stack: Stack) -> dict[str, Any]:
    return dict(json.loads((stack.folder / "services" / "learner-1.json").read_text()))
