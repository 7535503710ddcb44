"""The folder that Grafana and Prometheus are provisioned from.

dashboards/*.json                 the dashboards
provisioning/dashboards/…yaml     where Grafana finds them     (mount as /etc/grafana/provisioning)
provisioning/datasources/…yaml    where Prometheus is
prometheus.yml                    which targets to scrape: the file the supervisor keeps
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ...kernel.files import write_atomically
from ..errors import CommandError
from .boards import boards

HEAD = "# Written by `ludus dashboards write`. JSON is YAML.\n"


def write(folder: Path, targets: Path, prometheus_url: str, inside: str = "") -> list[Path]:
    """Returns the files. `inside`: where Grafana sees the folder `dashboards`, if elsewhere. Raises CommandError."""
    inside = inside or str((folder / "dashboards").absolute())
    texts = {f"dashboards/{board.uid}.json": json.dumps(board.json(), indent=2) + "\n" for board in boards()}
    provider: dict[str, Any] = {"name": "ludus", "folder": "Ludus", "type": "file", "options": {"path": inside}}
    source = {"name": "Prometheus", "type": "prometheus", "access": "proxy", "url": prometheus_url, "isDefault": True}
    texts["provisioning/dashboards/ludus.yaml"] = _yaml({"apiVersion": 1, "providers": [provider]})
    texts["provisioning/datasources/ludus.yaml"] = _yaml({"apiVersion": 1, "datasources": [source]})
    texts["prometheus.yml"] = _yaml(prometheus(targets))
    written = []
    for name, text in texts.items():
        try:
            write_atomically(folder / name, text.encode())
        except OSError as error:
            raise CommandError(f"cannot write {folder / name}: {error.strerror}") from error
        written.append(folder / name)
    return written


def prometheus(targets: Path, scrape_seconds: int = 5) -> dict[str, Any]:
    """Its configuration: scrape every process of every run of this machine."""
    every = f"{scrape_seconds}s"
    return {
        "global": {"scrape_interval": every, "evaluation_interval": every},
        "scrape_configs": [
            {"job_name": "ludus", "file_sd_configs": [{"files": [str(targets)], "refresh_interval": every}]}
        ],
    }


def _yaml(tree: dict[str, Any]) -> str:
    return HEAD + json.dumps(tree, indent=2) + "\n"
