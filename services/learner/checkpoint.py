"""Checkpoints: whole or absent, verified before anything older is let go.

`checkpoints/<epoch>-<step>/` holds weights.safetensors (actor and critic), optimizer.safetensors (Adam's moments and
the random numbers) and state.json (counters, identity, sha256 of the others) with its signature, state.sig; in lockstep
also simulator.state, with which the simulator goes on. Everything is written into a hidden folder, fsynced and read
back; only then the folder gets its name, and only after that a later step is announced as durable and older ones are
let go. Sizes, signature and sha256 are looked at in this order, before anything is parsed.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from ..kernel.files import sync_folder
from ..play.network import Actor, Critic
from ..play.weights import MAX_FILE_BYTES, CorruptWeights, Manifest, decode, encode, shapes_of
from .description import (
    MARK,
    OPTIMIZER,
    SIMULATOR,
    STATE,
    WEIGHTS,
    CorruptCheckpoint,
    Description,
    Proof,
    check_fit,
    describe,
    read_bounded,
    read_description,
    sha256,
)
from .signing import Signer
from .state import State

__all__ = ["CheckpointError", "CorruptCheckpoint", "Proof", "Saved"]

log = logging.getLogger(__name__)

_NAME = re.compile(r"^(\d+)-(\d+)$")
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class CheckpointError(Exception):
    """A checkpoint could not be written, or none could be read. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint on disk that has been verified."""

    path: Path
    epoch: int
    step: int
    pinned: bool
    digest: str = ""
    """sha256 of its description"""


def write(root: Path, state: State, manifest: Manifest, *, pinned: bool = False, signer: Signer | None = None) -> Saved:
    """Write `state` under the epoch and step of its counters and verify it. Raises CheckpointError, leaving nothing.

    Only what belongs to no run goes without a signature.
    """
    counters = state.counters
    manifest = replace(manifest, epoch=counters.epoch, step=counters.step, decisions=counters.decisions)
    manifest = replace(manifest, precision=state.precision)
    files = {
        WEIGHTS: encode(_on_cpu(state.weights()), manifest.to_json()),
        OPTIMIZER: encode(_on_cpu(state.moments()) | {"generator": state.generator.get_state()}, manifest.to_json()),
    }
    if state.simulator_state:
        files[SIMULATOR] = state.simulator_state
    files[STATE] = describe(counters, manifest, files, pinned=pinned, run=signer.run if signer else "")
    if signer:
        files[MARK] = signer.sign(files[STATE])
    name = f"{counters.epoch}-{counters.step}"
    final, hidden = root / name, root / f".{name}.{os.getpid()}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(hidden, ignore_errors=True)
        _write_folder(hidden, files)
        _verify(hidden, files)
        if final.exists():
            remove(final)
        hidden.rename(final)
        sync_folder(root)
    except OSError as error:
        shutil.rmtree(hidden, ignore_errors=True)
        raise CheckpointError(_failure(root, error, sum(map(len, files.values())))) from error
    except CorruptCheckpoint as error:
        shutil.rmtree(hidden, ignore_errors=True)
        raise CheckpointError(
            f"checkpoint {final} could not be verified after writing: {error}. Check the disk."
        ) from error
    return Saved(final, counters.epoch, counters.step, pinned, sha256(files[STATE]))


def restore_newest(root: Path, state: State, manifest: Manifest, proof: Proof | None = None) -> Saved | None:
    """Load the newest valid checkpoint into `state`; None if there has never been one.

    Those that cannot be read or believed are skipped with a warning. Raises ArchitectureMismatch if the newest readable
    one is of another network, CheckpointError if there are checkpoints and none can be read.
    """
    _clean(root)
    problems = []
    for saved in saved_in(root):
        try:
            return load(saved.path, state, manifest, proof)
        except CorruptCheckpoint as error:
            log.warning("skipping the corrupt checkpoint %s: %s", saved.path, error)
            problems.append(f"{saved.path.name}: {error}")
    if problems:
        raise CheckpointError(
            f"none of the {len(problems)} checkpoints in {root} can be read ({'; '.join(problems[:3])}). Restore one "
            "from a copy, or move the folder away and start the run anew."
        )
    return None


def load(path: Path, state: State, manifest: Manifest, proof: Proof | None = None, *, epoch: int = 0) -> Saved:
    """Load one checkpoint into `state`, all of it or nothing. Raises CorruptCheckpoint, ArchitectureMismatch.

    Without `proof` a person vouches for it: it only has to be undamaged. `epoch`: what the counters say from then on
    (0: what was saved). Rollouts are received meanwhile: for no moment may they seem to be of a later epoch.
    """
    found = read_description(path, proof)
    check_fit(path, found.manifest, manifest)
    expected = {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in state.weights().items()}
    weights = _read_tensors(path / WEIGHTS, found, expected)
    expected = {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in state.moments().items()}
    random = state.generator.get_state()
    moments = _read_tensors(path / OPTIMIZER, found, expected | {"generator": (random.dtype, tuple(random.shape))})
    simulator = _read_bytes(path / SIMULATOR, found) if SIMULATOR in found.files else b""
    state.generator.set_state(moments.pop("generator"))
    state.restore(weights | moments)
    state.counters = replace(found.counters, epoch=epoch or found.counters.epoch)
    state.settle()
    state.simulator_state = simulator
    return Saved(path, found.counters.epoch, found.counters.step, found.pinned, found.digest)


def load_actor(path: Path) -> tuple[Actor, Manifest]:
    """The actor of one checkpoint, float32 and frozen, and who it is. Raises CorruptCheckpoint."""
    actor, _, manifest = load_networks(path)
    return actor, manifest


def load_networks(path: Path) -> tuple[Actor, Critic, Manifest]:
    """Actor and critic of one checkpoint, float32 and frozen, and who they are. Raises CorruptCheckpoint."""
    found = read_description(path)
    manifest = found.manifest
    with torch.device("meta"):
        actor, critic = Actor(manifest.architecture), Critic(manifest.architecture)
    networks: dict[str, Actor | Critic] = {"actor": actor, "critic": critic}
    expected = {f"{kind}.{name}": one for kind, net in networks.items() for name, one in shapes_of(net).items()}
    tensors = _read_tensors(path / WEIGHTS, found, expected)
    for kind, network in networks.items():
        state = {name: tensors[f"{kind}.{name}"] for name in network.state_dict()}
        network.load_state_dict(state, strict=True, assign=True)
    return actor.requires_grad_(False), critic.requires_grad_(False), manifest


def load_statistics(path: Path) -> dict[str, Tensor]:
    """The running statistics that belong to a checkpoint's networks, by name. Raises CorruptCheckpoint."""
    data = _read_bytes(path / OPTIMIZER, read_description(path))
    try:
        tensors: dict[str, Tensor] = safetensors.torch.load(data)
    except SafetensorError as error:
        raise CorruptCheckpoint(f"{OPTIMIZER}: {error}") from error
    return {name: tensor for name, tensor in tensors.items() if name.startswith("normaliser.")}


def saved_in(root: Path) -> list[Saved]:
    """The checkpoints in a folder by name alone, newest first. A later epoch is newer, whatever its step."""
    found = []
    for path in root.iterdir() if root.is_dir() else ():
        if match := _NAME.match(path.name):
            epoch, step = map(int, match.groups())
            found.append(Saved(path, epoch, step, step == 0))
    return sorted(found, key=lambda saved: (saved.epoch, saved.step), reverse=True)


def surplus(root: Path, kept: int, protected: frozenset[str] = frozenset()) -> list[Path]:
    """All but the newest `kept`, those pinned or protected by name, and step 0."""
    return [
        saved.path
        for saved in saved_in(root)[kept:]
        if saved.step > 0 and saved.path.name not in protected and not _is_pinned(saved.path)
    ]


def remove(path: Path) -> None:
    """Out of sight first, so that a kill in between leaves no half of a checkpoint."""
    hidden = path.with_name(f".{path.name}.old.{os.getpid()}")
    shutil.rmtree(hidden, ignore_errors=True)
    path.rename(hidden)
    shutil.rmtree(hidden, ignore_errors=True)


def _on_cpu(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.to("cpu") for name, tensor in tensors.items()}


def _read_tensors(
    path: Path, described: Description, expected: dict[str, tuple[torch.dtype, tuple[int, ...]]]
) -> dict[str, Tensor]:
    try:
        tensors, _ = decode(_read_bytes(path, described), expected)
    except CorruptWeights as error:
        raise CorruptCheckpoint(f"{path.name}: {error}") from error
    return tensors


def _read_bytes(path: Path, described: Description) -> bytes:
    """A file of the checkpoint, exactly as it was written."""
    size, digest = described.files[path.name]
    try:
        if path.stat().st_size != size:
            raise CorruptCheckpoint(f"{path.name} has {path.stat().st_size} bytes, {size} were written")
        data = read_bounded(path, MAX_FILE_BYTES)
        if sha256(data) != digest:
            raise CorruptCheckpoint(f"{path.name} does not have the sha256 written in {STATE}")
    except OSError as error:
        raise CorruptCheckpoint(f"{path.name}: {error}") from error
    return data


def _is_pinned(path: Path) -> bool:
    """A checkpoint whose state cannot be read is not worth keeping."""
    try:
        return read_description(path).pinned
    except CorruptCheckpoint:
        return False


def _write_folder(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir()
    for name, data in files.items():
        with (folder / name).open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    sync_folder(folder)


def _verify(folder: Path, files: dict[str, bytes]) -> None:
    """Read back what was written, before it gets the name under which it is found. Raises CorruptCheckpoint."""
    if changed := [name for name, data in files.items() if (folder / name).read_bytes() != data]:
        raise CorruptCheckpoint(f"the bytes read back from {', '.join(changed)} are not those written")


def _clean(root: Path) -> None:
    """Remove what a killed process left half-done."""
    for path in root.glob(".*-*.*") if root.is_dir() else ():
        shutil.rmtree(path, ignore_errors=True)


def _failure(root: Path, error: OSError, needed_bytes: int) -> str:
    if error.errno not in _NO_ROOM:
        return f"cannot write a checkpoint in {root}: {error.strerror}. Older checkpoints are untouched."
    free = shutil.disk_usage(root).free / 1e6 if root.is_dir() else 0.0
    return (
        f"no room for a checkpoint in {root}: it needs {needed_bytes / 1e6:.1f} MB, {free:.1f} MB are free "
        f"({error.strerror}). Make room and resume the run; older checkpoints are untouched."
    )
