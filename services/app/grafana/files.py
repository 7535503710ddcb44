"""The folder that Grafana and Prometheus are provisioned from.

dashboards/*.json                 the dashboards
provisioning/dashboards/…yaml     where Grafana finds them     (mount as /etc/grafana/provisioning)
provisioning/datasources/…yaml    where Prometheus is
prometheus.yml                    which targets to scrape: the file the supervisor keeps
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...kernel.files import write_atomically
from ...kernel.health import load_rules
from ...kernel.health_prometheus import prometheus_rules
from ..errors import CommandError
from .boards import boards

Tree = dict[str, Any]
SCRAPE_SECONDS = 5.0
HEAD = "# Written by `ludus dashboards write`. JSON is YAML.\n"


@dataclass(frozen=True)
class Addresses:
    """Who is where."""

    prometheus: str = "http://localhost:9090"
    alertmanager: str = "localhost:9093"
    league: str = "http://localhost:9400"


def write(folder: Path, targets: Path, addresses: Addresses, inside: str = "") -> list[Path]:
    """Returns the files. `inside`: where Grafana sees the folder `dashboards`, if elsewhere. Raises CommandError."""
    inside = inside or str((folder / "dashboards").absolute())
    texts = {f"dashboards/{board.uid}.json": json.dumps(board.json(), indent=2) + "\n" for board in boards()}
    provider: Tree = {"name": "ludus", "folder": "Ludus", "type": "file", "options": {"path": inside}}
    source = {"name": "Prometheus", "type": "prometheus", "access": "proxy", "url": addresses.prometheus}
    texts["provisioning/dashboards/ludus.yaml"] = _yaml({"apiVersion": 1, "providers": [provider]})
    texts["provisioning/datasources/ludus.yaml"] = _yaml(
        {"apiVersion": 1, "datasources": [{**source, "isDefault": True}]}
    )
    texts["prometheus.yml"] = _yaml(prometheus(targets, folder / "rules.yml", addresses.alertmanager))
    texts["rules.yml"] = prometheus_rules(load_rules(), SCRAPE_SECONDS)
    texts["alertmanager.yml"] = _yaml(alertmanager(addresses.league))
    written = []
    for name, text in texts.items():
        try:
            write_atomically(folder / name, text.encode())
        except OSError as error:
            raise CommandError(f"cannot write {folder / name}: {error.strerror}") from error
        written.append(folder / name)
    return written


def prometheus(
    targets: Path, rules: Path | None = None, alertmanager: str = "", seconds: float = SCRAPE_SECONDS
) -> Tree:
    """Its configuration: scrape every process of every run of this machine, and evaluate the health rules."""
    every = f"{round(seconds * 1000)}ms"
    found = [{"files": [str(targets)], "refresh_interval": every}]
    tree: Tree = {
        "global": {"scrape_interval": every, "evaluation_interval": every, "scrape_timeout": every},
        "scrape_configs": [{"job_name": "ludus", "file_sd_configs": found}],
    }
    if rules:
        tree["rule_files"] = [str(rules.absolute())]
    if alertmanager:
        tree["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]}
    return tree


def alertmanager(league: str) -> Tree:
    """Its configuration: what the rules call a collapse goes to the league, at once and every minute."""
    asks = {"receiver": "league", "matchers": ['verdict=~"failed|hard"'], "group_wait": "0s", "group_interval": "5s"}
    return {
        "route": {"receiver": "nobody", "group_by": ["..."], "routes": [{**asks, "repeat_interval": "1m"}]},
        "receivers": [
            {"name": "nobody"},
            {"name": "league", "webhook_configs": [{"url": f"{league}/alerts", "send_resolved": False}]},
        ],
    }


def _yaml(tree: Tree) -> str:
    return HEAD + json.dumps(tree, indent=2) + "\n"
