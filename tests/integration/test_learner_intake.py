"""Rollouts that a learner must not learn from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ludus.api.v1.policy_pb2 import PolicyRef
from ludus.api.v1.rollout_pb2 import Rollout
from ludus.kernel.bus import StreamFull
from ludus.kernel.tensors import to_tensor
from ludus.kernel.topology import ROLLOUTS

from .learner_kit import OBS, SLABS, SLOTS, STEPS, Producer, Stack, learner_stack


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    async with learner_stack(tmp_path) as found:
        yield found


async def test_rollouts_that_must_not_be_learned_from_are_dropped_and_counted(stack: Stack) -> None:
    stack.configure(updates=400, learner__max_lag=2)
    learner = await stack.start()
    producer = Producer(stack.bus, "learning", 7)
    await stack.until("the first head", producer.follow)

    def bad(**changes: Any) -> Rollout:
        rollout = producer.slab()
        for name, value in changes.items():
            if isinstance(value, np.ndarray):
                getattr(rollout, name).CopyFrom(to_tensor(value))
            elif isinstance(value, PolicyRef):
                getattr(rollout, name).CopyFrom(value)
            else:
                setattr(rollout, name, value)
        return rollout

    observations = np.zeros((STEPS, SLOTS, OBS), np.float32)
    observations[3, 4, 5] = np.nan
    rewards = np.full((STEPS, SLOTS), np.inf, np.float32)
    stale_epoch = PolicyRef(agent="main", epoch=0, step=0)
    future = PolicyRef(agent="main", epoch=1, step=9)
    await stack.bus.publish(ROLLOUTS, b"\xff\xff nonsense", token="main", msg_id="nonsense")
    for rollout in (
        bad(run="another"),
        bad(rewards=np.zeros((STEPS, SLOTS + 1), np.float32)),
        bad(behaviour=future),
        bad(behaviour=stale_epoch),
        bad(observations=observations),
        bad(rewards=rewards),
    ):
        await _send(producer, rollout)
    reasons = {"invalid": 4, "epoch": 1, "not_finite": 2}
    await stack.until(
        "all of them to be counted",
        lambda: {reason: stack.metric(_dropped(reason)) for reason in reasons} == reasons,
    )
    assert stack.metric("nonfinite_total") == 2
    assert await stack.bus.waiting(ROLLOUTS) == 0, "nothing stays in the way"

    # three good windows advance the learner by three steps; a slab of step 0 is too old then, a used one a repetition
    old = producer.slab()
    for _ in range(3):
        used = producer.slab()
        for rollout in (used, producer.slab(), producer.slab(), producer.slab()):
            await _send(producer, rollout)
        step = producer.ref.step + 1
        await stack.until("an update", lambda step=step: stack.heartbeat.get("step") == step)
        await producer.follow()
    await _send(producer, old)
    await stack.until("the stale one", lambda: stack.metric(_dropped("stale")) == 1)
    await stack.bus.publish(ROLLOUTS, used.SerializeToString(), token="main", msg_id="again")
    await stack.until("the repetition", lambda: stack.metric(_dropped("duplicate")) == 1)
    assert stack.metric("rollouts_accepted_total") == 12

    # log-probabilities of another policy: training stops and says what is wrong
    for _ in range(SLABS):
        rollout = producer.slab()
        wrong = np.frombuffer(rollout.log_probs.data, np.float32).reshape(STEPS, SLOTS) - 0.3
        rollout.log_probs.CopyFrom(to_tensor(wrong))
        await _send(producer, rollout)
    error = await stack.exits(learner, 2)
    assert "the reference is wrong" in error
    assert "network.precision" in error


async def _send(producer: Producer, rollout: Rollout) -> None:
    while True:
        with suppress(StreamFull):
            return await producer.send(rollout)
        await asyncio.sleep(0.01)


def _dropped(reason: str) -> str:
    return f'rollouts_dropped_total{{reason="{reason}"}}'
