"""What the bus promises to those who share work: each message to one of them, again if it is not done."""

from __future__ import annotations

import asyncio
import time

import pytest

from ludus.kernel.bus import BusError
from ludus.kernel.topology import (
    CONSUMERS,
    ROLLOUTS,
    TICKETS,
    Consumer,
)

from .streams_kit import HASTY, TRAIN, Make, tickets


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


async def test_a_second_consumer_of_the_same_work_is_refused(bus: Make) -> None:
    b = await bus()
    await b.puller(TRAIN, "train")
    with pytest.raises(BusError):
        await b.puller(Consumer("thief", TICKETS, ack_wait_seconds=20, max_ack_pending=10), "train")
