"""A gRPC server with health, reflection, deadlines, and errors that say what they are."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection

from .errors import BusError, Conflict
from .roles import HEALTH, Caller, caller_of, method_roles
from .rpc_door import Audit, Doorman, Listening

log = logging.getLogger(__name__)

#: A question that the caller sets no deadline for is answered, or given up, within this time.
DEADLINE_SECONDS = 10.0
STOP_SECONDS = 2.0
MAX_MESSAGE_BYTES = 64 * 1024 * 1024

_OPTIONS = (
    ("grpc.so_reuseport", 0),  # a taken port is an error, not a second server behind it
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
)

#: The first match counts, so subclasses stand before their bases.
_CODES: tuple[tuple[type[Exception], grpc.StatusCode], ...] = (
    (Conflict, grpc.StatusCode.ABORTED),
    (BusError, grpc.StatusCode.UNAVAILABLE),
    (TimeoutError, grpc.StatusCode.DEADLINE_EXCEEDED),
    (NotImplementedError, grpc.StatusCode.UNIMPLEMENTED),
    (LookupError, grpc.StatusCode.NOT_FOUND),
    (PermissionError, grpc.StatusCode.PERMISSION_DENIED),
    (ValueError, grpc.StatusCode.INVALID_ARGUMENT),
)


class RpcPortTaken(OSError):
    """The port cannot be listened on."""


@asynccontextmanager
async def serve(
    register: Callable[[grpc.aio.Server], None],
    services: Sequence[ServiceDescriptor],
    *,
    host: str,
    port: int,
    deadline_seconds: float = DEADLINE_SECONDS,
    listening: Listening | None = None,
    audit: Audit | None = None,
) -> AsyncIterator[int]:
    """Serve while the block runs; yields the port (0 takes a free one).

    `register` adds the servicers, `services` describes them, for health, reflection and the roles that may call them.
    `listening`: with certificates on both sides and without reflection; `audit` is told what was refused.

    What a handler raises becomes a status: ValueError INVALID_ARGUMENT, LookupError NOT_FOUND, Conflict
    ABORTED, BusError UNAVAILABLE; anything else INTERNAL, with the traceback in the log only. Raises RpcPortTaken.
    """
    names = [service.full_name for service in services]
    interceptors: list[grpc.aio.ServerInterceptor] = [_Manners(deadline_seconds)]
    if listening:
        interceptors.insert(0, Doorman(listening.run, method_roles([*services, HEALTH]), audit or _unheard))
    server = grpc.aio.server(options=_OPTIONS, interceptors=interceptors)
    register(server)
    health = HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    if not listening:
        reflection.enable_server_reflection([*names, HEALTH.full_name], server)
    try:
        bound = _bind(server, f"{host}:{port}", listening)
    except RuntimeError as error:
        raise RpcPortTaken(f"cannot listen on {host}:{port} for gRPC: {error}") from error
    await server.start()
    for name in ("", *names):
        await health.set(name, health_pb2.HealthCheckResponse.SERVING)
    try:
        yield bound
    finally:
        await health.enter_graceful_shutdown()
        await server.stop(STOP_SECONDS)


def actor(context: Any) -> str:
    """Who calls, for the audit trail."""
    caller = caller_of(context.auth_context())
    return f"{caller.name} ({caller.role})" if caller else "on this machine"


def _bind(server: grpc.aio.Server, address: str, listening: Listening | None) -> int:
    if listening:
        return server.add_secure_port(address, listening.grpc_credentials())
    return server.add_insecure_port(address)


async def _unheard(_caller: Caller, _method: str, _problem: str) -> None:
    """The log has it."""


class _Manners(grpc.aio.ServerInterceptor):
    """Deadlines and error codes for every method."""

    def __init__(self, deadline_seconds: float) -> None:
        self._deadline_seconds = deadline_seconds

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], details: Any) -> Any:
        handler = await continuation(details)
        if handler is None or handler.request_streaming or details.method.startswith("/grpc."):
            return handler
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(
                _stream(handler.unary_stream), handler.request_deserializer, handler.response_serializer
            )
        return grpc.unary_unary_rpc_method_handler(
            _answer(handler.unary_unary, self._deadline_seconds),
            handler.request_deserializer,
            handler.response_serializer,
        )


def _answer(method: Callable[[Any, Any], Awaitable[Any]], deadline_seconds: float) -> Any:
    async def call(request: Any, context: Any) -> Any:
        remaining = context.time_remaining()
        try:
            async with asyncio.timeout(deadline_seconds if remaining is None else min(remaining, deadline_seconds)):
                return await method(request, context)
        except grpc.aio.AbortError:
            raise
        except Exception as error:
            await context.abort(*_status(error))

    return call


def _stream(method: Callable[[Any, Any], AsyncIterator[Any]]) -> Any:
    async def call(request: Any, context: Any) -> AsyncIterator[Any]:
        try:
            async for item in method(request, context):
                yield item
        except grpc.aio.AbortError:
            raise
        except Exception as error:
            await context.abort(*_status(error))

    return call


def _status(error: Exception) -> tuple[grpc.StatusCode, str]:
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code, str(error) or kind.__name__
    log.error("a gRPC method failed", exc_info=error)
    return grpc.StatusCode.INTERNAL, f"{type(error).__name__}; the log of the service has the details"
