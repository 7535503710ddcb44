"""state.json: what a checkpoint says of itself, and what has to be right before any of it is believed."""

from __future__ import annotations

import hashlib
import json
import math
import stat
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..play.architecture import ArchitectureMismatch
from ..play.weights import Manifest
from .register import Register
from .signing import MARK_BYTES, Forged, Signer, signed_by
from .state import Counters

FORMAT = 1
WEIGHTS, OPTIMIZER, STATE, MARK = "weights.safetensors", "optimizer.safetensors", "state.json", "state.sig"
SIMULATOR = "simulator.state"
MAX_STATE_BYTES = 1 << 20


class CorruptCheckpoint(Exception):
    """This checkpoint is not what was written. Older ones may be."""


@dataclass(frozen=True, slots=True)
class Description:
    """What state.json says."""

    run: str
    """empty for one that belongs to no run"""
    counters: Counters
    manifest: Manifest
    pinned: bool
    files: dict[str, tuple[int, str]]
    """bytes and sha256 by name"""
    digest: str
    """sha256 of state.json itself"""

    @property
    def place(self) -> str:
        return f"{self.run} {self.manifest.agent} {self.counters.epoch}-{self.counters.step}"


@dataclass(frozen=True, slots=True)
class Proof:
    """What a learner asks of a checkpoint before it goes on from there."""

    signer: Signer
    agent: str
    register: Register

    def check_mark(self, name: str, data: bytes, mark: bytes | None) -> None:
        """Before anything is parsed: signed, and one that the run has now. Raises Forged."""
        if mark is None:
            raise Forged("it is not signed: a new run may begin from it (--init-from), this one cannot go on from it")
        own = signed_by(data, mark) == self.signer.public
        if problem := self.register.objection(name, sha256(data), own_key=own):
            raise Forged(problem)

    def check_place(self, name: str, found: Description) -> None:
        """A good signature in a wrong place: one of another run, agent, epoch or step was put here. Raises Forged."""
        if found.place != (expected := f"{self.signer.run} {self.agent} {name}"):
            raise Forged(f"it is signed for {found.place}, not for {expected}")


def describe(counters: Counters, manifest: Manifest, files: dict[str, bytes], *, pinned: bool, run: str) -> bytes:
    tree = {
        "format": FORMAT,
        "run": run,
        "counters": asdict(counters),
        "manifest": json.loads(manifest.to_json()),
        "pinned": pinned,
        "files": {name: {"sha256": sha256(data), "bytes": len(data)} for name, data in files.items()},
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return (json.dumps(tree, indent=2) + "\n").encode()


def read_description(path: Path, proof: Proof | None = None) -> Description:
    """state.json of a checkpoint's folder, checked. Raises CorruptCheckpoint.

    Without `proof` somebody vouches for it; a signature has to fit even then.
    """
    try:
        data = read_bounded(path / STATE, MAX_STATE_BYTES)
        mark = read_bounded(path / MARK, MARK_BYTES) if (path / MARK).exists() else None
        if proof:
            proof.check_mark(path.name, data, mark)
        elif mark is not None:
            signed_by(data, mark)
        found = _parsed(data)
        if proof:
            proof.check_place(path.name, found)
    except (OSError, Forged) as error:
        raise CorruptCheckpoint(str(error)) from error
    return found


def read_bounded(path: Path, most_bytes: int) -> bytes:
    """A plain file. Raises CorruptCheckpoint before it reads too much or waits for somebody to write, OSError."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise CorruptCheckpoint(f"{path.name} is no file")
    if status.st_size > most_bytes:
        raise CorruptCheckpoint(f"{path.name} is far too large: {status.st_size} bytes where {most_bytes} are the most")
    return path.read_bytes()


def _parsed(data: bytes) -> Description:
    try:
        tree: dict[str, Any] = json.loads(data)
        if tree["format"] != FORMAT or set(tree["files"]) - {SIMULATOR} != {WEIGHTS, OPTIMIZER}:
            raise ValueError(f"it is not of format {FORMAT}")
        files = {str(name): (facts["bytes"], facts["sha256"]) for name, facts in tree["files"].items()}
        counters, manifest = _counters(tree["counters"]), Manifest.from_json(json.dumps(tree["manifest"]))
        run, pinned = tree.get("run", ""), tree["pinned"]
        if not isinstance(run, str) or not isinstance(pinned, bool):
            raise ValueError("run or pinned is of another kind")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CorruptCheckpoint(f"{STATE} is unreadable: {error}") from error
    return Description(run, counters, manifest, pinned, files, sha256(data))


def _counters(tree: dict[str, Any]) -> Counters:
    """Numbers of the right kind, none below 0. Raises ValueError, TypeError."""
    counters = Counters(**tree)
    for one in fields(counters):
        number = getattr(counters, one.name)
        whole = type(number) is int and number >= 0
        if not whole and not (one.type == "float" and type(number) is float and 0 <= number < math.inf):
            raise ValueError(f"{one.name} cannot be {number!r}")
    return counters


def check_fit(path: Path, found: Manifest, manifest: Manifest) -> None:
    """An architecture other than the manifest's is the user's to resolve, so it is not skipped."""
    if found.architecture != manifest.architecture:
        raise ArchitectureMismatch(
            f"checkpoint {path} belongs to another network: {manifest.architecture.difference(found.architecture)}. "
            "Set the configuration back to it, or start a new run."
        )
    if (found.game, found.rules, found.observation) != (manifest.game, manifest.rules, manifest.observation):
        raise ArchitectureMismatch(
            f"checkpoint {path} was trained on {found.game} {found.rules} with observation {found.observation!r}, this "
            f"run plays {manifest.game} {manifest.rules} with {manifest.observation!r}. Start a new run."
        )


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
