"""Three NATS servers as one, by `ludus nats config --cluster`: without one of them nothing is lost or counted twice."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ludus.app.cli import run as ludus
from ludus.kernel import jetstream
from ludus.kernel.bus import Bus, BusError, Conflict, StreamFull, Unsupported
from ludus.kernel.config import BusConfig
from ludus.kernel.nats_cluster import ROUTE
from ludus.kernel.nats_server import answers
from ludus.kernel.topology import BUCKETS, CONSUMERS, RESULTS, ROLLOUTS, RUN_BUCKET, STREAMS, TICKETS

from .cluster_kit import HOSTS, NEEDS_LINUX, RUN, Cluster, leader, three_servers

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    NEEDS_LINUX,
]


@pytest.fixture
def cluster(nats_binary: Path, tmp_path: Path) -> Iterator[Cluster]:
    with three_servers(tmp_path, nats_binary) as made:
        yield made


@pytest.fixture
async def league(cluster: Cluster) -> AsyncIterator[Bus]:
    made = await cluster.bus("league")
    await made.declare(rollout_depth=4)
    yield made
    await made.close()


async def publish(bus: Bus, acknowledged: dict[str, int], stop: asyncio.Event) -> float:
    """Results, one after the other, each with one id until it is acknowledged; the longest time that one took."""
    longest = 0.0
    while not stop.is_set():
        name, started = f"match-{len(acknowledged)}", time.monotonic()
        acknowledged[name] = await bus.publish(RESULTS, name.encode(), msg_id=name)
        longest = max(longest, time.monotonic() - started)
        await asyncio.sleep(0.01)
    return longest


async def count(bus: Bus, stop: asyncio.Event) -> int:
    """Compare-and-set: how often this one succeeded."""
    bucket, successes = await bus.bucket(RUN_BUCKET), 0
    while not stop.is_set():
        entry = await bucket.get("counter")
        now, revision = (int(entry.value), entry.revision) if entry else (0, 0)
        with suppress(Conflict):
            await bucket.update("counter", str(now + 1).encode(), revision)
            successes += 1
        await asyncio.sleep(0.01)
    return successes


async def order(bus: Bus, issued: set[str], stop: asyncio.Event) -> None:
    """Tickets, one after the other."""
    while not stop.is_set():
        name = f"ticket-{len(issued)}"
        await bus.publish(TICKETS, name.encode(), token="train", msg_id=name)
        issued.add(name)
        await asyncio.sleep(0.02)


async def work(bus: Bus, done: Counter[str]) -> None:
    """Takes tickets as a simulator does, for ever."""
    puller = await bus.puller(replace(CONSUMERS["simulator"], ack_wait_seconds=3), "train")
    while True:
        for delivery in await puller.fetch(5, 1.0):
            done[delivery.data.decode()] += 1
            with suppress(BusError):  # then it comes again
                await delivery.ack_sync()


async def stored(bus: Bus) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    while batch := await bus.read(RESULTS, len(found) + 1, 500, 1.0):
        found += [(record.sequence, record.data.decode()) for record in batch]
    return found


async def test_every_stream_bucket_and_consumer_is_kept_by_three(league: Bus, cluster: Cluster) -> None:
    async def ask(path: str) -> Any:
        return (await jetstream.call(league.link, path))["config"]["num_replicas"]

    names = [stream.stream_name(RUN) for stream in STREAMS] + [f"KV_{bucket}_{RUN}" for bucket in BUCKETS]
    assert {name: await ask(f"STREAM.INFO.{name}") for name in names} == dict.fromkeys(names, 3)
    simulator = await cluster.bus("simulator")
    await simulator.puller(CONSUMERS["simulator"], "train")  # which raises if the server keeps another number
    assert await ask(f"CONSUMER.INFO.TICKETS_{RUN}.simulator-train") == 3
    for number in range(4):
        await simulator.publish(ROLLOUTS, b"slab", token="main", msg_id=str(number))
    with pytest.raises(StreamFull):
        await simulator.publish(ROLLOUTS, b"slab", token="main", msg_id="one too many")
    await simulator.close()
    for host in HOSTS:
        assert json.loads((cluster.folder / "keys" / "nats.conf").read_text())["jetstream"]["sync_interval"] == "always"
        assert answers(host, cluster.port)


async def test_the_leader_is_killed_and_nothing_is_lost_or_twice(league: Bus, cluster: Cluster) -> None:
    simulator, stop = await cluster.bus("simulator"), asyncio.Event()
    acknowledged: dict[str, int] = {}
    publishing = asyncio.create_task(publish(simulator, acknowledged, stop))
    second = await cluster.bus("league")
    counting = [asyncio.create_task(count(one, stop)) for one in (league, second)]
    issued: set[str] = set()
    done: Counter[str] = Counter()
    working, ordering = asyncio.create_task(work(simulator, done)), asyncio.create_task(order(league, issued, stop))
    for stream in (f"RESULTS_{RUN}", f"KV_RUN_{RUN}", f"TICKETS_{RUN}"):
        await asyncio.sleep(1.0)
        before, victim = len(acknowledged), await leader(league, stream)
        cluster.kill9(victim)
        async with asyncio.timeout(40):
            while len(acknowledged) < before + 20:
                await asyncio.sleep(0.05)
        assert await leader(league, stream) not in ("", victim)
        cluster.start(victim)
        await asyncio.sleep(2.0)
    stop.set()
    longest = await publishing
    successes = sum(await asyncio.gather(*counting))
    found = await stored(league)
    assert found == [(sequence, name) for name, sequence in acknowledged.items()]
    entry = await (await league.bucket(RUN_BUCKET)).get("counter")
    assert entry
    assert int(entry.value) == successes > 0
    await ordering
    async with asyncio.timeout(40):
        while done.keys() != issued or await league.waiting(TICKETS, "train"):
            await asyncio.sleep(0.1)
    working.cancel()
    again = sum(done.values()) - len(done)
    print(
        f"{len(found)} results, {successes} updates, {len(issued)} tickets ({again} delivered again); {longest:.1f} s"
    )
    assert longest < 30
    for one in (simulator, second):
        await one.close()


async def test_without_a_quorum_nothing_is_acknowledged(league: Bus, cluster: Cluster) -> None:
    simulator = await cluster.bus("simulator", patience_seconds=4)
    await simulator.publish(RESULTS, b"first", msg_id="first")
    for name in ("n1", "n2"):
        cluster.kill9(name)
    with pytest.raises(BusError, match="did not succeed within 4 s"):
        await simulator.publish(RESULTS, b"second", msg_id="second")
    for name in ("n1", "n2"):
        cluster.start(name)
    assert await simulator.publish(RESULTS, b"second", msg_id="second", patience_seconds=40) == 2
    assert await stored(league) == [(1, "first"), (2, "second")]
    await simulator.close()


async def test_the_door_between_servers_opens_for_servers_alone(cluster: Cluster) -> None:
    """Somebody with a certificate of the run, or with none, does not come in as a server."""
    ludus(["nats", "config", "--run", RUN, "--person", "anna:admin", "--output", str(cluster.folder / "keys")])
    person = cluster.folder / "keys" / "credentials" / RUN / "people" / "anna"
    shown = {
        "nothing": None,
        "a person's": person / "me",
        "a service's": person.parents[1] / "league",
        "a server's": ROUTE,
    }
    answers = {}
    for whose, pair in shown.items():
        context = ssl.create_default_context(cafile=str(cluster.folder / "keys" / "route-ca.pem"))
        if pair:
            context.load_cert_chain(*(cluster.folder / "keys" / f"{pair}.{kind}" for kind in ("pem", "key")))
        answers[whose] = b""
        with suppress(OSError, ssl.SSLError):
            reader, writer = await asyncio.open_connection(HOSTS[0], cluster.routes, ssl=context)
            answers[whose] = (await reader.read(100))[:5]
            writer.close()
    assert answers == {"nothing": b"", "a person's": b"", "a service's": b"", "a server's": b"INFO "}


async def test_a_server_alone_says_what_to_change(nats_server: Any) -> None:
    bus = await Bus.connect(nats_server.url, "alone", "league", replicas=3, patience_seconds=5)
    with pytest.raises(Unsupported, match=r"bus\.replicas is above 1, and this NATS server is alone"):
        await bus.declare(rollout_depth=4)
    await bus.close()
    assert BusConfig().replicas == 1
    with pytest.raises(ValueError, match="replicas"):
        BusConfig(replicas=2)
    assert TICKETS.stream_name(RUN) == f"TICKETS_{RUN}"
