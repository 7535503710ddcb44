"""What a NATS server says about itself when one connects: enough to refuse an unsuitable one before anything starts."""

from __future__ import annotations

import json
import re
import socket
from typing import Any
from urllib.parse import urlsplit

from ..kernel.topology import MAX_PAYLOAD_BYTES, MIN_SERVER_VERSION
from .errors import CommandError, UsageError

DEFAULT_PORT = 4222
INFO_LIMIT_BYTES = 65_536
NEEDED = ".".join(map(str, MIN_SERVER_VERSION))


def address_of(url: str) -> tuple[str, int]:
    """Host and port of the first server of a URL. Raises UsageError."""
    first = url.split(",")[0].strip()
    try:
        parts = urlsplit(first if "://" in first else f"nats://{first}")
        host, port = parts.hostname, parts.port or DEFAULT_PORT
    except ValueError:
        host, port = None, 0
    if not host or parts.scheme not in ("nats", "tls"):
        raise UsageError(f"{url!r} is not the address of a NATS server: expected nats://HOST:PORT")
    return host, port


def server_info(url: str, timeout_seconds: float = 2.0) -> dict[str, Any]:
    """The INFO object a NATS server greets with. Raises CommandError when nobody answers, or somebody else does."""
    host, port = address_of(url)
    try:
        with socket.create_connection((host, port), timeout_seconds) as connection:
            connection.settimeout(timeout_seconds)
            greeting = _line(connection)
    except OSError as error:
        raise CommandError(f"no NATS server answers at {url}: {error.strerror or error}") from error
    if not greeting.startswith("INFO "):
        raise CommandError(f"what listens at {url} is not a NATS server")
    info = json.loads(greeting[5:])
    assert isinstance(info, dict)
    return info


def _line(connection: socket.socket) -> str:
    received = b""
    while b"\r\n" not in received and len(received) < INFO_LIMIT_BYTES:
        piece = connection.recv(4096)
        if not piece:
            break
        received += piece
    return received.partition(b"\r\n")[0].decode(errors="replace")


def check_server(url: str) -> None:
    """Raises UsageError when the server at `url` cannot be used, saying what is needed."""
    advice = f"Ludus needs nats-server {NEEDED} or newer with JetStream; leave bus.url empty to use Ludus's own."
    try:
        info = server_info(url)
    except CommandError as error:
        raise UsageError(f"{error}. {advice}") from error
    version = str(info.get("version", ""))
    if version_number(version) < MIN_SERVER_VERSION:
        raise UsageError(f"the NATS server at {url} has version {version or 'unknown'}, which is too old. {advice}")
    if not info.get("jetstream"):
        raise UsageError(f"the NATS server at {url} runs without JetStream (start it with -js). {advice}")
    if int(info.get("max_payload", 0)) < MAX_PAYLOAD_BYTES:
        raise UsageError(
            f"the NATS server at {url} takes messages of at most {info.get('max_payload')} bytes: "
            f"set max_payload to {MAX_PAYLOAD_BYTES} in its configuration."
        )


def version_number(text: str) -> tuple[int, ...]:
    """`nats-server: v2.12.3-beta.1` -> (2, 12, 3); () when there is no version in the text."""
    match = re.search(r"(\d+)\.(\d+)\.(\d+)", text)
    return tuple(map(int, match.groups())) if match else ()


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError):
            return False
        return True
