"""What the bus promises about streams, on a real nats-server."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from ludus.kernel import jetstream
from ludus.kernel.bus import Bus, BusError, StreamFull
from ludus.kernel.topology import (
    BLOBS,
    CONSUMERS,
    EVENTS,
    HEALTH,
    MAX_PAYLOAD_BYTES,
    RESULTS,
    ROLLOUTS,
    TICKETS,
)

from .streams_kit import TRAIN, Make, publish_many, tickets


async def test_publish_numbers_messages_without_gaps(bus: Make) -> None:
    assert await publish_many(await bus(), 5) == [1, 2, 3, 4, 5]


async def test_the_same_id_is_stored_once_and_answers_with_the_first_sequence(bus: Make) -> None:
    b = await bus()
    first = await b.publish(RESULTS, b"one", msg_id="match-7")
    assert await b.publish(RESULTS, b"another text", msg_id="match-7") == first
    records = await b.read(RESULTS, 1, 10, 0.2)
    assert [(r.sequence, r.data) for r in records] == [(first, b"one")]


async def test_a_full_stream_refuses_at_once_and_takes_the_same_id_once_there_is_room(bus: Make) -> None:
    b = await bus(rollout_depth=2)
    for i in range(2):
        await b.publish(ROLLOUTS, b"slab", token="main", msg_id=f"s{i}")
    assert await b.room(ROLLOUTS) == 0
    started = time.monotonic()
    with pytest.raises(StreamFull, match="full"):
        await b.publish(ROLLOUTS, b"late slab", token="main", msg_id="s2")
    assert time.monotonic() - started < 1.0
    puller = await b.puller(CONSUMERS["learner"], "main")
    (first,) = await puller.fetch(1, 2.0)
    assert await b.room(ROLLOUTS) == 0, "delivered but not acknowledged still takes room"
    await first.ack_sync()
    assert await b.room(ROLLOUTS) == 1
    await b.publish(ROLLOUTS, b"late slab", token="main", msg_id="s2")
    assert [d.data for d in await puller.fetch(5, 1.0)] == [b"slab", b"late slab"]


async def test_waiting_counts_per_token(bus: Make) -> None:
    b = await bus()
    await tickets(b, 3, "train")
    await tickets(b, 2, "evaluate")
    assert await b.waiting(TICKETS) == 5
    assert await b.waiting(TICKETS, "train") == 3
    assert await b.waiting(TICKETS, "nobody") == 0
    assert await b.room(TICKETS) > 1_000_000


async def test_read_returns_records_in_order_from_a_sequence(bus: Make) -> None:
    b = await bus()
    await publish_many(b, 30)
    first = await b.read(RESULTS, 1, 12, 0.5)
    rest = await b.read(RESULTS, first[-1].sequence + 1, 100, 0.5)
    assert [r.sequence for r in first + rest] == list(range(1, 31))
    assert [r.data for r in first + rest] == [f"r{i}".encode() for i in range(30)]
    assert first[0].subject == RESULTS.subject_for(b.run)
    assert [r.sequence for r in await b.read(RESULTS, 0, 2, 0.5)] == [1, 2]


async def test_read_waits_for_the_next_record_and_not_longer(bus: Make) -> None:
    b, writer = await bus(), await bus("other")
    await publish_many(b, 3)
    started = time.monotonic()
    assert await b.read(RESULTS, 4, 10, 0.4) == []
    assert 0.35 < time.monotonic() - started < 1.0
    reading = asyncio.create_task(b.read(RESULTS, 4, 10, 10.0))
    await asyncio.sleep(0.3)
    published = time.monotonic()
    await publish_many(writer, 1, first=3)
    (record,) = await reading
    assert record.sequence == 4
    assert time.monotonic() - published < 0.2


async def test_read_filters_by_token(bus: Make) -> None:
    b = await bus()
    for kind in ("phase", "death", "phase", "snapshot"):
        await b.publish(EVENTS, kind.encode(), token=kind, msg_id=f"{kind}{time.monotonic_ns()}")
    assert [r.sequence for r in await b.read(EVENTS, 1, 10, 0.3, token="phase")] == [1, 3]
    assert [r.data for r in await b.read(EVENTS, 2, 10, 0.3)] == [b"death", b"phase", b"snapshot"]


async def test_read_is_cheap_when_called_often(bus: Make) -> None:
    b = await bus()
    await publish_many(b, 1)
    await b.read(RESULTS, 2, 10, 0.0)
    started = time.process_time()
    for _ in range(100):
        assert await b.read(RESULTS, 2, 10, 0.0) == []
    assert (time.process_time() - started) / 100 < 0.005


async def test_last_is_the_newest_of_a_token(bus: Make) -> None:
    b = await bus()
    assert await b.last(HEALTH, "main") is None
    for i in range(3):
        await b.publish(HEALTH, f"main{i}".encode(), token="main", msg_id=f"m{i}")
    await b.publish(HEALTH, b"other", token="other", msg_id="o")
    record = await b.last(HEALTH, "main")
    assert record is not None
    assert (record.sequence, record.data) == (3, b"main2")


async def test_runs_do_not_see_each_other(bus: Make) -> None:
    b = await bus()
    other = await Bus.connect(b.link.url, b.run + "-2", "test")
    await other.declare(rollout_depth=1)
    await publish_many(b, 2)
    assert await other.read(RESULTS, 1, 10, 0.1) == []
    assert await other.publish(RESULTS, b"x", msg_id="r0") == 1
    await other.close()


async def test_the_ledger_cannot_be_purged_or_cut(bus: Make) -> None:
    b = await bus()
    await publish_many(b, 2)
    name = RESULTS.stream_name(b.run)
    for request, body in ((f"STREAM.PURGE.{name}", {}), (f"STREAM.MSG.DELETE.{name}", {"seq": 1})):
        with pytest.raises(jetstream.ApiError):
            await jetstream.call(b.link, request, body)
    assert len(await b.read(RESULTS, 1, 10, 0.2)) == 2


async def test_purge_empties_one_token(bus: Make) -> None:
    b = await bus()
    await tickets(b, 3, "train")
    await tickets(b, 2, "evaluate")
    puller = await b.puller(TRAIN, "train")
    await puller.fetch(1, 1.0)
    assert await b.purge(TICKETS, "train") == 3
    assert (await b.waiting(TICKETS, "train"), await b.waiting(TICKETS, "evaluate")) == (0, 2)
    with pytest.raises(BusError):
        await b.purge(RESULTS, "")


async def test_a_message_too_large_for_the_server_is_refused_with_advice(bus: Make) -> None:
    b = await bus()
    with pytest.raises(BusError, match="max_payload"):
        await b.publish(BLOBS, bytes(MAX_PAYLOAD_BYTES + 1), token="x", msg_id="x")
    assert await b.publish(RESULTS, b"still works", msg_id="y") == 1


async def test_eight_megabyte_messages_flow(bus: Make) -> None:
    b = await bus(rollout_depth=6)
    puller = await b.puller(CONSUMERS["learner"], "main")
    data = bytes(range(256)) * (MAX_PAYLOAD_BYTES // 256 - 4)
    for i in range(6):
        await b.publish(ROLLOUTS, data, token="main", msg_id=f"s{i}")
    seen = []
    while len(seen) < 6:
        got = await puller.fetch(6, 2.0)
        assert got, "the flow stopped"
        assert all(d.data == data for d in got)
        seen += [d.sequence for d in got]
        for delivery in got:
            await delivery.ack()
    assert seen == [1, 2, 3, 4, 5, 6]


async def test_events_keep_their_json(bus: Make) -> None:
    b = await bus()
    await b.publish(EVENTS, json.dumps({"a": 1}).encode(), token="note", msg_id="n")
    record = await b.last(EVENTS, "note")
    assert record is not None
    assert json.loads(record.data) == {"a": 1}
