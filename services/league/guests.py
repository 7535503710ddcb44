"""Guests enter the run: their files go to the bus by content hash, each as a kept version of an agent of its own."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ..api.v1.policy_pb2 import PolicyHead, PolicyRef
from ..kernel.blobs import put_blob
from ..kernel.bus import Bus
from ..kernel.config import RunConfig
from ..kernel.guests import ONNX, WEIGHTS, guests_of
from ..kernel.players import version_id, version_key
from ..kernel.schedule import GuestConfig
from ..kernel.service import Fatal
from ..kernel.topology import POLICIES_BUCKET


async def admit_guests(bus: Bus, config: RunConfig) -> None:
    """Put every guest that is not there yet on the bus. Raises Fatal when its file is not the one the run began with.

    The contract was checked when the run was created, and is again by whoever loads the file.
    """
    policies, refs = await bus.bucket(POLICIES_BUCKET), guests_of(config)
    for guest in config.league.guests:
        ref = refs[guest.player]
        key = version_key(version_id(ref))
        entry = await policies.get(key)
        if entry is not None and PolicyHead.FromString(entry.value).policy == ref:
            continue
        data = _read(guest)
        await put_blob(bus, data, keep=True)
        await policies.put(key, _head(ref, config, len(data), guest.file).SerializeToString(deterministic=True))


def _read(guest: GuestConfig) -> bytes:
    try:
        data = Path(guest.file).read_bytes()
    except OSError as error:
        raise Fatal(f"league.guests: cannot read {guest.file}: {error.strerror}. Put the file back.") from error
    found = hashlib.sha256(data).hexdigest()
    if found != guest.sha256:
        raise Fatal(
            f"league.guests: {guest.file} has sha256 {found}, expected {guest.sha256!r}: it is not the file that this "
            "run was created with. Put that one back, or start a new run."
        )
    return data


def _head(ref: PolicyRef, config: RunConfig, size_bytes: int, file: str) -> PolicyHead:
    form = "" if Path(file).suffix == WEIGHTS else ONNX
    return PolicyHead(policy=ref, size_bytes=size_bytes, game=config.game, rules=config.rules, pinned=True, format=form)
