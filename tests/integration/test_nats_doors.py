"""Locked doors of NATS: every identity × every subject × {publish, subscribe, API}, against a real nats-server.

The expectations are written here by hand, apart from the table that the permissions are made from.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client

from ludus.kernel.bus import Bus
from ludus.kernel.door import Door
from ludus.kernel.errors import BusError, Unsupported
from ludus.kernel.intent import Intent, Slot
from ludus.kernel.nats_server import NatsServer, write_config
from ludus.kernel.topology import EVENTS, IDENTITIES, RESULTS, RUN_BUCKET
from ludus.learner.recovery import Recovery
from ludus.learner.register import Registry

from .locked_kit import credentials, locked_server  # type: ignore[import-untyped]

RUN, OTHER = "duel", "other"
FOUR = {"simulator", "learner", "league", "evaluator"}
ALL = {*FOUR, "console"}

WRITERS: dict[str, set[str]] = {
    "ludus.{run}.rollout.main": {"simulator"},
    "ludus.{run}.ticket.train": {"league"},
    "ludus.{run}.ticket.evaluate": {"league"},
    "ludus.{run}.result": {"simulator", "evaluator"},
    "ludus.{run}.health.main": {"learner", "evaluator"},
    "ludus.{run}.event.command": FOUR,
    "ludus.{run}.deadletter.tickets": FOUR,
    "ludus.{run}.blob.abc": {"learner", "league"},
    "ludus.{run}.blob.abc.1": {"learner", "league"},
    "$KV.RUN_{run}.state": {"league"},
    "$KV.RUN_{run}.ledger": {"league"},
    "$KV.RUN_{run}.epoch.main": {"league", "learner"},
    "$KV.RUN_{run}.rollback.main": {"league", "learner"},
    "$KV.RUN_{run}.checkpoints.main": {"league", "learner"},
    "$KV.RUN_{run}.health.main": {"league"},
    "$KV.POLICIES_{run}.main.head": {"learner", "league"},
    "$JS.ACK.TICKETS_{run}.simulator-train.1.2.3.4.5": {"simulator"},
    "$JS.ACK.TICKETS_{run}.evaluator-evaluate.1.2.3.4.5": {"evaluator"},
    "$JS.ACK.ROLLOUTS_{run}.learner-main.1.2.3.4.5": {"learner"},
    "ludus.{run}.anything": set(),
    "ludus.{run}": set(),
    "$SYS.REQ.SERVER.PING": set(),
    "$JS.EVENT.ADVISORY.CONSUMER.x": set(),
    **{f"_INBOX.{{run}}.{identity}.abc.1": set() for identity in ALL},
}
LISTENERS: dict[str, set[str]] = {
    "ludus.{run}.result": {"league", "evaluator", "console"},
    "ludus.{run}.health.>": {"league", "evaluator"},
    "ludus.{run}.event.>": {"evaluator", "console"},
    "ludus.{run}.deadletter.>": {"console"},
    "ludus.{run}.rollout.>": set(),
    "ludus.{run}.ticket.>": set(),
    "ludus.{run}.blob.>": set(),
    "$KV.RUN_{run}.>": set(),
    "$KV.POLICIES_{run}.>": set(),
    "ludus.{run}.>": set(),
    "ludus.>": set(),
    ">": set(),
    "$SYS.>": set(),
    "$JS.API.>": set(),
    "_INBOX.>": set(),
    "_INBOX.*": set(),
    "_INBOX.{run}.>": set(),
    **{f"_INBOX.{{run}}.{identity}.>": {identity} for identity in ALL},
}
STREAMS = ("ROLLOUTS", "TICKETS", "RESULTS", "HEALTH", "EVENTS", "BLOBS", "DEADLETTERS", "KV_RUN", "KV_POLICIES")
READERS = {
    "RESULTS": {"league", "evaluator", "console"},
    "HEALTH": {"league", "evaluator"},
    "EVENTS": {"evaluator", "console"},
    "DEADLETTERS": {"console"},
    "BLOBS": FOUR,
    "KV_RUN": ALL,
    "KV_POLICIES": ALL,
}
VERBS = (
    "STREAM.{verb}.{stream}", "STREAM.MSG.GET.{stream}", "STREAM.MSG.DELETE.{stream}", "STREAM.PEER.REMOVE.{stream}",
    "STREAM.LEADER.STEPDOWN.{stream}", "CONSUMER.CREATE.{stream}", "CONSUMER.CREATE.{stream}.x.y",
    "CONSUMER.LIST.{stream}",
    "CONSUMER.NAMES.{stream}", "CONSUMER.DELETE.{stream}.simulator-train", "CONSUMER.PAUSE.{stream}.learner-main",
    "CONSUMER.DURABLE.CREATE.{stream}.mine", "CONSUMER.MSG.NEXT.{stream}.mine", "DIRECT.GET.{stream}",
    "DIRECT.GET.{stream}.ludus.x",
)  # fmt: skip
STREAM_VERBS = ("CREATE", "UPDATE", "INFO", "DELETE", "PURGE", "SNAPSHOT", "RESTORE")


def asked() -> dict[str, set[str]]:
    """Every request to JetStream's API, and who may make it."""
    found: dict[str, set[str]] = {"INFO": ALL, "STREAM.NAMES": set(), "STREAM.LIST": set(), "ACCOUNT.PURGE.x": set()}
    for stream in STREAMS:
        for verb in VERBS:
            for inner in STREAM_VERBS if "{verb}" in verb else ("",):
                text = verb.format(verb=inner, stream=f"{stream}_{{run}}")
                found[text] = _who(stream, inner, text)
    for consumer, owner, observer in (
        ("TICKETS_{run}.simulator-train", "simulator", "league"),
        ("TICKETS_{run}.evaluator-evaluate", "evaluator", "league"),
        ("ROLLOUTS_{run}.learner-main", "learner", "simulator"),
    ):
        found[f"CONSUMER.DURABLE.CREATE.{consumer}"] = {owner}
        found[f"CONSUMER.MSG.NEXT.{consumer}"] = {owner}
        found[f"CONSUMER.INFO.{consumer}"] = {observer}
    return {f"$JS.API.{request}": who for request, who in found.items()}


def _who(stream: str, verb: str, text: str) -> set[str]:
    if verb == "INFO":
        return ALL
    if verb in ("CREATE", "UPDATE"):
        return {"league", "learner"} if stream == "ROLLOUTS" else {"league"}
    if verb == "PURGE" and stream == "ROLLOUTS":
        return {"learner"}
    return READERS.get(stream, set()) if text.startswith("DIRECT.GET") else set()


@pytest.fixture(scope="module")
def server(nats_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    made = locked_server(tmp_path_factory.mktemp("locked"), nats_binary, {RUN: ["main"], OTHER: ["main"]})
    made.start()
    yield made
    made.stop()


class Witness:
    """A client of one identity that notes what it was forbidden."""

    def __init__(self) -> None:
        self.refused: set[tuple[str, str]] = set()

    async def connect(self, server: NatsServer, identity: str) -> Client:
        door = Door.to(server.url, RUN, identity, str(credentials(server, RUN)))
        return await nats.connect(server.url, error_cb=self._note, **door.options())

    async def wait(self, refusals: set[tuple[str, str]], seconds: float = 5.0) -> None:
        """Refusals come when they come: until these are there, or not; the server sends them in order."""
        deadline = time.monotonic() + seconds
        while not refusals <= self.refused and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.1)

    async def _note(self, error: Exception) -> None:
        found = re.search(r'permissions violation for (publish|subscription) to "([^"]+)"', str(error).lower())
        if found:  # the end of a TLS connection is reported here too
            self.refused.add((found[1], found[2]))


def cells(table: dict[str, set[str]], identity: str) -> dict[str, bool]:
    """Subject -> whether it must be allowed, in the identity's own run and in another one."""
    own = {subject.format(run=RUN): identity in who for subject, who in table.items()}
    foreign = {subject.format(run=OTHER): False for subject in table if "{run}" in subject}
    return {**foreign, **own}


@pytest.mark.parametrize("identity", IDENTITIES)
async def test_every_subject(server: NatsServer, identity: str) -> None:
    witness = Witness()
    client = await witness.connect(server, identity)
    # The streams do not exist: a request that is let through changes nothing.
    publish, subscribe = cells({**WRITERS, **asked()}, identity), cells(LISTENERS, identity)
    assert len(publish) > 250
    for subject in publish:
        await client.publish(subject, b"")
    for subject in subscribe:
        await client.subscribe(subject)
    await client.flush()
    forbidden = {("publish", subject.lower()) for subject, may in publish.items() if not may}
    forbidden |= {("subscription", subject.lower()) for subject, may in subscribe.items() if not may}
    await witness.wait(forbidden)
    await client.close()
    wrong = [
        f"{identity} may{'' if may else ' not'} {action} {subject}, but was{' not' if may else ''} let through"
        for action, table in (("publish", publish), ("subscription", subscribe))
        for subject, may in table.items()
        if ((action, subject.lower()) not in witness.refused) != may
    ]
    assert not wrong, "\n".join(wrong)


async def test_nobody_comes_in_without_a_credential(server: NatsServer) -> None:
    plain = server.url.replace("tls:", "nats:")
    with pytest.raises(BusError):
        await Bus.connect(plain, RUN, "simulator", patience_seconds=0.3)


async def test_a_credential_of_another_run_is_of_no_use(server: NatsServer) -> None:
    folder = str(credentials(server, OTHER))
    with pytest.raises(BusError):
        await Bus.connect(server.url, RUN, "league", patience_seconds=1, credentials=folder)


async def test_the_bus_works_with_what_each_may_do(server: NatsServer) -> None:
    """The league makes the streams; the others wait for it, then write and read what is theirs."""
    folder = str(credentials(server, RUN))
    league, simulator, evaluator, learner = [
        await Bus.connect(server.url, RUN, service, patience_seconds=5, credentials=folder)
        for service in ("league", "simulator-0", "evaluator", "learner")
    ]
    try:
        simulator.patience_seconds = 0.2
        with pytest.raises(BusError, match="not there yet"):
            await simulator.declare()
        simulator.patience_seconds = 5
        await league.declare(rollout_depth=4)
        await simulator.declare(rollout_depth=4)
        await simulator.publish(RESULTS, b"r", msg_id="1")
        await simulator.publish(EVENTS, b"e", token="hello", msg_id="2")
        assert [r.data for r in await league.read(RESULTS, 1, 9, 2)] == [b"r"]
        assert [r.data for r in await evaluator.read(EVENTS, 1, 9, 2)] == [b"e"]
        await (await league.bucket(RUN_BUCKET)).put("state", b"s")
        with pytest.raises(Unsupported, match="forbids this service to publish"):
            await (await simulator.bucket(RUN_BUCKET)).put("state", b"mine")
        entry = await (await simulator.bucket(RUN_BUCKET)).get("state")
        assert entry is not None
        assert entry.value == b"s"
        await _rollback_and_checkpoint(league, learner)
    finally:
        for bus in (league, simulator, evaluator, learner):
            await bus.close()


async def _rollback_and_checkpoint(league: Bus, learner: Bus) -> None:
    """Controller and learner carry a rollback to its end between them; the learner lists its checkpoint."""
    slot = Slot(await league.bucket(RUN_BUCKET), "main")
    await slot.write(Intent("1", "main", "planned", "1-0", "restore", "a test"))
    await slot.advance("fenced", epoch=2)
    recovery = await Recovery.open(learner, "main")
    assert await recovery.pending()
    await recovery.loaded(2)
    await recovery.verified()
    await recovery.resumed()
    ended = await slot.read()
    assert ended
    assert ended.step == "resumed"
    registry = await Registry.open(learner, "main")
    assert await registry.enter("2-0", "ab") == await registry.read()
    with pytest.raises(Unsupported, match="forbids this service to publish"):
        await (await learner.bucket(RUN_BUCKET)).put("state", b"mine")


@pytest.mark.parametrize(
    "url", ["nats://10.0.0.1:4222", "tls://nats.example:4222", "nats://u:p@nats.example", "0.0.0.0"]
)
async def test_a_server_elsewhere_needs_tls_and_a_credential(url: str) -> None:
    with pytest.raises(Unsupported, match="needs TLS and a credential"):
        await Bus.connect(url, RUN, "league", patience_seconds=0.1)


async def test_a_credential_is_not_sent_in_the_clear(server: NatsServer) -> None:
    with pytest.raises(Unsupported, match="must be encrypted"):
        await Bus.connect("nats://10.0.0.1:4222", RUN, "league", credentials=str(credentials(server, RUN)))
    with pytest.raises(Unsupported, match=r"director\.nk is missing"):
        await Bus.connect(server.url, RUN, "director", credentials=str(credentials(server, RUN)))


def test_a_server_that_others_can_reach_needs_a_lock(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="can be reached by others"):
        write_config(
            tmp_path / "nats.conf", store=tmp_path / "js", port=4222, pid_file=tmp_path / "pid", host="0.0.0.0"
        )
