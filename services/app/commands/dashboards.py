"""`ludus dashboards`: Grafana's."""

from __future__ import annotations

import argparse
import os

from rich.console import Console

from ..errors import UsageError
from ..extras import need
from ..home import Home


def dashboards(options: argparse.Namespace, home: Home, console: Console) -> int:
    """Written into a folder, or pushed into a running Grafana."""
    if options.what == "push":
        need("grafana")
        from ..grafana.push import push

        lines = push(os.environ)
    elif options.folder is None:
        raise UsageError("ludus dashboards write: which folder? For example: ludus dashboards write observability")
    else:
        from ..grafana.files import Addresses, write

        addresses = Addresses(options.prometheus_url, options.alertmanager, options.league_url)
        paths = write(options.folder, home.targets_file, addresses, options.inside or "")
        lines = [str(path) for path in paths]
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True, markup=False)
    return 0
