"""Every command of the descriptors, replayed at a real league behind locked doors: twice, at once, by others.

What a command has done is read where it counts: in the run's record, in what the controller knows, in the audit trail.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from ludus.api.v1 import services_pb2 as api
from ludus.api.v1.event_pb2 import Event
from ludus.api.v1.health_pb2 import LearnerHealth
from ludus.api.v1.policy_pb2 import PolicyHead, PolicyRef
from ludus.api.v1.run_pb2 import RUN_STATE_TRAINING, RunRecord
from ludus.app.cli import run as ludus
from ludus.app.people import PERSON_CERTIFICATE, PERSON_KEY
from ludus.kernel.blobs import put_blob
from ludus.kernel.bus import Bus
from ludus.kernel.certificates import Pair, authority, issue
from ludus.kernel.config import dump, load
from ludus.kernel.door import CA_FILE
from ludus.kernel.nats_server import NatsServer, free_port
from ludus.kernel.topology import EVENTS, HEALTH, POLICIES_BUCKET, RUN_BUCKET

from .locked_kit import credentials, locked_server

RUN, CONFIG = "duel", Path(__file__).parents[2] / "configs" / "dogfight-quick.toml"
CONTROL = api.DESCRIPTOR.services_by_name["ControlService"]
COMMANDS = [method for method in CONTROL.methods if "command_id" in method.input_type.fields_by_name]
#: In this order, so that each has something to do; every one must be here.
ORDER = ("PauseRun", "ResumeRun", "PromoteCheckpoint", "RollbackRun", "StopRun")
HEALTHY = {"kl": 0.01, "gradient_norm": 0.4, "update_norm": 0.1, "log_ratio_p99": 0.3, "reward_mean": 0.5}
PEOPLE = {"anna": ("admin", RUN), "ben": ("admin", RUN), "vera": ("viewer", RUN), "otto": ("admin", "other")}


class House:
    """A locked server, a league in a process of its own, and people with certificates."""

    def __init__(self, folder: Path, server: NatsServer) -> None:
        self.folder, self.server, self.port = folder, server, free_port()
        self.ca = authority(server.directory)
        self.keys = credentials(server, RUN)
        issue(self.ca, Pair(self.keys / "league.pem", self.keys / "league.key"), "league", ["localhost"])
        self.people = {
            name: issue(self.ca, Pair(folder / f"{name}.pem", folder / f"{name}.key"), name, role=role, run=run)
            for name, (role, run) in PEOPLE.items()
        }
        self.learner: Bus
        self.console: Bus

    async def start(self) -> asyncio.subprocess.Process:
        settings = {"run": RUN, "directory": str(self.folder), "bus.credentials": str(self.keys)}
        (self.folder / "config.json").write_text(dump(load(CONFIG, settings.items(), environment={})))
        command = [sys.executable, "-m", "ludus.league", "--config", str(self.folder / "config.json")]
        command += ["--nats-url", self.server.url, "--host", "0.0.0.0", "--grpc-port", str(self.port)]
        with (self.folder / "league.log").open("ab") as log:
            return await asyncio.create_subprocess_exec(*command, stderr=log)

    async def connect(self) -> None:
        self.learner, self.console = [
            await Bus.connect(self.server.url, RUN, who, credentials=str(self.keys)) for who in ("learner", "console")
        ]

    async def train(self, steps: int) -> None:
        """A first version, and what a learner says of so many good updates, until the league has looked at all that."""
        policies = await self.learner.bucket(POLICIES_BUCKET)
        ref = PolicyRef(agent="main", epoch=1, sha256=await put_blob(self.learner, b"weights", keep=True))
        for key in ("main.1.0", "main.head"):
            await policies.put(key, PolicyHead(policy=ref, pinned=True).SerializeToString())
        for step in range(steps + 1):
            ref = PolicyRef(agent="main", epoch=1, step=step, sha256="ab")
            health = LearnerHealth(policy=ref, run=RUN, total_steps=400, metrics=HEALTHY, checkpoint_epoch=1)
            await self.learner.publish(HEALTH, health.SerializeToString(), token="main", msg_id=f"main.1.{step}")
        async with asyncio.timeout(30):
            while (await self.known()).get("step", 0) < steps or (await self.record()).state != RUN_STATE_TRAINING:
                await asyncio.sleep(0.05)

    async def known(self) -> dict[str, Any]:
        """What the controller knows."""
        entry = await (await self.console.bucket(RUN_BUCKET)).get("health.main")
        return dict(json.loads(entry.value)) if entry else {}

    async def record(self) -> RunRecord:
        entry = await (await self.console.bucket(RUN_BUCKET)).get("state")
        return RunRecord.FromString(entry.value if entry else b"")

    async def effects(self) -> dict[str, Any]:
        """Everything that a command may change."""
        record, known = await self.record(), await self.known()
        done = Counter(event.kind for event in await self.events() if event.kind != "refused")
        return {
            "state": record.state, "commands": list(record.commands_done), "checkpoints": known.get("checkpoints"),
            "tried": known.get("tried"), "told": (done["command"], done["rollback_planned"]),
        }  # fmt: skip

    async def events(self) -> list[Event]:
        return [Event.FromString(record.data) for record in await self.console.read(EVENTS, 1, 1000, 0.2)]

    async def send(self, who: str, name: str, request: Any) -> tuple[grpc.StatusCode, Any]:
        person, method = self.people[who], CONTROL.methods_by_name[name]
        answer = getattr(api, method.output_type.name)
        files = self.ca.certificate, person.key, person.certificate
        shown = grpc.ssl_channel_credentials(*(file.read_bytes() for file in files))
        async with grpc.aio.secure_channel(f"localhost:{self.port}", shown) as channel:
            call = channel.unary_unary(
                f"/{CONTROL.full_name}/{name}", request_serializer=bytes, response_deserializer=answer.FromString
            )
            try:
                return grpc.StatusCode.OK, await call(request.SerializeToString(), timeout=10, wait_for_ready=True)
            except grpc.aio.AioRpcError as error:
                return error.code(), error.details()


@pytest.fixture
async def house(nats_binary: Path, tmp_path: Path) -> AsyncIterator[House]:
    (tmp_path / "run").mkdir()
    server = locked_server(tmp_path / "nats", nats_binary, {RUN: ["main"]})
    server.start()
    made = House(tmp_path / "run", server)
    league = await made.start()
    await made.connect()
    await made.learner.retry("waiting for the league", lambda: made.learner.declare())
    yield made
    with contextlib.suppress(ProcessLookupError):
        league.kill()
    await league.wait()
    for bus in (made.learner, made.console):
        await bus.close()
    server.kill9()


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_people_elsewhere_roll_back_and_promote_by_their_names(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    await house.train(40)

    def remote(*words: str, who: str = "ben") -> tuple[int, str]:
        folder = house.folder / "people" / who
        folder.mkdir(parents=True, exist_ok=True)
        person = house.people[who]
        files = {PERSON_CERTIFICATE: person.certificate, PERSON_KEY: person.key, CA_FILE: house.ca.certificate}
        for name, file in files.items():
            shutil.copy(file, folder / name)
        where = ["--league", f"localhost:{house.port}", "--credentials", str(folder)]
        code = ludus(["remote", *words, *where])
        said = capsys.readouterr()
        return code, said.out + said.err

    async def asked(*words: str, who: str = "ben") -> tuple[int, str]:
        return await asyncio.to_thread(remote, *words, who=who)

    assert (await asked("status", RUN))[1].startswith("duel: training")
    assert (await asked("promote", RUN))[0] == 2
    assert await asked("promote", RUN, "--checkpoint", "1-0") == (0, "1-0 of main is pinned\n")
    code, said = await asked("rollback", RUN, "--checkpoint", "1-0", "--reason", "strange aim", who="vera")
    assert code == 1
    assert "'vera' is viewer; this takes operator" in said
    code, said = await asked("rollback", RUN, "--checkpoint", "1-0", "--reason", "strange aim")
    assert (code, said) == (0, "back to 1-0 (restore): strange aim\n")
    told = [json.loads(e.detail_json)["actor"] for e in await house.events() if e.kind == "rollback_planned"]
    assert told == ["ben (admin)"]


def request_of(name: str, run: str = RUN) -> Any:
    request = getattr(api, CONTROL.methods_by_name[name].input_type.name)(command_id=f"id-of-{name}", run=run)
    if name in ("PromoteCheckpoint", "RollbackRun"):
        request.checkpoint = "1-0"
    return request


def test_every_command_is_replayed() -> None:
    assert {method.name for method in COMMANDS} == set(ORDER)


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_a_replayed_command_does_nothing_more_whoever_sends_it(house: House) -> None:
    await house.train(40)
    for name in ORDER:
        before, request = await house.effects(), request_of(name)
        refusals = {"vera": request, "otto": request}
        for who, sent in refusals.items():
            assert (await house.send(who, name, sent))[0] == grpc.StatusCode.PERMISSION_DENIED, (name, who)
        assert (await house.send("anna", name, request_of(name, "other")))[0] == grpc.StatusCode.NOT_FOUND
        assert await house.effects() == before, f"{name}: what is refused changes nothing"

        answers = await asyncio.gather(*(house.send("anna", name, request) for _ in range(5)))
        assert {code for code, _ in answers} == {grpc.StatusCode.OK}, answers
        after = await house.effects()
        assert after != before
        assert after["commands"] == [*before["commands"], f"id-of-{name}"]
        assert after["told"][0] == before["told"][0] + 1, f"{name}: sent five times at once, it is one command"

        for who in ("anna", "ben"):
            assert (await house.send(who, name, request))[0] == grpc.StatusCode.OK
        for who, sent in refusals.items():
            assert (await house.send(who, name, sent))[0] == grpc.StatusCode.PERMISSION_DENIED
        assert await house.effects() == after, f"{name}: replayed, it changes nothing"

    events = await house.events()
    commands = {
        json.loads(e.detail_json)["command_id"]: json.loads(e.detail_json) for e in events if e.kind == "command"
    }
    assert {name: commands[f"id-of-{name}"]["actor"] for name in ORDER} == dict.fromkeys(ORDER, "anna (admin)")
    (planned,) = [json.loads(e.detail_json) for e in events if e.kind == "rollback_planned"]
    assert planned["actor"] == "anna (admin)"
    refused = Counter(json.loads(event.detail_json)["actor"] for event in events if event.kind == "refused")
    assert refused == {"vera": 2 * len(ORDER), "otto": 2 * len(ORDER)}
