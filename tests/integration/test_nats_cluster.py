"""Three NATS servers as one, by `ludus nats config --cluster`: without one of them nothing is lost or counted twice.

They listen on 127.0.0.1, .2 and .3, and are told apart as pods are: one configuration, a name and addresses each.
"""

from __future__ import annotations

import asyncio
import json
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ludus.app.cli import run as ludus
from ludus.kernel import jetstream
from ludus.kernel.bus import Bus, BusError, Conflict, StreamFull, Unsupported
from ludus.kernel.config import BusConfig
from ludus.kernel.nats_cluster import ROUTE
from ludus.kernel.nats_server import answers, free_port
from ludus.kernel.topology import BUCKETS, CONSUMERS, RESULTS, ROLLOUTS, RUN_BUCKET, STREAMS, TICKETS

RUN = "three"
HOSTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux answers on all of 127.0.0.0/8"),
]


class Cluster:
    """The servers by their names, n1 to n3."""

    def __init__(self, folder: Path, binary: Path) -> None:
        self.folder, self.binary = folder, binary
        self.port, self.routes = free_port(), free_port()
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        command = ["nats", "config", "--run", RUN, "--listen", HOSTS[0], "--port", str(self.port)]
        for host in HOSTS:
            command += ["--host", host, "--cluster", host]
        assert (
            ludus([*command, "--cluster-port", str(self.routes), "--store", "data", "--output", str(folder / "keys")])
            == 0
        )

    @property
    def url(self) -> str:
        return ",".join(f"tls://{host}:{self.port}" for host in HOSTS)

    @property
    def credentials(self) -> str:
        return str(self.folder / "keys" / "credentials" / RUN)

    def start(self, name: str) -> None:
        host, home = HOSTS[int(name[1]) - 1], self.folder / name
        flags = ["--name", name, "--addr", host, "--cluster", f"nats://{host}:{self.routes}"]
        (home / "data").mkdir(parents=True, exist_ok=True)  # each has its own, as pods do
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                [str(self.binary), "--config", str(self.folder / "keys" / "nats.conf"), *flags],
                stdout=log,
                stderr=log,
                cwd=home,
            )
        deadline = time.monotonic() + 10
        while not answers(host, self.port):
            assert time.monotonic() < deadline, (self.folder / f"{name}.log").read_text()[-2000:]
            time.sleep(0.02)

    def kill9(self, name: str) -> None:
        server = self.running.pop(name)
        server.send_signal(signal.SIGKILL)
        server.wait(10)

    async def bus(self, service: str, *, patience_seconds: float = 30, replicas: int = 3) -> Bus:
        return await Bus.connect(
            self.url, RUN, service, patience_seconds=patience_seconds, credentials=self.credentials, replicas=replicas
        )


@pytest.fixture
def cluster(nats_binary: Path, tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path, nats_binary)
    for name in ("n1", "n2", "n3"):
        made.start(name)
    yield made
    for server in made.running.values():
        server.kill()
        server.wait(10)


@pytest.fixture
async def league(cluster: Cluster) -> AsyncIterator[Bus]:
    made = await cluster.bus("league")
    await made.declare(rollout_depth=4)
    yield made
    await made.close()


async def leader(bus: Bus, stream: str) -> str:
    async def ask() -> str:
        return str((await jetstream.call(bus.link, f"STREAM.INFO.{stream}"))["cluster"].get("leader", ""))

    return await bus.retry("asking who leads", ask)


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
    for stream in (f"RESULTS_{RUN}", f"KV_RUN_{RUN}"):
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
    print(f"{len(found)} results, {successes} updates; the longest wait for an acknowledgement was {longest:.1f} s")
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
