"""Signatures of checkpoints: proof that a learner of this run wrote them.

Ed25519 (RFC 8032) over the bytes of state.json, which names run, agent, epoch and step and holds size and sha256 of
every other file; so nothing has to be parsed before it is known whose it is. Behind locked doors the key follows from
the learner's own credential, which no other service has. On loopback, where there are no credentials, it is drawn by
chance and lies in the agent's folder, readable by its owner alone: whoever can read that can sign.
"""

from __future__ import annotations

import hmac
import secrets
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ..kernel.config import RunConfig
from ..kernel.door import SEED_SUFFIX
from ..kernel.files import write_atomically
from ..kernel.service import Fatal

KEY_FILE = "checkpoints.key"
KEY_BYTES = 32
PUBLIC_BYTES = 32
#: The public key, then the signature.
MARK_BYTES = PUBLIC_BYTES + 64
#: The credential signs what a server asks of it; what is signed here can never be mistaken for that.
_PURPOSE = b"ludus checkpoint 1\n"


class Forged(Exception):
    """No signature, one that does not belong to these bytes, or one of somebody or something else."""


class Signer:
    """The key of one agent's learners in one run."""

    def __init__(self, run: str, secret: bytes) -> None:
        self.run = run
        self._key = Ed25519PrivateKey.from_private_bytes(hmac.digest(secret, _PURPOSE + run.encode(), "sha256"))
        self.public = self._key.public_key().public_bytes_raw()

    @classmethod
    def of(cls, config: RunConfig) -> Signer:
        """The one of this run's learner; where it needs a key of its own and has none, that is made. Raises Fatal."""
        if config.bus.credentials:
            return cls(config.run, _credential(Path(config.bus.credentials) / f"learner{SEED_SUFFIX}"))
        return cls(config.run, _own_key(config.folder_of(config.learner.agent) / KEY_FILE))

    def sign(self, description: bytes) -> bytes:
        """What is kept beside the description: the public key and the signature."""
        return self.public + self._key.sign(_PURPOSE + description)


def signed_by(description: bytes, mark: bytes) -> bytes:
    """The public key whose owner signed the description. Whether that is a friend is not said. Raises Forged."""
    if len(mark) != MARK_BYTES:
        raise Forged(f"a signature has {MARK_BYTES} bytes, not {len(mark)}")
    public, signature = mark[:PUBLIC_BYTES], mark[PUBLIC_BYTES:]
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, _PURPOSE + description)
    except InvalidSignature as error:
        raise Forged("the signature does not belong to it: it was altered") from error
    return public


def _credential(file: Path) -> bytes:
    try:
        return file.read_bytes().strip()
    except OSError as error:
        raise Fatal(f"{file}, with which checkpoints are signed, cannot be read: {error.strerror}") from error


def _own_key(file: Path) -> bytes:
    """A file of another size is what a power cut left of one that nothing was signed with."""
    try:
        with suppress(FileNotFoundError):
            if len(key := file.read_bytes()) == KEY_BYTES:
                return key
        write_atomically(file, secrets.token_bytes(KEY_BYTES), durable=True, mode=0o600)
        return file.read_bytes()
    except OSError as error:
        raise Fatal(f"{file}, with which checkpoints are signed, cannot be kept: {error.strerror}") from error
