"""What the bus promises about streams, on a real nats-server."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from typing import Any

import pytest

from ludus.kernel import jetstream
from ludus.kernel.bus import Bus, BusError, StreamFull, Unsupported
from ludus.kernel.topology import (
    BLOBS,
    CONSUMERS,
    EVENTS,
    HEALTH,
    MAX_PAYLOAD_BYTES,
    RESULTS,
    ROLLOUTS,
    STREAMS,
    TICKETS,
    Consumer,
)

Make = Any
TRAIN = CONSUMERS["simulator"]
#: Redelivers after one second instead of twenty.
HASTY = replace(TRAIN, name="hasty", ack_wait_seconds=1.0)


async def publish_many(bus: Bus, count: int, first: int = 0) -> list[int]:
    return [await bus.publish(RESULTS, f"r{i}".encode(), msg_id=f"r{i}") for i in range(first, first + count)]


async def tickets(bus: Bus, count: int, token: str = "train") -> None:
    for i in range(count):
        await bus.publish(TICKETS, f"{token}{i}".encode(), token=token, msg_id=f"{token}{i}")


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


async def test_each_token_has_its_own_queue(bus: Make) -> None:
    b = await bus()
    await tickets(b, 2, "train")
    await tickets(b, 2, "evaluate")
    train = await b.puller(CONSUMERS["simulator"], "train")
    evaluate = await b.puller(CONSUMERS["evaluator"], "evaluate")
    assert [d.data for d in await train.fetch(10, 0.5)] == [b"train0", b"train1"]
    assert [d.data for d in await evaluate.fetch(10, 0.5)] == [b"evaluate0", b"evaluate1"]


async def test_fetch_takes_what_is_there_and_waits_only_for_the_first(bus: Make) -> None:
    b = await bus()
    puller = await b.puller(TRAIN, "train")
    started = time.monotonic()
    assert await puller.fetch(4, 0.3) == []
    assert 0.25 < time.monotonic() - started < 1.0
    await tickets(b, 2)
    started = time.monotonic()
    assert len(await puller.fetch(4, 5.0)) == 2
    assert time.monotonic() - started < 1.0
    waiting = asyncio.create_task(puller.fetch(4, 5.0))
    await asyncio.sleep(0.2)
    published = time.monotonic()
    await b.publish(TICKETS, b"x", token="train", msg_id="x")
    assert [d.data for d in await waiting] == [b"x"]
    assert time.monotonic() - published < 0.5


async def test_fetch_never_returns_more_than_asked_and_keeps_the_rest(bus: Make) -> None:
    b = await bus()
    await tickets(b, 5)
    puller = await b.puller(TRAIN, "train", max_messages=2)
    seen = [len(await puller.fetch(4, 0.3)) for _ in range(3)]
    assert seen == [2, 2, 1]


async def test_two_pullers_share_the_work(bus: Make) -> None:
    one, two = await bus("simulator-0"), await bus("simulator-1")
    await tickets(one, 10)
    first = await one.puller(TRAIN, "train")
    second = await two.puller(TRAIN, "train")
    taken = [d.data for d in await first.fetch(5, 1.0)] + [d.data for d in await second.fetch(5, 1.0)]
    assert sorted(taken) == sorted(f"train{i}".encode() for i in range(10))


async def test_an_abandoned_fetch_loses_nothing(bus: Make) -> None:
    b = await bus()
    puller = await b.puller(TRAIN, "train")
    seen: list[bytes] = []
    for i in range(5):
        fetching = asyncio.create_task(puller.fetch(1, 5.0))
        await asyncio.sleep(0.05)
        if fetching.done():
            seen += [d.data for d in fetching.result()]
        else:
            fetching.cancel()
            await asyncio.gather(fetching, return_exceptions=True)
        await b.publish(TICKETS, f"{i}".encode(), token="train", msg_id=f"{i}")
    while len(seen) < 5:
        got = await puller.fetch(5, 1.0)
        assert got, f"only {seen} came within the ack wait of {TRAIN.ack_wait_seconds} s"
        seen += [d.data for d in got]
    assert sorted(seen) == [b"0", b"1", b"2", b"3", b"4"]


async def test_ack_nak_term_and_silence(bus: Make) -> None:
    b = await bus()
    await tickets(b, 4)
    puller = await b.puller(HASTY, "train")
    done, refused, poison, forgotten = await puller.fetch(4, 1.0)
    assert {d.deliveries for d in (done, refused, poison, forgotten)} == {1}
    await done.ack()
    await refused.nak(delay_seconds=0.2)
    await poison.term()
    again = [d for _ in range(4) for d in await puller.fetch(4, 0.5)]
    assert [(d.data, d.sequence) for d in again[:2]] == [
        (refused.data, refused.sequence),
        (forgotten.data, forgotten.sequence),
    ]
    assert all(d.deliveries >= 2 for d in again)
    assert {d.data for d in again} == {refused.data, forgotten.data}


async def test_nak_waits_for_its_delay(bus: Make) -> None:
    b = await bus()
    await tickets(b, 1)
    puller = await b.puller(TRAIN, "train")
    (delivery,) = await puller.fetch(1, 1.0)
    started = time.monotonic()
    await delivery.nak(delay_seconds=0.6)
    assert await puller.fetch(1, 0.3) == []
    (again,) = await puller.fetch(1, 3.0)
    assert time.monotonic() - started >= 0.55
    assert again.deliveries == 2


async def test_in_progress_keeps_a_message(bus: Make) -> None:
    b = await bus()
    await tickets(b, 1)
    puller = await b.puller(HASTY, "train")
    (delivery,) = await puller.fetch(1, 1.0)
    for _ in range(4):
        await delivery.in_progress()
        assert await puller.fetch(1, 0.4) == []
    await delivery.ack_sync()
    assert await b.waiting(TICKETS, "train") == 0


async def test_acknowledged_work_leaves_the_queue(bus: Make) -> None:
    b = await bus()
    await tickets(b, 3)
    puller = await b.puller(TRAIN, "train")
    for delivery in await puller.fetch(3, 1.0):
        await delivery.ack_sync()
    assert await b.waiting(TICKETS) == 0


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


async def test_undelivered_counts_what_no_worker_has_taken(bus: Make) -> None:
    b = await bus()
    await tickets(b, 5)
    assert await b.undelivered(TRAIN, "train") == 5, "before there is a consumer"
    puller = await b.puller(TRAIN, "train")
    taken = await puller.fetch(2, 1.0)
    assert await b.undelivered(TRAIN, "train") == 3
    assert await b.waiting(TICKETS, "train") == 5
    for delivery in taken:
        await delivery.ack_sync()
    assert (await b.undelivered(TRAIN, "train"), await b.waiting(TICKETS, "train")) == (3, 3)


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


async def test_a_fetch_limited_in_bytes_still_delivers_larger_messages(bus: Make) -> None:
    b = await bus(rollout_depth=4)
    puller = await b.puller(CONSUMERS["learner"], "main", max_bytes=1000)
    for i, size in enumerate((600, 600, 5000)):
        await b.publish(ROLLOUTS, bytes(size), token="main", msg_id=f"s{i}")
    sizes: list[int] = []
    deadline = time.monotonic() + 5
    while len(sizes) < 3 and time.monotonic() < deadline:
        for delivery in await puller.fetch(4, 0.5):
            sizes.append(len(delivery.data))
            await delivery.ack()
    assert sizes == [600, 600, 5000]


async def test_consumers_of_the_table_are_kept_as_declared(bus: Make) -> None:
    b = await bus()
    for consumer, token in ((CONSUMERS["learner"], "main"), (TRAIN, "train"), (CONSUMERS["evaluator"], "evaluate")):
        await b.puller(consumer, token)
        name = f"{consumer.name}-{token}"
        info = await jetstream.call(b.link, f"CONSUMER.INFO.{consumer.stream.stream_name(b.run)}.{name}")
        assert jetstream.differences(jetstream.consumer_config(consumer, b.run, token), info["config"]) == []


async def test_a_second_consumer_of_the_same_work_is_refused(bus: Make) -> None:
    b = await bus()
    await b.puller(TRAIN, "train")
    with pytest.raises(BusError):
        await b.puller(Consumer("thief", TICKETS, ack_wait_seconds=20, max_ack_pending=10), "train")


@pytest.mark.parametrize("token", ["two words", "a.*", ">", ".a", "a..b", "a\r\nPUB x 0"])
async def test_what_cannot_stand_in_a_subject_is_refused(bus: Make, token: str) -> None:
    b = await bus()
    with pytest.raises(ValueError, match="cannot stand in a subject"):
        await b.publish(EVENTS, b"x", token=token, msg_id="x")
    with pytest.raises(ValueError, match="cannot be a key"):
        await (await b.bucket("RUN")).put(token, b"x")


async def test_events_keep_their_json(bus: Make) -> None:
    b = await bus()
    await b.publish(EVENTS, json.dumps({"a": 1}).encode(), token="note", msg_id="n")
    record = await b.last(EVENTS, "note")
    assert record is not None
    assert json.loads(record.data) == {"a": 1}
