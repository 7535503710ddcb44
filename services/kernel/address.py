"""Addresses of NATS servers."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from .errors import Unsupported


def server_list(url: str) -> list[str]:
    """The addresses in `url`, separated by commas. Raises Unsupported for what is no address."""
    servers = [server.strip() for server in url.split(",")]
    for server in servers:
        try:
            parts = urlsplit(server if "://" in server else f"nats://{server}")
            good = parts.scheme in ("nats", "tls", "ws", "wss") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            good = False
        if not good:
            raise Unsupported(f"{server!r} is not the address of a NATS server: expected nats://HOST:PORT (bus.url).")
    return servers


def without_credentials(url: str) -> str:
    """The same address for logs and messages."""
    return re.sub(r"//[^/@,]*@", "//", url)
