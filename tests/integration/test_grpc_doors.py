"""Locked doors of gRPC: every method of the descriptors × {nothing, wrong authority, expired, each role, another run,
replayed}, against a real server with certificates. Who may do what is written here by hand.
"""

from __future__ import annotations

import asyncio
import ssl
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from ludus.api.v1 import run_pb2 as run_api
from ludus.api.v1 import services_pb2 as api
from ludus.api.v1 import services_pb2_grpc as stubs
from ludus.kernel import rpc
from ludus.kernel.certificates import Pair, authority, issue
from ludus.kernel.errors import Unsupported
from ludus.kernel.http import HealthServer
from ludus.kernel.roles import Caller
from ludus.kernel.rpc_door import Listening
from ludus.league.commands import carry_out

RUN = "duel"
LEAST = {
    "PauseRun": "operator",
    "ResumeRun": "operator",
    "StopRun": "admin",
    "RollbackRun": "operator",
    "PromoteCheckpoint": "admin",
    "GetStatus": "viewer",
    "WatchRun": "viewer",
    "GetStandings": "viewer",
    "GetPayoff": "viewer",
}
RANK = {"guest": 0, "viewer": 1, "operator": 2, "admin": 3}
METHODS = [(s, m) for s in api.DESCRIPTOR.services_by_name.values() for m in s.methods]
COMMANDS = {"PauseRun": "pause", "ResumeRun": "resume", "StopRun": "stop"}


class Everything(stubs.ControlServiceServicer, stubs.LeagueServiceServicer):
    """Does what the league does with commands, and answers questions with nothing."""

    def __init__(self) -> None:
        self.record = run_api.RunRecord(state=run_api.RUN_STATE_TRAINING)
        self.effects: list[str] = []
        self.actors: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        if name == "WatchRun":
            return self._stream
        return self._answer(name) if name in LEAST else super().__getattribute__(name)

    def _answer(self, name: str) -> Any:
        async def call(request: Any, context: Any) -> Any:
            if name in COMMANDS:
                self.actors.append(rpc.actor(context))
                before = self.record
                self.record = carry_out(before, COMMANDS[name], request.command_id)  # type: ignore[arg-type]
                self.effects += [name] if self.record != before else []
            else:
                self.effects.append(name)
            return getattr(api, f"{name}Response")()

        return call

    async def _stream(self, request: Any, context: Any) -> Any:
        self.effects.append("WatchRun")
        yield api.WatchRunResponse()


class Stage:
    """The server, its authority, and what it has refused."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = authority(folder / "ca")
        self.servant = Everything()
        self.refused: list[tuple[Caller, str, str]] = []
        self.port = 0
        server = issue(self.ca, Pair(folder / "league.pem", folder / "league.key"), "league", ["localhost"])
        self.listening = Listening(RUN, server.certificate, server.key, self.ca.certificate)

    async def audit(self, caller: Caller, method: str, problem: str) -> None:
        self.refused.append((caller, method, problem))

    def register(self, server: grpc.aio.Server) -> None:
        stubs.add_ControlServiceServicer_to_server(self.servant, server)
        stubs.add_LeagueServiceServicer_to_server(self.servant, server)

    def person(self, role: str, run: str = RUN, *, ca: Pair | None = None, days: int | None = None) -> Pair:
        pair = Pair(self.folder / "someone.pem", self.folder / "someone.key")
        return issue(ca or self.ca, pair, "anna", role=role, run=run, days=days)

    def channel(self, person: Pair | None) -> grpc.aio.Channel:
        shown = (person.key.read_bytes(), person.certificate.read_bytes()) if person else (None, None)
        credentials = grpc.ssl_channel_credentials(self.ca.certificate.read_bytes(), *shown)
        return grpc.aio.secure_channel(f"localhost:{self.port}", credentials)

    async def ask(self, channel: Any, service: Any, method: Any, command_id: str = "c-1") -> grpc.StatusCode:
        path, answer = f"/{service.full_name}/{method.name}", getattr(api, method.output_type.name)
        request = getattr(api, method.input_type.name)(run=RUN)
        if method.name in COMMANDS:
            request.command_id = command_id
        kind = channel.unary_stream if method.server_streaming else channel.unary_unary
        call = kind(path, request_serializer=lambda m: m.SerializeToString(), response_deserializer=answer.FromString)
        try:
            if method.server_streaming:
                async for _ in call(request, timeout=5):
                    pass
            else:
                await call(request, timeout=5)
        except grpc.aio.AioRpcError as error:
            return error.code()
        return grpc.StatusCode.OK


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path)
    services = list(api.DESCRIPTOR.services_by_name.values())
    async with rpc.serve(
        made.register, services, host="localhost", port=0, listening=made.listening, audit=made.audit
    ) as made.port:
        yield made


def test_the_table_knows_every_method() -> None:
    assert {method.name for _, method in METHODS} == LEAST.keys()


@pytest.mark.parametrize("how", ["in the clear", "nothing", "wrong authority", "expired", "no role"])
async def test_nobody_comes_in_without_a_good_certificate(stage: Stage, how: str) -> None:
    person = None
    if how == "wrong authority":
        person = stage.person("admin", ca=authority(stage.folder / "other"))
    elif how == "expired":
        person = stage.person("admin", days=-1)
    elif how == "no role":
        person = stage.person("")  # then it is no certificate of a client either
    channel = grpc.aio.insecure_channel(f"localhost:{stage.port}") if how == "in the clear" else stage.channel(person)
    async with channel:
        answers = [await stage.ask(channel, *one) for one in METHODS]
    assert answers == [grpc.StatusCode.UNAVAILABLE] * len(METHODS)
    assert stage.servant.effects == []


@pytest.mark.parametrize("role", RANK)
async def test_each_method_asks_for_its_role(stage: Stage, role: str) -> None:
    refused = []
    async with stage.channel(stage.person(role)) as channel:
        for service, method in METHODS:
            stage.servant.record.state = run_api.RUN_STATE_TRAINING
            code = await stage.ask(channel, service, method, method.name)
            allowed = RANK[role] >= RANK[LEAST[method.name]]
            assert code == (grpc.StatusCode.OK if allowed else grpc.StatusCode.PERMISSION_DENIED), method.name
            refused += [] if allowed else [f"/{service.full_name}/{method.name}"]
    assert [method for _, method, _ in stage.refused] == refused
    assert set(stage.servant.actors) <= {f"anna ({role})"}
    assert not [e for e in stage.servant.effects if RANK[role] < RANK[LEAST[e]]]


@pytest.mark.parametrize("run", ["", "other"])
async def test_a_certificate_of_another_run_is_of_no_use(stage: Stage, run: str) -> None:
    async with stage.channel(stage.person("admin", run)) as channel:
        answers = {await stage.ask(channel, *one) for one in METHODS}
    assert answers == {grpc.StatusCode.PERMISSION_DENIED}
    assert stage.servant.effects == []


async def test_a_replayed_command_has_no_second_effect(stage: Stage) -> None:
    control = METHODS[0][0]
    named = {method.name: method for method in control.methods}
    async with stage.channel(stage.person("admin")) as channel:
        for name, command_id in [("PauseRun", "1"), ("ResumeRun", "2"), ("PauseRun", "1"), ("ResumeRun", "2")]:
            assert await stage.ask(channel, control, named[name], command_id) == grpc.StatusCode.OK
    assert stage.servant.effects == ["PauseRun", "ResumeRun"]
    assert stage.servant.record.state == run_api.RUN_STATE_TRAINING


async def test_methods_outside_the_table_are_refused(stage: Stage) -> None:
    async with stage.channel(stage.person("admin")) as channel:
        unknown = channel.unary_unary("/ludus.api.v1.ControlService/DeleteEverything")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await unknown(b"", timeout=5)
        assert caught.value.code() == grpc.StatusCode.PERMISSION_DENIED
        reflect = reflection_pb2_grpc.ServerReflectionStub(channel)
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for _ in reflect.ServerReflectionInfo(iter([request]), timeout=5):
                pass
        assert caught.value.code() == grpc.StatusCode.PERMISSION_DENIED
    assert len(stage.refused) == 2


async def test_health_is_for_whoever_may_look(stage: Stage) -> None:
    async with stage.channel(stage.person("viewer")) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        found = await health.Check(health_pb2.HealthCheckRequest(), timeout=5)
        assert found.status == health_pb2.HealthCheckResponse.SERVING
        async for first in health.Watch(health_pb2.HealthCheckRequest(), timeout=5):
            assert first.status == health_pb2.HealthCheckResponse.SERVING
            break


def _get(url: str, context: ssl.SSLContext) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5, context=context) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


async def test_metrics_are_for_whoever_may_look(stage: Stage) -> None:
    def good() -> str:
        return ""

    server = HealthServer("localhost", 0, alive=good, ready=good, metrics=lambda: b"x 1\n", listening=stage.listening)
    nobody = ssl.create_default_context(cafile=str(stage.ca.certificate))
    codes = {}
    for who, person in {"viewer": stage.person("viewer"), "none": None}.items():
        context = ssl.create_default_context(cafile=str(stage.ca.certificate)) if person else nobody
        if person:
            context.load_cert_chain(person.certificate, person.key)
        for page in ("metrics", "healthz", "readyz"):
            codes[who, page] = await asyncio.to_thread(_get, f"https://localhost:{server.port}/{page}", context)
    server.close()
    assert {key for key, code in codes.items() if code != 200} == {("none", "metrics")}
    assert codes["none", "metrics"] == 403


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "league.example.org"])
def test_others_are_let_in_with_certificates_only(tmp_path: Path, host: str) -> None:
    with pytest.raises(Unsupported, match="TLS and certificates"):
        Listening.on(host, RUN, "league", "")
    with pytest.raises(Unsupported, match=r"league\.pem is missing"):
        Listening.on(host, RUN, "league", str(tmp_path))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_loopback_is_open(host: str) -> None:
    assert Listening.on(host, RUN, "league", "") is None
