"""`ludus nats config`: a NATS server for more than one machine, with TLS and one credential per service."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from ...kernel.errors import Unsupported
from ...kernel.nats_server import write_config
from ..errors import CommandError, UsageError
from ..extras import need
from ..home import Home

CONFIG = "nats.conf"


def config(options: argparse.Namespace, home: Home, console: Console) -> int:
    """Write configuration, certificates and credentials; what is there already is kept, so it may be repeated."""
    need("cluster")
    from ...kernel.certificates import Pair, authority, issue
    from ...kernel.nats_lock import CREDENTIALS, Lock, copy_ca, folder_of

    folder: Path = (options.output or home.root / "nats-locked").absolute()
    hosts = options.host or ["localhost", "127.0.0.1"]
    server = Pair(folder / "server.pem", folder / "server.key")
    try:
        ca = authority(folder)
        if not server.exists():
            issue(ca, server, "nats", hosts)
        agents = dict.fromkeys(options.run, options.agent or ["main"])
        lock = Lock(folder / CREDENTIALS, agents, server.certificate, server.key)
        write_config(
            folder / CONFIG,
            store=options.store or folder / "jetstream",
            port=options.port,
            pid_file=folder / "nats.pid",
            host=options.listen,
            lock=lock,
        )
        for run in options.run:
            copy_ca(ca.certificate, folder_of(folder / CREDENTIALS, run))
    except Unsupported as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        raise CommandError(f"{folder} cannot be written: {error.strerror}") from error
    folders = {run: folder_of(folder / CREDENTIALS, run) for run in options.run}
    _explain(console, folder, folders, f"tls://{hosts[0]}:{options.port}")
    return 0


def _explain(console: Console, folder: Path, credentials: dict[str, Path], url: str) -> None:
    lines = [
        f"server  nats-server --config {folder / CONFIG}",
        *(
            f"run     ludus train GAME --run {run} --nats-url {url} --set bus.credentials={where}"
            for run, where in credentials.items()
        ),
        "Keep ca.key where no service can read it; give each service its own SERVICE.nk and ca.pem alone.",
    ]
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True, markup=False)
