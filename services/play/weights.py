"""Weights as bytes: safetensors with a manifest. Nothing is parsed before its size is known to be harmless.

The header is checked here against the shapes that the architecture dictates: every tensor present, none besides, dtype,
shape and place exactly as expected. So a file is loaded whole or refused, never in part.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from ..games.registry import expect
from .architecture import Architecture, ArchitectureMismatch
from .network import Actor
from .precision import DTYPES

MAX_HEADER_BYTES = 1 << 20
MAX_TENSORS = 4096
#: Far above any policy of this system; callers that know the size declare it.
MAX_FILE_BYTES = 1 << 30

#: One key holds everything: safetensors does not keep the order of several, and equal weights shall give equal bytes.
MANIFEST_KEY = "ludus"
_DTYPES = {
    torch.float32: ("F32", 4),
    torch.float64: ("F64", 8),
    torch.uint8: ("U8", 1),
    torch.int64: ("I64", 8),
}


class CorruptWeights(ValueError):
    """The bytes are not what they should be: truncated, altered, oversized or not finite."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """Who these weights are. The sha256 of a PolicyRef is that of the whole file, so it is not inside."""

    architecture: Architecture
    agent: str
    epoch: int
    step: int
    game: str
    rules: str
    observation: str
    """observation layout the policy reads"""
    decisions: int = 0
    """decisions trained on so far"""
    code_version: str = ""
    precision: str = "fp32"
    """of the hidden layers, when this version plays for the learner: log-probabilities are recomputed in it"""
    parent: str = ""
    """what step 0 was taken from, `<run>/<agent>@<epoch>.<step>#<sha256>`; empty if it was drawn at random"""

    def to_json(self) -> str:
        tree = {field.name: getattr(self, field.name) for field in fields(self)}
        tree |= {"architecture": self.architecture.to_tree(), "architecture_sha256": self.architecture.sha256}
        return json.dumps(tree, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Raises ValueError if a key is missing, unknown or of the wrong type, or the architecture's hash is wrong."""
        tree = json.loads(text)
        kinds = {field.name: str(field.type) for field in fields(cls)}
        # Files from before there were parents have none.
        if not isinstance(tree, dict) or {"parent", *tree} != {*kinds, "architecture_sha256"}:
            raise ValueError("the manifest does not have the expected keys")
        tree.setdefault("parent", "")
        digest = tree.pop("architecture_sha256")
        tree["architecture"] = Architecture.from_json(json.dumps(tree["architecture"]))
        if digest != tree["architecture"].sha256:
            raise ValueError("the manifest's architecture does not have the hash written beside it")
        for name, kind in kinds.items():
            if type(tree[name]).__name__ != kind:
                raise ValueError(f"the manifest's {name!r} must be a {kind}")
        expect("precision of the manifest", tree["precision"], list(DTYPES))
        return cls(**tree)


def to_bytes(actor: Actor, manifest: Manifest) -> bytes:
    """The actor as safetensors. Raises ValueError if a weight is not finite: such a policy must never leave."""
    tensors = cpu_state(actor)
    if bad := non_finite(tensors):
        raise ValueError(f"refusing to write weights that are not finite: {', '.join(bad)}")
    return encode(tensors, manifest.to_json())


def from_bytes(
    data: bytes,
    expected: Architecture | None = None,
    *,
    compute_dtype: torch.dtype | None = torch.float32,
    max_bytes: int = MAX_FILE_BYTES,
) -> tuple[Actor, Manifest]:
    """Build the actor that `to_bytes` wrote, frozen. `max_bytes`: the declared size, e.g. PolicyHead.size_bytes.

    It computes in `compute_dtype`; None: in the precision of its manifest.
    Raises CorruptWeights, or ArchitectureMismatch when `expected` is given and differs.
    """
    manifest = read_manifest(data, max_bytes)
    if expected is not None and manifest.architecture != expected:
        raise ArchitectureMismatch(
            f"these weights belong to another network: {expected.difference(manifest.architecture)}. "
            "Use weights of this run's architecture, or a configuration with theirs."
        )
    tensors, _ = decode(data, shapes_of(meta_actor(manifest.architecture)), max_bytes)
    actor = meta_actor(manifest.architecture, compute_dtype or DTYPES[manifest.precision])
    actor.load_state_dict(tensors, strict=True, assign=True)
    return actor.requires_grad_(False), manifest


def meta_actor(architecture: Architecture, compute_dtype: torch.dtype = torch.float32) -> Actor:
    """An actor without memory behind it: for its names and shapes, or to be filled with `assign=True`."""
    with torch.device("meta"):
        return Actor(architecture, compute_dtype)


def read_manifest(data: bytes, max_bytes: int = MAX_FILE_BYTES) -> Manifest:
    """The manifest alone, without touching a tensor. Raises CorruptWeights."""
    header, _ = _header(data, max_bytes)
    try:
        return Manifest.from_json(_manifest_text(header))
    except (ValueError, RecursionError) as error:
        raise CorruptWeights(f"the weights' manifest is unreadable: {error}") from error


def encode(tensors: Mapping[str, Tensor], manifest_json: str) -> bytes:
    """Named tensors and a manifest as safetensors; equal input gives equal bytes."""
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    data: bytes = safetensors.torch.save(contiguous, {MANIFEST_KEY: manifest_json})
    return data


def decode(
    data: bytes, expected: Mapping[str, tuple[torch.dtype, tuple[int, ...]]], max_bytes: int = MAX_FILE_BYTES
) -> tuple[dict[str, Tensor], str]:
    """Inverse of `encode`: exactly the `expected` tensors (name -> dtype, shape), all finite, and the manifest text.

    Raises CorruptWeights saying what was wrong.
    """
    header, body_bytes = _header(data, max_bytes)
    manifest = _manifest_text(header)
    _check_tensors({name: entry for name, entry in header.items() if name != "__metadata__"}, expected, body_bytes)
    try:
        tensors: dict[str, Tensor] = safetensors.torch.load(data)
    except SafetensorError as error:
        raise CorruptWeights(f"not a safetensors file: {error}") from error
    if bad := non_finite(tensors):
        raise CorruptWeights(f"these weights are not finite: {', '.join(bad)}")
    return tensors, manifest


def cpu_state(module: nn.Module) -> dict[str, Tensor]:
    """The module's parameters by name, on the CPU, detached."""
    return {name: tensor.detach().to("cpu") for name, tensor in module.state_dict().items()}


def shapes_of(module: nn.Module) -> dict[str, tuple[torch.dtype, tuple[int, ...]]]:
    """name -> dtype, shape of every parameter; what `decode` expects."""
    return {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in module.state_dict().items()}


def non_finite(tensors: Mapping[str, Tensor]) -> list[str]:
    """Names of the tensors that hold a NaN or an infinity."""
    return [name for name, tensor in tensors.items() if not bool(torch.isfinite(tensor).all())]


def _header(data: bytes, max_bytes: int) -> tuple[dict[str, Any], int]:
    """The parsed header and the number of bytes after it. Every size is checked before it is used."""
    if len(data) > max_bytes:
        raise CorruptWeights(f"{len(data)} bytes of weights where at most {max_bytes} were declared")
    if len(data) < 8:
        raise CorruptWeights(f"{len(data)} bytes are too few for a safetensors file")
    (length,) = struct.unpack_from("<Q", data)
    if length > min(MAX_HEADER_BYTES, len(data) - 8):
        raise CorruptWeights(f"the header claims {length} bytes: truncated, or not a safetensors file")
    try:
        header = json.loads(data[8 : 8 + length].decode())
    except (ValueError, RecursionError) as error:
        raise CorruptWeights(f"the header is not JSON: {error}") from error
    if not isinstance(header, dict) or len(header) > MAX_TENSORS + 1:
        raise CorruptWeights(f"the header is not a table of at most {MAX_TENSORS} tensors")
    return header, len(data) - 8 - length


def _manifest_text(header: Mapping[str, Any]) -> str:
    metadata = header.get("__metadata__")
    text = metadata.get(MANIFEST_KEY) if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        raise CorruptWeights("these weights carry no manifest of this system")
    return text


def _check_tensors(
    entries: Mapping[str, Any], expected: Mapping[str, tuple[torch.dtype, tuple[int, ...]]], body_bytes: int
) -> None:
    """Every expected tensor, none besides, with its dtype and shape, filling the body without gap or overlap."""
    if odd := sorted(set(entries) ^ set(expected)):
        raise CorruptWeights(f"missing or unexpected tensors: {', '.join(odd[:8])}")
    places = []
    for name, (dtype, shape) in expected.items():
        label, item_bytes = _DTYPES[dtype]
        entry = entries[name]
        if not isinstance(entry, dict) or entry.get("dtype") != label or entry.get("shape") != list(shape):
            raise CorruptWeights(f"tensor {name!r}: expected {label} {list(shape)}, found {entry!r:.200}")
        start, end = _offsets(name, entry)
        if end - start != item_bytes * math.prod(shape):
            raise CorruptWeights(f"tensor {name!r}: bytes {start} to {end} do not fit its shape {list(shape)}")
        places.append((start, end))
    places.sort()
    if [start for start, _ in places] + [body_bytes] != [0] + [end for _, end in places]:
        raise CorruptWeights(f"the tensors do not fill the file's {body_bytes} bytes end to end: truncated or altered")


def _offsets(name: str, entry: Mapping[str, Any]) -> tuple[int, int]:
    match entry.get("data_offsets"):
        case [int(start), int(end)]:
            return start, end
    raise CorruptWeights(f"tensor {name!r} does not say where its bytes are")
