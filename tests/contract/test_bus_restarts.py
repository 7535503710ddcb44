"""nats-server is killed, paused and cut off while the bus works. Nothing acknowledged may be lost or doubled."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from dataclasses import replace
from typing import Any

import psutil
import pytest

from ludus.kernel.bus import Bus, BusError, Conflict, Record
from ludus.kernel.nats_server import NatsServer
from ludus.kernel.topology import CONSUMERS, RESULTS, ROLLOUTS, RUN_BUCKET, TICKETS

Make = Any
TRAIN = CONSUMERS["simulator"]
HASTY = replace(TRAIN, name="hasty", ack_wait_seconds=2.0)

#: nats-server writes what a consumer has delivered to disk about ten times per second.
CONSUMER_FLUSH_SECONDS = 0.5


async def kill_and_restart(server: NatsServer, times: int, seed: int = 0) -> None:
    """kill -9 at random moments, with a pause before the server is back."""
    chance = random.Random(seed)
    for _ in range(times):
        await asyncio.sleep(chance.uniform(0.1, 0.4))
        await asyncio.to_thread(server.kill9)
        await asyncio.sleep(chance.uniform(0.0, 0.3))
        await asyncio.to_thread(server.start)


async def read_all(bus: Bus, count: int) -> list[Record]:
    found: list[Record] = []
    while len(found) < count:
        more = await bus.read(RESULTS, found[-1].sequence + 1 if found else 1, 1000, 3.0)
        assert more, f"only {len(found)} of {count} records"
        found += more
    return found


@pytest.mark.parametrize("kills", [6, pytest.param(60, marks=pytest.mark.slow)])
async def test_results_published_through_kills_are_in_the_ledger_once(
    bus: Make, nats_server: NatsServer, kills: int
) -> None:
    writers = [await bus(f"simulator-{i}") for i in range(3)]
    reader = await bus("league")
    acknowledged: dict[str, int] = {}
    stop, written = asyncio.Event(), asyncio.Event()

    async def write(name: str, b: Bus) -> None:
        number = 0
        while not stop.is_set():
            key = f"{name}.{number}"
            acknowledged[key] = await b.publish(RESULTS, key.encode(), msg_id=key)
            number += 1
            await asyncio.sleep(0.001)

    async def follow() -> list[Record]:
        seen: list[Record] = []
        while not written.is_set() or len(seen) < len(acknowledged):
            seen += await reader.read(RESULTS, seen[-1].sequence + 1 if seen else 1, 500, 0.2)
        return seen

    writing = [asyncio.create_task(write(f"w{i}", b)) for i, b in enumerate(writers)]
    following = asyncio.create_task(follow())
    await kill_and_restart(nats_server, times=kills, seed=kills)
    await asyncio.sleep(0.3)
    stop.set()
    await asyncio.gather(*writing)
    written.set()
    seen = await asyncio.wait_for(following, 15)
    assert len(acknowledged) > 100
    assert all(b.link.generation > kills // 2 for b in writers), "the kills were noticed"
    assert [r.sequence for r in seen] == list(range(1, len(seen) + 1)), "in order, without gaps"
    assert {r.data.decode(): r.sequence for r in seen} == acknowledged, "each once, where its acknowledgement said"
    assert len(seen) == len(acknowledged)


async def test_a_publish_whose_answer_is_lost_is_stored_once(bus: Make, lossy_proxy: Any) -> None:
    b = await bus(url=lossy_proxy.url)
    lossy_proxy.lose_reply_to("match-1")
    sequence = await b.publish(RESULTS, b"result", msg_id="match-1")
    assert lossy_proxy.cuts == 1
    assert b.link.generation == 2
    assert [(r.sequence, r.data) for r in await b.read(RESULTS, 1, 10, 0.5)] == [(sequence, b"result")]


async def test_an_update_whose_answer_is_lost_is_not_a_conflict(bus: Make, lossy_proxy: Any) -> None:
    b = await bus(url=lossy_proxy.url)
    bucket = await b.bucket(RUN_BUCKET)
    revision = await bucket.create("ledger", b"0")
    lossy_proxy.lose_reply_to("position one")
    newer = await bucket.update("ledger", b"position one", revision)
    assert lossy_proxy.cuts == 1
    entry = await bucket.get("ledger")
    assert entry is not None
    assert (entry.value, entry.revision) == (b"position one", newer)
    with pytest.raises(Conflict):
        await bucket.update("ledger", b"position one", revision)


async def test_compare_and_set_counts_right_through_kills(bus: Make, nats_server: NatsServer) -> None:
    buses = [await bus(f"league-{i}") for i in range(2)]
    await (await buses[0].bucket(RUN_BUCKET)).create("counter", b"0")
    successes, conflicts = [0, 0], [0, 0]
    stop = asyncio.Event()

    async def count(index: int) -> None:
        bucket = await buses[index].bucket(RUN_BUCKET)
        while not stop.is_set():
            entry = await bucket.get("counter")
            assert entry is not None
            try:
                await bucket.update("counter", str(int(entry.value) + 1).encode(), entry.revision)
                successes[index] += 1
            except Conflict:
                conflicts[index] += 1

    counting = [asyncio.create_task(count(i)) for i in range(2)]
    await kill_and_restart(nats_server, times=4, seed=1)
    stop.set()
    await asyncio.gather(*counting)
    entry = await (await buses[0].bucket(RUN_BUCKET)).get("counter")
    assert entry is not None
    assert int(entry.value) == sum(successes)
    assert min(successes) > 0
    assert sum(conflicts) > 0, "the two did race"


async def test_every_ticket_is_worked_on_through_kills(bus: Make, nats_server: NatsServer) -> None:
    league, worker = await bus("league"), await bus("simulator-0")
    puller = await worker.puller(HASTY, "train")
    done: dict[bytes, int] = {}
    issued: list[bytes] = []
    stop = asyncio.Event()

    async def issue() -> None:
        while not stop.is_set():
            ticket = f"t{len(issued)}".encode()
            await league.publish(TICKETS, ticket, token="train", msg_id=ticket.decode())
            issued.append(ticket)
            await asyncio.sleep(0.005)

    async def work() -> None:
        while not issuing.done() or len(done) < len(issued):
            for delivery in await puller.fetch(8, 0.3):
                done[delivery.data] = done.get(delivery.data, 0) + 1
                await delivery.ack()

    issuing = asyncio.create_task(issue())
    working = asyncio.create_task(work())
    await kill_and_restart(nats_server, times=4, seed=2)
    stop.set()
    await issuing
    await asyncio.wait_for(working, 20)
    assert set(done) == set(issued)
    assert len(issued) > 50
    doubled = sum(count - 1 for count in done.values())
    assert doubled < len(issued) / 2, "only what was delivered or acknowledged just before a kill comes again"
    assert await league.waiting(TICKETS, "train") == 0 or await _drained(league)


async def _drained(bus: Bus) -> bool:
    """Acknowledgements in flight at the last kill are lost; those tickets come again and are acknowledged then."""
    puller = await bus.puller(HASTY, "train")
    deadline = time.monotonic() + 10
    while await bus.waiting(TICKETS, "train"):
        for delivery in await puller.fetch(8, 0.5):
            await delivery.ack_sync()
        assert time.monotonic() < deadline
    return True


async def test_a_forgotten_memory_stream_comes_back_for_everybody(bus: Make, nats_server: NatsServer) -> None:
    simulator, learner = await bus("simulator-0", rollout_depth=3), await bus("learner", rollout_depth=3)
    puller = await learner.puller(CONSUMERS["learner"], "main")
    await simulator.publish(ROLLOUTS, b"before", token="main", msg_id="before")
    (before,) = await puller.fetch(1, 2.0)
    waiting = asyncio.create_task(puller.fetch(1, 10.0))
    await asyncio.sleep(0.1)
    nats_server.kill9()
    await asyncio.sleep(0.2)
    nats_server.start()
    started = time.monotonic()
    assert await simulator.publish(ROLLOUTS, b"after", token="main", msg_id="after") == 1
    assert [d.data for d in await waiting] == [b"after"]
    assert time.monotonic() - started < 3.0
    assert await simulator.room(ROLLOUTS) == 2
    await before.ack()
    await asyncio.sleep(0.2)
    assert await simulator.waiting(ROLLOUTS) == 1, "an acknowledgement of the lost stream must not hit the new one"


async def test_acknowledgements_made_while_the_server_is_away_are_sent_later(
    bus: Make, nats_server: NatsServer
) -> None:
    b = await bus()
    await b.publish(TICKETS, b"t", token="train", msg_id="t")
    puller = await b.puller(TRAIN, "train")
    (delivery,) = await puller.fetch(1, 1.0)
    await asyncio.sleep(CONSUMER_FLUSH_SECONDS)
    nats_server.kill9()
    await asyncio.sleep(0.3)
    started = time.monotonic()
    await delivery.in_progress()
    await delivery.ack()
    assert await puller.fetch(1, 0.3) == []
    assert time.monotonic() - started < 1.0, "neither waits for the server"
    nats_server.start()
    deadline = time.monotonic() + 5
    while await b.waiting(TICKETS, "train"):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def test_a_confirmed_acknowledgement_waits_for_the_server(bus: Make, nats_server: NatsServer) -> None:
    b = await bus()
    await b.publish(TICKETS, b"t", token="train", msg_id="t")
    puller = await b.puller(TRAIN, "train")
    (delivery,) = await puller.fetch(1, 1.0)
    await asyncio.sleep(CONSUMER_FLUSH_SECONDS)
    nats_server.kill9()
    confirming = asyncio.create_task(delivery.ack_sync())
    await asyncio.sleep(0.4)
    assert not confirming.done()
    nats_server.start()
    await asyncio.wait_for(confirming, 5)
    assert await b.waiting(TICKETS, "train") == 0


async def test_a_delivery_the_killed_server_forgot_comes_again(
    bus: Make, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ludus.kernel.puller.CONFIRM_SECONDS", 0.5)
    b = await bus()
    await b.publish(TICKETS, b"t", token="train", msg_id="t")
    puller = await b.puller(TRAIN, "train")
    (delivery,) = await puller.fetch(1, 1.0)
    nats_server.kill9()
    nats_server.start()
    try:
        await delivery.ack_sync()
    except BusError as error:
        complaint = str(error)
        (again,) = await puller.fetch(1, TRAIN.ack_wait_seconds + 5)
        await again.ack_sync()
    else:  # the server had written it down just in time
        complaint = "it will come again"
    assert "come again" in complaint
    assert await b.waiting(TICKETS, "train") == 0


async def test_a_reader_carries_on_where_it_was(bus: Make, nats_server: NatsServer) -> None:
    b = await bus()
    for i in range(5):
        await b.publish(RESULTS, f"{i}".encode(), msg_id=f"{i}")
    assert [r.sequence for r in await b.read(RESULTS, 1, 3, 1.0)] == [1, 2, 3]
    nats_server.kill9()
    assert await b.read(RESULTS, 4, 10, 0.3) == [], "no error while the server is away"
    nats_server.start()
    assert [r.sequence for r in await read_from(b, 4)] == [4, 5]
    reading = asyncio.create_task(b.read(RESULTS, 6, 10, 10.0))
    await asyncio.sleep(0.1)
    published = time.monotonic()
    await b.publish(RESULTS, b"5", msg_id="5")
    assert [r.sequence for r in await reading] == [6]
    assert time.monotonic() - published < 1.0, "the bell works on the new connection too"


async def read_from(b: Bus, start: int) -> list[Record]:
    return await b.read(RESULTS, start, 10, 5.0)


async def test_a_paused_server_is_waited_for(bus: Make, nats_server: NatsServer) -> None:
    b = await bus(patience_seconds=30)
    pid = nats_server.pid()
    assert pid
    os.kill(pid, signal.SIGSTOP)
    try:
        while psutil.Process(pid).status() != psutil.STATUS_STOPPED:
            await asyncio.sleep(0.01)
        publishing = asyncio.create_task(b.publish(RESULTS, b"r", msg_id="r"))
        reading = asyncio.create_task(b.read(RESULTS, 1, 10, 0.2))
        await asyncio.sleep(1.0)
        assert not publishing.done()
    finally:
        os.kill(pid, signal.SIGCONT)
    assert await asyncio.wait_for(publishing, 10) == 1
    await asyncio.wait_for(reading, 10)
    assert [r.data for r in await b.read(RESULTS, 1, 10, 1.0)] == [b"r"]


async def test_while_the_server_is_paused_reads_and_fetches_keep_their_timeouts(
    bus: Make, nats_server: NatsServer
) -> None:
    b = await bus()
    puller = await b.puller(CONSUMERS["learner"], "main")
    await b.publish(ROLLOUTS, b"slab", token="main", msg_id="s")
    (delivery,) = await puller.fetch(1, 1.0)
    pid = nats_server.pid()
    assert pid
    os.kill(pid, signal.SIGSTOP)
    try:
        for work in (b.read(RESULTS, 1, 10, 0.2), puller.fetch(1, 0.2), delivery.ack(), delivery.in_progress()):
            started = time.monotonic()
            assert not await work
            assert time.monotonic() - started < 2.5
        with pytest.raises(BusError):
            await b.publish(RESULTS, b"r", msg_id="r", patience_seconds=0.5)
        assert time.monotonic() - started < 3.5
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.slow
async def test_a_long_pause_breaks_the_connection_and_loses_nothing(bus: Make, nats_server: NatsServer) -> None:
    b = await bus(patience_seconds=60)
    pid = nats_server.pid()
    assert pid
    os.kill(pid, signal.SIGSTOP)
    publishing = [asyncio.create_task(b.publish(RESULTS, f"{i}".encode(), msg_id=f"{i}")) for i in range(20)]
    await asyncio.sleep(15)
    assert not b.link.connected
    os.kill(pid, signal.SIGCONT)
    assert sorted(await asyncio.gather(*publishing)) == list(range(1, 21))
    assert sorted(r.data for r in await read_all(b, 20)) == sorted(f"{i}".encode() for i in range(20))


async def test_patience_ends_with_a_message(bus: Make, nats_server: NatsServer) -> None:
    b = await bus(patience_seconds=0.5)
    nats_server.kill9()
    started = time.monotonic()
    with pytest.raises(BusError, match=r"publishing to .* did not succeed within .* s"):
        await b.publish(RESULTS, b"r", msg_id="r")
    assert 0.4 < time.monotonic() - started < 3.0
    with pytest.raises(BusError):
        await (await b.bucket(RUN_BUCKET)).get("state")
