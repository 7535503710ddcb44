"""The learner as a real process: it learns, pauses, is replaced, and saves itself when it is asked to."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from ludus.api.v1 import run_pb2 as run
from ludus.api.v1.health_pb2 import LearnerHealth
from ludus.kernel.blobs import get_blob
from ludus.kernel.topology import POLICIES_BUCKET, RUN_BUCKET

from .learner_kit import Stack, learner_stack


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    async with learner_stack(tmp_path) as found:
        yield found


async def test_it_learns_from_rollouts_and_finishes(stack: Stack) -> None:
    config = stack.configure(updates=60)
    learner = await stack.start()
    stack.produce()
    health = await stack.until("the end", lambda: _finished(stack))
    rows = stack.rows
    assert [row["step"] for row in rows] == list(range(1, 61))
    early, late = (np.mean([row["reward_mean"] for row in part]) for part in (rows[:6], rows[-6:]))
    assert late > early + 0.3
    assert np.mean([row["lag_mean"] for row in rows]) <= 1.1, "the buffer's depth bounds the lag"
    assert max(row["lag_max"] for row in rows) <= 2
    assert max(row["ratio_error_max"] for row in rows) < 1e-2
    assert all(0 <= row["kl"] < 0.5 for row in rows)

    head = await stack.head()
    assert head is not None
    assert head.policy == health.policy
    assert (head.policy.step, head.decisions, health.checkpoint_step) == (60, config.decisions, 60)
    final = (stack.folder / "weights" / "final.safetensors").read_bytes()
    assert final == await get_blob(stack.bus, head.policy.sha256)
    manifest = json.loads((stack.folder / "weights" / "final.json").read_text())
    assert (manifest["sha256"], manifest["step"]) == (head.policy.sha256, 60)
    assert {"1-0", "1-60"} < set(stack.checkpoints)
    assert len(stack.checkpoints) <= config.learner.checkpoints_kept + 1

    assert stack.scrape("readyz")
    assert stack.metric("step") == 60
    assert stack.metric("updates_total") == 60
    assert stack.metric('update_part_seconds{part="optimise"}') > 0
    assert stack.metric('kl_component{component="shoot"}') >= 0
    assert health.metrics["elapsed_seconds"] > 0

    # a learner that dies after its work is done does not make a new version of the final one
    learner.kill()
    await learner.wait()
    learner = await stack.start()
    await stack.until("the finished learner", lambda: stack.heartbeat.get("state") == "ready")
    assert await stack.head() == head
    assert (await stack.health()).finished
    await stack.say(run.RUN_STATE_FINISHED)
    await stack.exits(learner, 0)


async def _finished(stack: Stack) -> LearnerHealth | None:
    health = await stack.health()
    return health if health.finished else None


async def test_kill_9_goes_on_from_the_newest_checkpoint_in_a_new_epoch(stack: Stack) -> None:
    stack.configure(updates=150)
    learner = await stack.start()
    stack.produce()
    await stack.until("a few updates", lambda: stack.heartbeat.get("durable_step", 0) >= 5)
    learner.kill()
    await learner.wait()
    durable = max(int(name.split("-")[1]) for name in stack.checkpoints)
    second = await stack.start("--resume")
    await stack.until("the second life", lambda: stack.rows[-1]["epoch"] == 2 and len(stack.rows) > 5)
    assert next(row["step"] for row in stack.rows if row["epoch"] == 2) == durable + 1
    keys = await (await stack.bus.bucket(POLICIES_BUCKET)).keys()
    assert [key for key in keys if key.endswith(".0")] == ["main.1.0"], "step 0 stays the one of the first epoch"

    # nats-server dies as well: the memory stream of the rollouts is lost with everything in it, training is not
    stack.server.kill9()
    stack.server.start()
    seen = stack.rows[-1]["step"]
    await stack.until("updates after the bus came back", lambda: stack.rows[-1]["step"] > seen + 5)

    # a stop is a clean one: the step it was at is durable
    second.terminate()
    await stack.exits(second, 0)
    assert f"2-{stack.rows[-1]['step']}" in stack.checkpoints


async def test_pause_and_fencing(stack: Stack) -> None:
    stack.configure(updates=2000)
    first = await stack.start()
    stack.produce()
    await stack.until("training", lambda: len(stack.rows) >= 3)

    await stack.say(run.RUN_STATE_PAUSED)
    await asyncio.sleep(1.5)
    rows = len(stack.rows)
    await asyncio.sleep(1.0)
    assert len(stack.rows) == rows, "a paused run makes no updates"
    await stack.say(run.RUN_STATE_TRAINING)
    await stack.until("training again", lambda: len(stack.rows) > rows)

    # stopped and thawed, the first learner finds that a second one has taken over, and writes no more
    os.kill(first.pid, signal.SIGSTOP)
    second = await stack.start("--resume")
    await stack.until("the second learner", lambda: stack.rows[-1]["epoch"] == 2)
    os.kill(first.pid, signal.SIGCONT)
    async with asyncio.timeout(40):
        assert await first.wait() == 2
    assert "another learner has taken over" in stack.log.read_text()
    head = await stack.head()
    assert head is not None
    assert head.policy.epoch == 2
    await stack.say(run.RUN_STATE_STOPPED)
    await stack.exits(second, 0)


async def test_a_checkpoint_is_written_at_the_update_for_which_the_league_asks(stack: Stack) -> None:
    stack.configure(updates=2000, learner__checkpoint_seconds=1000.0)
    learner = await stack.start()
    stack.produce()
    await stack.until("training", lambda: len(stack.rows) >= 3)
    assert stack.checkpoints == ["1-0"]
    wanted = len(stack.rows) + 1
    record = run.RunRecord(state=run.RUN_STATE_TRAINING, checkpoint_step=wanted)
    await (await stack.bus.bucket(RUN_BUCKET)).put("state", record.SerializeToString())
    await stack.until("the checkpoint", lambda: len(stack.checkpoints) > 1)
    await stack.until("more updates", lambda: len(stack.rows) > wanted + 30)
    start, asked = stack.checkpoints
    assert (start, int(asked.split("-")[1]) >= wanted) == ("1-0", True)
    learner.kill()
