"""A nats-server with locked doors on loopback: TLS, and one credential per identity and run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ludus.kernel.certificates import Pair, authority, issue
from ludus.kernel.nats_lock import CREDENTIALS, Lock, copy_ca, folder_of
from ludus.kernel.nats_server import NatsServer


def locked_server(folder: Path, binary: Path, run_agents: Mapping[str, Sequence[str]]) -> NatsServer:
    """Not started yet. The credentials are in `credentials(server, run)`."""
    ca = authority(folder)
    certificate = issue(ca, Pair(folder / "server.pem", folder / "server.key"), "nats", ["127.0.0.1", "localhost"])
    lock = Lock(folder / CREDENTIALS, run_agents, certificate.certificate, certificate.key)
    server = NatsServer(folder, binary=binary, lock=lock)
    for run in run_agents:
        folder_of(lock.credentials, run).mkdir(parents=True)
        copy_ca(ca.certificate, folder_of(lock.credentials, run))
    return server


def credentials(server: NatsServer, run: str) -> Path:
    return folder_of(server.directory / CREDENTIALS, run)
