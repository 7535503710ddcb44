"""Streams and consumers are as the table declares them, whoever made them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ludus.kernel import jetstream
from ludus.kernel.bus import Unsupported
from ludus.kernel.topology import (
    CONSUMERS,
    EVENTS,
    RESULTS,
    ROLLOUTS,
    STREAMS,
)

from .streams_kit import TRAIN, Make


@pytest.mark.parametrize("stream", STREAMS, ids=lambda s: s.name)
async def test_the_server_keeps_every_declared_setting(bus: Make, stream: Any) -> None:
    b = await bus(rollout_depth=7)
    info = await jetstream.call(b.link, f"STREAM.INFO.{stream.stream_name(b.run)}")
    asked = jetstream.stream_config(stream, b.run, 7 if stream is ROLLOUTS else None)
    assert jetstream.differences(asked, info["config"]) == []
    assert info["config"]["max_msgs"] == (7 if stream is ROLLOUTS else stream.max_messages)


async def test_four_services_may_declare_at_the_same_moment(bus: Make) -> None:
    buses = [await bus(f"s{i}", declare=False) for i in range(4)]
    await asyncio.gather(*(b.declare(rollout_depth=3) for b in buses))
    assert [await b.room(ROLLOUTS) for b in buses] == [3] * 4


async def test_the_depth_of_the_buffer_follows_the_configuration(bus: Make) -> None:
    b = await bus(rollout_depth=3)
    await b.publish(ROLLOUTS, b"slab", token="main", msg_id="s")
    await b.declare(rollout_depth=5)
    assert await b.room(ROLLOUTS) == 4
    await (await bus("other", declare=False)).declare()
    assert await b.room(ROLLOUTS) == 4, "without a depth an existing stream is left alone"


async def test_a_bus_that_knows_no_depth_never_makes_the_buffer_unbounded(bus: Make) -> None:
    b = await bus(declare=False)
    await b.declare()
    assert await b.room(ROLLOUTS) == ROLLOUTS.max_messages > 0


async def test_a_stream_made_by_something_else_is_refused_with_its_differences(bus: Make) -> None:
    b = await bus(declare=False)
    asked = jetstream.stream_config(RESULTS, b.run) | {"storage": "memory", "retention": "workqueue"}
    await jetstream.call(b.link, f"STREAM.CREATE.{asked['name']}", asked)
    with pytest.raises(Unsupported, match=f"stream RESULTS_{b.run}"):
        await b.declare(rollout_depth=4)


def test_a_setting_the_server_dropped_is_found() -> None:
    asked = {"name": "X", "allow_msg_ttl": True, "max_age": 0, "deny_delete": False}
    assert jetstream.differences(asked, {"name": "X", "max_age": 0}) == [
        "allow_msg_ttl: asked for True, the server has None"
    ]
    assert jetstream.differences(asked, asked) == []


async def test_consumers_of_the_table_are_kept_as_declared(bus: Make) -> None:
    b = await bus()
    for consumer, token in ((CONSUMERS["learner"], "main"), (TRAIN, "train"), (CONSUMERS["evaluator"], "evaluate")):
        await b.puller(consumer, token)
        name = f"{consumer.name}-{token}"
        info = await jetstream.call(b.link, f"CONSUMER.INFO.{consumer.stream.stream_name(b.run)}.{name}")
        assert jetstream.differences(jetstream.consumer_config(consumer, b.run, token), info["config"]) == []


@pytest.mark.parametrize("token", ["two words", "a.*", ">", ".a", "a..b", "a\r\nPUB x 0"])
async def test_what_cannot_stand_in_a_subject_is_refused(bus: Make, token: str) -> None:
    b = await bus()
    with pytest.raises(ValueError, match="cannot stand in a subject"):
        await b.publish(EVENTS, b"x", token=token, msg_id="x")
    with pytest.raises(ValueError, match="cannot be a key"):
        await (await b.bucket("RUN")).put(token, b"x")
