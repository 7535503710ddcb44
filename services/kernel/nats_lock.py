"""A NATS server with locked doors: the blocks `authorization` and `tls`, and one credential per identity."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nkeys

from .door import CA_FILE, SEED_SUFFIX
from .errors import Unsupported
from .files import write_atomically
from .permissions import permissions
from .topology import IDENTITIES

#: The folder with the credentials of all runs, beside the server's configuration.
CREDENTIALS = "credentials"
SEED_BYTES = 32
SECRET_MODE = 0o600


@dataclass(frozen=True, slots=True)
class Lock:
    """Who may come in, with what, and what it may do. `run_agents`: the runs of the server, with their agents."""

    credentials: Path
    run_agents: Mapping[str, Sequence[str]]
    certificate: Path
    key: Path

    def settings(self) -> dict[str, Any]:
        """The blocks of nats-server's configuration. It refers to the files of the certificate by path."""
        users = [
            self._user(run, agents, identity) for run, agents in self.run_agents.items() for identity in IDENTITIES
        ]
        return {
            "authorization": {"users": users, "timeout": 5},
            "tls": {"cert_file": str(self.certificate), "key_file": str(self.key), "timeout": 5},
        }

    def _user(self, run: str, agents: Sequence[str], identity: str) -> dict[str, Any]:
        allowed = permissions(identity, run, agents)
        seed = credential(folder_of(self.credentials, run), identity)
        return {"nkey": public_key(seed), "permissions": allowed.as_config()}


def folder_of(credentials: Path, run: str) -> Path:
    """Where the credentials of one run are: what `bus.credentials` names."""
    return credentials / run


def credential(folder: Path, identity: str) -> bytes:
    """The seed of an identity, kept from one time to the next; made if there is none."""
    file = folder / f"{identity}{SEED_SUFFIX}"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_secret(file, nkeys.encode_seed(os.urandom(SEED_BYTES), nkeys.PREFIX_BYTE_USER))
    return file.read_bytes().strip()


def public_key(seed: bytes) -> str:
    """What the server knows of a credential; nothing can be done with it. Raises Unsupported for a damaged seed."""
    try:
        return bytes(nkeys.from_seed(bytearray(seed)).public_key).decode()
    except (nkeys.NkeysError, ValueError) as error:
        raise Unsupported(
            f"a credential is damaged ({error}): delete its file, and `ludus nats config` again"
        ) from error


def copy_ca(ca: Path, folder: Path) -> None:
    write_atomically(folder / CA_FILE, ca.read_bytes())


def write_secret(file: Path, data: bytes) -> None:
    """Readable by its owner alone, from its first byte on."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SECRET_MODE), "wb") as output:
        output.write(data)
        output.flush()
        os.fsync(output.fileno())
