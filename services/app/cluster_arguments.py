"""The part of the command line for more than one machine."""

from __future__ import annotations

import argparse
import re
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


DEADLETTER = """A message that a service cannot read (damaged, of another run, of a wrong shape) leaves its queue and is
kept with the cause, up to 1,000 a run. Mend the cause, then send it again: `ludus deadletter requeue RUN N`.
"""

K8S = """Write a kustomization of one run: base and overlay of deploy/k8s, the run's configuration, its names of
streams and consumers. Prints the commands that make its keys and bring it up.

examples:
  ludus k8s render dogfight --run duel-1 --overlay prod --image registry.example.org/ludus:1 --output k8s
  kubectl kustomize k8s
"""

REMOTE = """Ask or command a run whose league is on another machine, with a certificate. Status takes the role viewer,
pause, resume and rollback operator, stop and promote admin.

examples:
  ludus remote status duel-1 --league league.example.org:7000 --credentials ~/ludus-keys/anna
  ludus remote rollback duel-1 --checkpoint 1-400 --league league.example.org:7000 --credentials ~/ludus-keys/anna
"""

#: Those of kernel/roles.py; named here too, so that `--help` need not load gRPC.
ROLES = ("viewer", "operator", "admin")
REMOTE_VERBS = ("status", "pause", "resume", "rollback", "promote", "stop")


def add_cluster(add: Any) -> None:
    """`add` makes commands that share the common options."""
    nats = add("nats", "", "a NATS server for several machines")
    _k8s(add)
    letters = add("deadletter", "", "messages of a run that nobody could read")
    verbs = letters.add_subparsers(dest="what", metavar="WHAT", required=True, parser_class=type(letters))
    inner = type(add)(verbs, add.common)
    _letters(inner("list", "deadletter:list_letters", "what there is, oldest first", DEADLETTER), number=False)
    _letters(inner("show", "deadletter:show", "one of them, with the first of its bytes", DEADLETTER), number=True)
    _letters(inner("requeue", "deadletter:requeue", "send one again where it was found", DEADLETTER), number=True)
    _remote(add("remote", "remote:remote", "a run on other machines", REMOTE))
    what = nats.add_subparsers(dest="what", metavar="WHAT", required=True, parser_class=type(nats))
    _nats_config(
        type(add)(what, add.common)("config", "nats:config", "write configuration and credentials", NATS_CONFIG)
    )


def _person(text: str) -> tuple[str, str]:
    from ..kernel.section import NAME_PATTERN  # pydantic is slow to import, and help is to be fast

    name, _, role = text.partition(":")
    if role not in ROLES or not re.fullmatch(NAME_PATTERN, name):
        raise argparse.ArgumentTypeError(f"expected NAME:ROLE with a role of {', '.join(ROLES)}, found {text!r}")
    return name, role


def _k8s(add: Any) -> None:
    k8s = add("k8s", "", "a run on Kubernetes")
    what = k8s.add_subparsers(dest="what", metavar="WHAT", required=True, parser_class=type(k8s))
    option = type(add)(what, add.common)("render", "k8s:render", "write the manifests of a run", K8S).add_argument
    option("game", metavar="GAME", help="whose preset it is; with --config only for the message")
    option("--run", required=True, metavar="NAME", help="name of the run")
    option("--preset", default="default", metavar="NAME", help="as for train")
    option("--config", type=Path, metavar="FILE", help="a configuration of your own instead of a preset")
    option("--overlay", default="dev", metavar="NAME", help="dev or prod (default %(default)s)")
    option("--namespace", default="ludus", metavar="NAME", help="(default %(default)s)")
    option("--image", metavar="IMAGE", help="of the services (default: that of the overlay)")
    option(
        "--deploy",
        type=Path,
        default=Path("deploy/k8s"),
        metavar="DIR",
        help="of the repository (default: %(default)s)",
    )
    option("--output", type=Path, default=Path("k8s"), metavar="DIR", help="where to write (default: %(default)s)")


def _letters(parser: argparse.ArgumentParser, *, number: bool) -> None:
    parser.add_argument("run", metavar="RUN", help="name of the run")
    if number:
        parser.add_argument("number", type=int, metavar="N", help="as `ludus deadletter list` names it")
    else:
        parser.add_argument("--count", type=int, default=100, metavar="N", help="at most (default %(default)s)")


def _remote(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("verb", choices=REMOTE_VERBS, metavar="VERB", help=f"one of {', '.join(REMOTE_VERBS)}")
    add("run", metavar="RUN", help="name of the run")
    add("--league", required=True, metavar="HOST:PORT", help="where its league listens")
    add("--credentials", type=Path, required=True, metavar="DIR", help="folder of a person, from `ludus nats config`")
    add("--reason", default="", metavar="TEXT", help="of a stop or rollback, for the audit trail")
    text = "EPOCH-STEP, to promote or to go back to (default: the controller chooses)"
    add("--checkpoint", default="", metavar="CHECKPOINT", help=text)
    add("--agent", default="", metavar="NAME", help="which of several, to roll back or promote (default: the first)")


def _nats_config(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--run", action="append", required=True, metavar="NAME", help="a run that will use it; may be repeated")
    text = "an agent that learns, if the runs have several; may be repeated (default: main)"
    add("--agent", action="append", metavar="NAME", help=text)
    text = "name or address clients use; may be repeated (default: localhost and 127.0.0.1)"
    add("--host", action="append", metavar="HOST", help=text)
    text = "a server of a cluster, as the others reach it; repeat it for each; bus.replicas = 3 uses it (default: none)"
    add("--cluster", action="append", metavar="HOST", help=text)
    add("--cluster-port", type=int, default=6222, metavar="N", help="of servers among themselves (default %(default)s)")
    text = "further name or address of the services, for their certificates; may be repeated"
    add("--service-host", action="append", metavar="HOST", help=text)
    text = "a certificate for gRPC and metrics; ROLE is viewer, operator or admin; may be repeated"
    add("--person", action="append", type=_person, metavar="NAME:ROLE", help=text)
    add("--listen", default="0.0.0.0", metavar="ADDRESS", help="address to listen on (default %(default)s)")  # noqa: S104
    add("--port", type=int, default=4222, metavar="N", help="port of clients (default %(default)s)")
    text = "the folder as the server sees it, if it is mounted elsewhere (default: --output)"
    add("--seen-as", type=Path, metavar="DIR", help=text)
    text = "of the server's monitoring pages, by TLS and for whoever can reach it; for autoscalers (default: none)"
    add("--monitor-port", type=int, metavar="N", help=text)
    add("--store", type=Path, metavar="DIR", help="where streams are kept (default: beside the configuration)")
    add("--output", type=Path, metavar="DIR", help="where to write (default: nats-locked/ of the home)")
