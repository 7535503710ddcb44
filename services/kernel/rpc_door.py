"""The door of a server that others can reach: both sides show certificates, and each method asks for a role.

On loopback there is none. What is refused is said to the caller, logged, and told to the audit trail.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from .door import CA_FILE, identity_of, is_loopback
from .errors import Unsupported
from .roles import Caller, caller_of

log = logging.getLogger(__name__)

#: Told about what was refused: who, which method, why.
Audit = Callable[[Caller, str, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Listening:
    """How one service shows others who it is, and whom it believes."""

    run: str
    certificate: Path
    key: Path
    ca: Path

    @classmethod
    def on(cls, host: str, run: str, service: str, credentials: str) -> Listening | None:
        """None on loopback. Raises Unsupported for any other address without certificates."""
        if is_loopback(host):
            return None
        if not credentials:
            raise Unsupported(
                f"--host {host} lets others in, so this service needs TLS and certificates: set bus.credentials to the "
                "folder that `ludus nats config` wrote, or listen on 127.0.0.1."
            )
        folder, name = Path(credentials), identity_of(service)
        found = cls(run, folder / f"{name}.pem", folder / f"{name}.key", folder / CA_FILE)
        for file in (found.certificate, found.key, found.ca):
            if not file.is_file():
                raise Unsupported(f"bus.credentials: {file} is missing. `ludus nats config` writes it.")
        return found

    def grpc_credentials(self) -> grpc.ServerCredentials:
        pairs = [(self.key.read_bytes(), self.certificate.read_bytes())]
        return grpc.ssl_server_credentials(pairs, self.ca.read_bytes(), require_client_auth=True)

    def http_context(self) -> ssl.SSLContext:
        """Certificates of clients are looked at where there is one: who only asks for health need not have it."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(self.ca))
        context.load_cert_chain(self.certificate, self.key)
        context.verify_mode = ssl.CERT_OPTIONAL
        return context


class Doorman(grpc.aio.ServerInterceptor):
    """Lets a call in if the certificate's role and run allow it; methods that are not in the table never."""

    def __init__(self, run: str, table: Mapping[str, int], audit: Audit) -> None:
        self._run = run
        self._table = table
        self._audit = audit

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], details: Any) -> Any:
        method = details.method
        handler = await continuation(details)

        async def check(context: Any) -> None:
            await self._check(method, context)

        if method not in self._table or handler is None or handler.request_streaming:
            return _closed(check)
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(
                _stream(check, handler.unary_stream), handler.request_deserializer, handler.response_serializer
            )
        return grpc.unary_unary_rpc_method_handler(
            _answer(check, handler.unary_unary), handler.request_deserializer, handler.response_serializer
        )

    async def _check(self, method: str, context: Any) -> None:
        caller = caller_of(context.auth_context())
        if caller is None:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "a certificate is needed")
            return
        if problem := caller.may(self._table.get(method), self._run):
            log.warning("refused %s to %s: %s", method, caller.name, problem)
            await self._audit(caller, method, problem)
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, problem)


Check = Callable[[Any], Awaitable[None]]


def _answer(check: Check, method: Callable[[Any, Any], Awaitable[Any]]) -> Any:
    async def call(request: Any, context: Any) -> Any:
        await check(context)
        return await method(request, context)

    return call


def _stream(check: Check, method: Callable[[Any, Any], Any]) -> Any:
    async def call(request: Any, context: Any) -> Any:
        await check(context)
        answers = method(request, context)
        if hasattr(answers, "__aiter__"):
            async for item in answers:
                yield item
        else:  # one that writes to its context, as that of health does
            await answers

    return call


def _closed(check: Check) -> Any:
    """For a method that nobody may call. It takes any bytes and never looks at them."""

    async def call(_request: bytes, context: Any) -> bytes:
        await check(context)
        await context.abort(grpc.StatusCode.PERMISSION_DENIED, "nobody may call this method")
        return b""

    return grpc.unary_unary_rpc_method_handler(call)
