"""Several NATS servers as one: what each of them has to know of the others.

All share one configuration; each is told its own name (`nats-server --name`). Servers know one another by certificates
of an authority of their own: whoever comes in as a server may do anything, so those of services and people are no use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAME = "ludus"
PORT = 6222
#: File names of the authority, and of the certificate that every server shows.
AUTHORITY, ROUTE = "route-ca", "route"


@dataclass(frozen=True, slots=True)
class Cluster:
    """`routes`: HOST:PORT of every server, this one included. Without certificates only on loopback."""

    routes: Sequence[str]
    port: int = PORT
    certificates: Path | None = None
    """folder with route.pem, route.key and route-ca.pem, as the server sees it"""

    def settings(self, host: str) -> dict[str, Any]:
        """The block of nats-server's configuration. Clients are not told of servers that they may not reach."""
        cluster: dict[str, Any] = {
            "name": NAME,
            "listen": f"{host}:{self.port}",
            "routes": [f"nats://{route}" for route in self.routes],
            "no_advertise": True,
        }
        if self.certificates:
            cluster["tls"] = {
                "cert_file": str(self.certificates / f"{ROUTE}.pem"),
                "key_file": str(self.certificates / f"{ROUTE}.key"),
                "ca_file": str(self.certificates / f"{AUTHORITY}.pem"),
                "verify": True,
                "timeout": 5,
            }
        return {"cluster": cluster}
