"""The processes Prometheus has to scrape, as a file it reads by itself (`file_sd_configs`); kept by the supervisor."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable

from ..kernel.files import write_atomically
from .home import Home, Json, RunFolder, read_json
from .processes import Identity

log = logging.getLogger(__name__)


def targets(runs: Iterable[RunFolder]) -> list[Json]:
    """Every live process of these runs, with labels that tell it from the others."""
    return [target for run in runs for target in _of(run)]


def _of(run: RunFolder) -> list[Json]:
    found = []
    for name in run.services():
        heartbeat = run.heartbeat(name)
        identity = Identity.read(read_json(run.process_file(name)))
        if identity and heartbeat.get("pid") == identity.pid and heartbeat.get("http_port") and identity.alive():
            service, _, part = name.partition("-")
            labels = {"run": run.name, "name": name, "service": service}
            labels |= {"agent": part} if service == "learner" and part else {}
            found.append({"targets": [f"127.0.0.1:{heartbeat['http_port']}"], "labels": labels})
    return found


def keep(home: Home, runs: Iterable[RunFolder]) -> None:
    """Write the file when it has changed: Prometheus notices."""
    text = json.dumps(targets(runs), indent=2) + "\n"
    try:
        if not home.targets_file.exists() or home.targets_file.read_text() != text:
            write_atomically(home.targets_file, text.encode())
    except OSError as error:
        log.error("cannot write %s: %s", home.targets_file, error.strerror)
