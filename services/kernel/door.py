"""Who a client is, and whether it may come in: loopback is open, everywhere else a server needs TLS and a credential.

The folder that `ludus nats config` writes holds one seed per identity (`simulator.nk`) and `ca.pem`. A container is
given its own seed and ca.pem alone.
"""

from __future__ import annotations

import ipaddress
import secrets
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .address import server_list, without_credentials
from .errors import Unsupported

SEED_SUFFIX = ".nk"
CA_FILE = "ca.pem"


def is_loopback(host: str) -> bool:
    """Whether nobody from another machine can be at the other end. Names other than localhost may point anywhere."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def identity_of(service: str) -> str:
    """`simulator-3` is a simulator."""
    return service.partition("-")[0]


@dataclass(frozen=True, slots=True)
class Door:
    """How one service enters one server."""

    run: str
    identity: str
    seed_file: Path | None = None
    ca_file: Path | None = None

    @classmethod
    def to(cls, url: str, run: str, service: str, credentials: str = "") -> Door:
        """Raises Unsupported when the server is not on loopback and TLS or the credential is missing."""
        servers = [urlsplit(server if "://" in server else f"nats://{server}") for server in server_list(url)]
        identity = identity_of(service)
        if not credentials:
            check_open(url)
            return cls(run, identity)
        seed, ca = Path(credentials) / f"{identity}{SEED_SUFFIX}", Path(credentials) / CA_FILE
        encrypted = all(server.scheme in ("tls", "wss") for server in servers)
        if not encrypted and not all(is_loopback(server.hostname or "") for server in servers):
            raise Unsupported(
                f"NATS at {without_credentials(url)} is not on this machine, so the connection must be encrypted: "
                "write tls://HOST:PORT in bus.url."
            )
        for file in (seed, *([ca] if encrypted else [])):
            if not file.is_file():
                raise Unsupported(f"bus.credentials: {file} is missing. `ludus nats config` writes it.")
        return cls(run, identity, seed, ca if encrypted else None)

    @property
    def locked(self) -> bool:
        """The server knows this service and lets it do what it has to, no more."""
        return self.seed_file is not None

    @property
    def inbox(self) -> str:
        """Where answers come to: nobody but this identity may listen below `_INBOX.<run>.<identity>`."""
        prefix = inbox_prefix(self.run, self.identity) if self.locked else "_INBOX"
        return f"{prefix}.{secrets.token_hex(11)}"

    def options(self) -> dict[str, Any]:
        """What the NATS client needs to come in."""
        found: dict[str, Any] = {}
        if self.seed_file:
            found["nkeys_seed"] = str(self.seed_file)
        if self.ca_file:
            found["tls"] = ssl.create_default_context(cafile=str(self.ca_file))
        return found


def inbox_prefix(run: str, identity: str) -> str:
    return f"_INBOX.{run}.{identity}"


def check_open(url: str) -> None:
    """Raises Unsupported for a server elsewhere that one would enter in the clear or without a credential.

    A user and password in a tls:// address are a credential too: that of a server that somebody else keeps.
    """
    for server in server_list(url):
        parts = urlsplit(server if "://" in server else f"nats://{server}")
        guarded = parts.scheme in ("tls", "wss") and parts.username
        if not guarded and not is_loopback(parts.hostname or ""):
            raise Unsupported(
                f"NATS at {without_credentials(server)} is not on this machine, so it needs TLS and a credential: set "
                "bus.url to tls://HOST:PORT and bus.credentials to the folder that `ludus nats config` wrote."
            )
