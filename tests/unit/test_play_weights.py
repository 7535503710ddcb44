"""Weights as bytes: whole or refused, and refused before anything large is parsed."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ludus.play.architecture import Architecture, ArchitectureMismatch
from ludus.play.network import Actor
from ludus.play.weights import CorruptWeights, Manifest, from_bytes, read_manifest, to_bytes

SMALL = Architecture(5, 2, 1, 8, 0, "relu", -1.0, -2.0, 0.0)
MANIFEST = Manifest(SMALL, "main", 2, 40, "dogfight", "training", "original", decisions=123, code_version="0.1.0")
ACTOR = Actor(SMALL, generator=torch.Generator().manual_seed(1))
DATA = to_bytes(ACTOR, MANIFEST)


def parts(data: bytes = DATA) -> tuple[dict[str, Any], bytes]:
    (length,) = struct.unpack_from("<Q", data)
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def rebuilt(header: object, body: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def test_what_was_written_is_read_again_to_the_bit() -> None:
    actor, manifest = from_bytes(DATA, SMALL)
    assert manifest == MANIFEST
    for (name, tensor), (_, other) in zip(ACTOR.state_dict().items(), actor.state_dict().items(), strict=True):
        assert torch.equal(tensor, other), name
    assert not any(parameter.requires_grad for parameter in actor.parameters())
    assert to_bytes(ACTOR, MANIFEST) == DATA, "equal weights give equal bytes, so they have one hash"
    assert to_bytes(actor, replace(MANIFEST, step=41)) != DATA


def test_another_architecture_is_refused_with_a_readable_difference() -> None:
    with pytest.raises(ArchitectureMismatch, match="hidden: expected 16, found 8"):
        from_bytes(DATA, replace(SMALL, hidden=16))


def test_weights_that_are_not_finite_are_neither_written_nor_read() -> None:
    broken = Actor(SMALL)
    with torch.no_grad():
        broken.head.bias[0] = float("nan")
    with pytest.raises(ValueError, match=r"head\.bias"):
        to_bytes(broken, MANIFEST)
    header, body = parts()
    start, _ = header["head.bias"]["data_offsets"]
    poisoned = body[:start] + struct.pack("<f", float("inf")) + body[start + 4 :]
    with pytest.raises(CorruptWeights, match=r"head\.bias"):
        from_bytes(rebuilt(header, poisoned))


def without(name: str) -> bytes:
    header, body = parts()
    del header[name]
    return rebuilt(header, body)


def changed(name: str, **entry: object) -> bytes:
    header, body = parts()
    header[name] |= entry
    return rebuilt(header, body)


def with_manifest(**keys: object) -> bytes:
    header, body = parts()
    manifest = json.loads(header["__metadata__"]["ludus"]) | keys
    header["__metadata__"]["ludus"] = json.dumps(manifest)
    return rebuilt(header, body)


REFUSED = {
    "empty": b"",
    "seven bytes": DATA[:7],
    "truncated header": DATA[:100],
    "truncated body": DATA[:-1],
    "bytes at the end": DATA + b"\0",
    "huge header": struct.pack("<Q", 1 << 62) + DATA[8:],
    "header above the limit": struct.pack("<Q", (1 << 20) + 1) + b" " * (1 << 21),
    "not JSON": struct.pack("<Q", 4) + b"abcd",
    "not text": struct.pack("<Q", 4) + b"\xff\xfe\xfd\xfc",
    "a list": rebuilt([1, 2], b""),
    "deeply nested": struct.pack("<Q", 200_000) + b"[" * 200_000,
    "too many tensors": rebuilt({str(k): {} for k in range(4100)}, b""),
    "no metadata": without("__metadata__"),
    "a tensor missing": without("head.bias"),
    "another dtype": changed("head.bias", dtype="F16"),
    "another shape": changed("head.bias", shape=[1, 3]),
    "a negative place": changed("head.bias", data_offsets=[-12, 0]),
    "an overlap": changed("head.bias", data_offsets=[4, 16]),
    "a place as text": changed("head.bias", data_offsets="0-12"),
    "a number as entry": rebuilt({**parts()[0], "head.bias": 3}, parts()[1]),
    "an extra tensor": rebuilt(
        {**parts()[0], "more": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}, parts()[1]
    ),
    "a step as text": with_manifest(step="40"),
    "a wrong architecture hash": with_manifest(architecture_sha256="0" * 64),
    "an unknown key": with_manifest(note="hello"),
    "a zip file": b"PK\x03\x04" + b"\0" * 200,
    "a pickle": b"\x80\x04\x95" + b"\0" * 200,
}


@pytest.mark.parametrize("name", REFUSED)
def test_malformed_bytes_are_refused(name: str) -> None:
    with pytest.raises(CorruptWeights):
        from_bytes(REFUSED[name])


def test_more_bytes_than_declared_are_refused_unread() -> None:
    with pytest.raises(CorruptWeights, match="declared"):
        from_bytes(DATA, max_bytes=len(DATA) - 1)
    assert read_manifest(DATA, max_bytes=len(DATA)) == MANIFEST


@settings(max_examples=150, deadline=None)
@given(position=st.integers(0, len(DATA) - 1), bit=st.integers(0, 7))
def test_a_flipped_bit_gives_an_actor_or_a_refusal_and_nothing_else(position: int, bit: int) -> None:
    data = bytearray(DATA)
    data[position] ^= 1 << bit
    try:
        actor, _ = from_bytes(bytes(data), SMALL)
    except (CorruptWeights, ArchitectureMismatch):
        return
    assert all(torch.isfinite(tensor).all() for tensor in actor.state_dict().values())
