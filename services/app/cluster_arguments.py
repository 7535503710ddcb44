"""The part of the command line for more than one machine."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

NATS_CONFIG = """Write what a NATS server beyond loopback needs: configuration with TLS and default-deny permissions, a
private certificate authority, and one credential (nkey) per service and run. What exists is kept, so it may be
repeated with one run more.

Each service may do what the table of subjects says, and nothing else. Give each machine its own SERVICE.nk and ca.pem.

examples:
  ludus nats config --run duel-1 --host nats.example.org --output locked
  nats-server --config locked/nats.conf
  ludus train dogfight --run duel-1 --nats-url tls://nats.example.org:4222 \\
    --set bus.credentials=locked/credentials/duel-1
"""


def add_cluster(add: Any) -> None:
    """`add` makes commands that share the common options."""
    nats = add("nats", "", "a NATS server for several machines")
    what = nats.add_subparsers(dest="what", metavar="WHAT", required=True, parser_class=type(nats))
    _nats_config(
        type(add)(what, add.common)("config", "nats:config", "write configuration and credentials", NATS_CONFIG)
    )


def _nats_config(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--run", action="append", required=True, metavar="NAME", help="a run that will use it; may be repeated")
    text = "an agent that learns, if the runs have several; may be repeated (default: main)"
    add("--agent", action="append", metavar="NAME", help=text)
    text = "name or address clients use; may be repeated (default: localhost and 127.0.0.1)"
    add("--host", action="append", metavar="HOST", help=text)
    add("--listen", default="0.0.0.0", metavar="ADDRESS", help="address to listen on (default %(default)s)")  # noqa: S104
    add("--port", type=int, default=4222, metavar="N", help="port of clients (default %(default)s)")
    add("--store", type=Path, metavar="DIR", help="where streams are kept (default: beside the configuration)")
    add("--output", type=Path, metavar="DIR", help="where to write (default: nats-locked/ of the home)")
