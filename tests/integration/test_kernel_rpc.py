"""The gRPC server: errors that say what they are, deadlines, health, reflection."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from ludus.api.v1 import services_pb2 as api
from ludus.api.v1 import services_pb2_grpc as stubs
from ludus.kernel import rpc
from ludus.kernel.errors import BusError, Conflict

CONTROL = "ludus.api.v1.ControlService"
SERVICES = [api.DESCRIPTOR.services_by_name["ControlService"]]
ERRORS: dict[str, Exception] = {
    "value": ValueError("run must be a name"),
    "lookup": KeyError("no such run"),
    "conflict": Conflict("somebody was first"),
    "bus": BusError("no NATS"),
    "timeout": TimeoutError(),
    "permission": PermissionError("not yours"),
    "bug": RuntimeError("secret detail"),
}


class Control(stubs.ControlServiceServicer):
    async def GetStatus(self, request: Any, context: Any) -> Any:
        if request.run in ERRORS:
            raise ERRORS[request.run]
        if request.run == "abort":
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "said by the handler itself")
        if request.run == "slow":
            await asyncio.sleep(30)
        return api.GetStatusResponse()

    async def WatchRun(self, request: Any, context: Any) -> Any:
        yield api.WatchRunResponse()
        if request.run in ERRORS:
            raise ERRORS[request.run]
        yield api.WatchRunResponse()


def register(server: grpc.aio.Server) -> None:
    stubs.add_ControlServiceServicer_to_server(Control(), server)


@pytest.fixture
async def channel() -> AsyncIterator[grpc.aio.Channel]:
    async with (
        rpc.serve(register, SERVICES, host="127.0.0.1", port=0, deadline_seconds=0.5) as port,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as connected,
    ):
        yield connected


@pytest.mark.parametrize(
    ("run", "code", "details"),
    [
        ("value", grpc.StatusCode.INVALID_ARGUMENT, "run must be a name"),
        ("lookup", grpc.StatusCode.NOT_FOUND, "'no such run'"),
        ("conflict", grpc.StatusCode.ABORTED, "somebody was first"),
        ("bus", grpc.StatusCode.UNAVAILABLE, "no NATS"),
        ("timeout", grpc.StatusCode.DEADLINE_EXCEEDED, "TimeoutError"),
        ("permission", grpc.StatusCode.PERMISSION_DENIED, "not yours"),
        ("bug", grpc.StatusCode.INTERNAL, "RuntimeError; the log of the service has the details"),
        ("abort", grpc.StatusCode.FAILED_PRECONDITION, "said by the handler itself"),
    ],
)
async def test_errors_become_codes(channel: grpc.aio.Channel, run: str, code: grpc.StatusCode, details: str) -> None:
    control = stubs.ControlServiceStub(channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await control.GetStatus(api.GetStatusRequest(run=run))
    assert (caught.value.code(), caught.value.details()) == (code, details)


async def test_answers_pass_through(channel: grpc.aio.Channel) -> None:
    control = stubs.ControlServiceStub(channel)
    assert await control.GetStatus(api.GetStatusRequest()) == api.GetStatusResponse()
    assert len([item async for item in control.WatchRun(api.WatchRunRequest())]) == 2
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await control.PauseRun(api.PauseRunRequest())
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


async def test_a_stream_ends_with_the_code_of_its_error(channel: grpc.aio.Channel) -> None:
    call = stubs.ControlServiceStub(channel).WatchRun(api.WatchRunRequest(run="value"))
    assert await call.read() == api.WatchRunResponse()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_a_call_without_a_deadline_gets_one(channel: grpc.aio.Channel) -> None:
    started = time.monotonic()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stubs.ControlServiceStub(channel).GetStatus(api.GetStatusRequest(run="slow"))
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert time.monotonic() - started < 5


async def test_health_per_service(channel: grpc.aio.Channel) -> None:
    health = health_pb2_grpc.HealthStub(channel)
    for name in ("", CONTROL):
        answer = await health.Check(health_pb2.HealthCheckRequest(service=name))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await health.Check(health_pb2.HealthCheckRequest(service="unknown"))
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND


async def test_reflection_lists_the_services(channel: grpc.aio.Channel) -> None:
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter([request]))
    (answer,) = [item async for item in call]
    names = {service.name for service in answer.list_services_response.service}
    assert names == {CONTROL, "grpc.health.v1.Health"}


async def test_a_taken_port_is_an_error() -> None:
    async with rpc.serve(register, SERVICES, host="127.0.0.1", port=0) as port:
        with pytest.raises(rpc.RpcPortTaken, match=f"127.0.0.1:{port}"):
            async with rpc.serve(register, SERVICES, host="127.0.0.1", port=port):
                pass
