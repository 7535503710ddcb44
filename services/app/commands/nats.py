"""`ludus nats config`: a NATS server for more than one machine, with TLS and one credential per service."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from ...kernel.errors import Unsupported
from ...kernel.nats_cluster import AUTHORITY, ROUTE, Cluster
from ...kernel.nats_server import write_config
from ...kernel.topology import IDENTITIES
from ..errors import CommandError, UsageError
from ..extras import need
from ..home import Home
from ..people import PEOPLE, PERSON_CERTIFICATE, PERSON_KEY

if TYPE_CHECKING:
    from ...kernel.certificates import Pair

CONFIG = "nats.conf"
SERVICES = [identity for identity in IDENTITIES if identity != "console"]


def config(options: argparse.Namespace, home: Home, console: Console) -> int:
    """Write configuration, certificates and credentials; what is there already is kept, so it may be repeated."""
    need("cluster")
    from ...kernel.certificates import Pair, authority, issue
    from ...kernel.nats_lock import CREDENTIALS, Lock, folder_of

    folder: Path = (options.output or home.root / "nats-locked").absolute()
    hosts = options.host or ["localhost", "127.0.0.1"]
    server = Pair(folder / "server.pem", folder / "server.key")
    try:
        ca = authority(folder)
        if not server.exists():
            issue(ca, server, "nats", [*hosts, *(options.cluster or [])])
        agents = dict.fromkeys(options.run, options.agent or ["main"])
        seen = options.seen_as or folder
        lock = Lock(folder / CREDENTIALS, agents, seen / server.certificate.name, seen / server.key.name)
        write_config(
            folder / CONFIG,
            store=options.store or folder / "jetstream",
            port=options.port,
            pid_file=(options.store or folder) / "nats.pid",
            host=options.listen,
            monitor_port=options.monitor_port,
            lock=lock,
            cluster=_cluster(folder, seen, options) if options.cluster else None,
        )
        for run in options.run:
            _for_run(ca, folder_of(folder / CREDENTIALS, run), run, options)
    except Unsupported as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        raise CommandError(f"{folder} cannot be written: {error.strerror}") from error
    folders = {run: folder_of(folder / CREDENTIALS, run) for run in options.run}
    _explain(console, folder, folders, f"tls://{hosts[0]}:{options.port}", clustered=bool(options.cluster))
    return 0


def _cluster(folder: Path, seen: Path, options: argparse.Namespace) -> Cluster:
    """Servers that know one another by certificates of their own authority."""
    from ...kernel.certificates import Pair, authority, issue

    ca, pair = authority(folder, AUTHORITY), Pair(folder / f"{ROUTE}.pem", folder / f"{ROUTE}.key")
    if not pair.exists():
        issue(ca, pair, "nats", options.cluster, peer=True)
    routes = [f"{host}:{options.cluster_port}" for host in options.cluster]
    return Cluster(routes, options.cluster_port, seen)


def _for_run(ca: Pair, folder: Path, run: str, options: argparse.Namespace) -> None:
    """Certificates of one run: its services listen with them, people come in with theirs."""
    from ...kernel.certificates import Pair, issue
    from ...kernel.nats_lock import copy_ca

    copy_ca(ca.certificate, folder)
    local = ["localhost", "127.0.0.1"]
    for service in SERVICES:
        pair = Pair(folder / f"{service}.pem", folder / f"{service}.key")
        if not pair.exists():
            issue(ca, pair, service, [service, *local, *(options.service_host or [])])
    for name, role in options.person or []:
        person = folder / PEOPLE / name
        pair = Pair(person / PERSON_CERTIFICATE, person / PERSON_KEY)
        if not pair.exists():
            issue(ca, pair, name, role=role, run=run)
        copy_ca(ca.certificate, person)


def _explain(console: Console, folder: Path, credentials: dict[str, Path], url: str, *, clustered: bool) -> None:
    lines = [
        f"server  nats-server --config {folder / CONFIG}{' --name NAME-OF-EACH' if clustered else ''}",
        *(
            f"run     ludus train GAME --run {run} --nats-url {url} --set bus.credentials={where}"
            for run, where in credentials.items()
        ),
        "Keep ca.key, and route-ca.key, where no service can read them; give each service its own SERVICE.* and ca.pem",
        f"alone, and a person the folder {PEOPLE}/NAME: `ludus remote status --league HOST:PORT --credentials FOLDER`.",
    ]
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True, markup=False)
