"""A match as a file: who played, from which seed, and what the players from outside did. No state, no torch.

Layout: 8 bytes magic, sha256 of everything after it (32 bytes), length of the manifest (uint32, little-endian), the
manifest (JSON), then the actions as little-endian float32 [T, E, A]: T decisions, E seats played from outside in the
order of the seats, A components. What scripted bots did is not kept: they act inside the game.
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

MAGIC = b"LUDUSRP1"
SUFFIX = ".replay"
#: Far above any match of the bundled games: the longest dogfight has 26 kB.
MAX_FILE_BYTES = 1 << 26
MAX_MANIFEST_BYTES = 1 << 16
MAX_SEATS = 64
MAX_ACTION_SIZE = 1 << 12
_HEAD = struct.Struct("<8s32sI")

FloatArray = npt.NDArray[np.float32]


class ReplayError(ValueError):
    """The bytes are no replay, or the match does not play again as it was. The message says what was found."""


@dataclass(frozen=True, slots=True)
class Seat:
    """Who sat there: exactly one of `bot` and `policy` is set."""

    name: str
    """for people: `bot:ace`, `main@1.40`, or the name of a run"""
    bot: str = ""
    policy: str = ""
    """sha256 of the weights"""


@dataclass(frozen=True, slots=True, eq=False)
class Replay:
    """One finished match. Everything to play it again, and how it has to end then."""

    game: str
    rules: str
    parameters: dict[str, Any]
    """those the game was made with"""
    seed: int
    first_seat: int
    """seat of the first player of the ticket"""
    seats: tuple[Seat, ...]
    """in the order of the seats"""
    actions: FloatArray
    """[T, E, A]"""
    decisions: int
    """T"""
    outcome: int
    """1: seat 0 won, 2: draw, 3: seat 1 won"""
    ending: str
    final_sha256: str
    """digest of the last state, see `rerun.digest`"""
    run: str = ""
    match: int = 0
    """number of the match in its run"""
    made_by: str = ""
    """version of Ludus"""

    @property
    def outside(self) -> tuple[int, ...]:
        """The E seats whose actions are recorded."""
        return tuple(index for index, seat in enumerate(self.seats) if not seat.bot)


def to_bytes(replay: Replay) -> bytes:
    """Equal replays give equal bytes. Raises ReplayError when the parts do not fit together."""
    tree = {field.name: getattr(replay, field.name) for field in fields(replay) if field.name != "actions"}
    tree["seats"] = [asdict(seat) for seat in replay.seats]
    tree["action_size"] = replay.actions.shape[-1]
    _check(tree)
    expected = _shape(tree)
    if replay.actions.shape != expected:
        raise ReplayError(f"the actions must have shape {expected}, not {replay.actions.shape}")
    manifest = json.dumps(tree, sort_keys=True, separators=(",", ":")).encode()
    body = struct.pack("<I", len(manifest)) + manifest + replay.actions.astype("<f4").tobytes()
    return MAGIC + hashlib.sha256(body).digest() + body


def from_bytes(data: bytes) -> Replay:
    """Inverse of `to_bytes`. No size in the file is believed before it is checked. Raises ReplayError."""
    if len(data) > MAX_FILE_BYTES:
        raise ReplayError(f"{len(data)} bytes, where a replay has at most {MAX_FILE_BYTES}")
    if len(data) < _HEAD.size or not data.startswith(MAGIC):
        raise ReplayError(f"this is no replay of this version: it does not begin with {MAGIC.decode()}")
    _, digest, length = _HEAD.unpack_from(data)
    if length > min(MAX_MANIFEST_BYTES, len(data) - _HEAD.size):
        raise ReplayError(f"the manifest claims {length} bytes: the file is truncated or altered")
    if hashlib.sha256(data[len(MAGIC) + 32 :]).digest() != digest:
        raise ReplayError("the replay does not have the hash written in it: truncated or altered")
    tree = _manifest(data[_HEAD.size : _HEAD.size + length])
    shape, start = _shape(tree), _HEAD.size + length
    size = int(np.prod(shape, dtype=np.int64)) * 4
    if len(data) - start != size:
        raise ReplayError(f"actions of shape {shape} have {size} bytes, the file has {len(data) - start}")
    tree["actions"] = np.frombuffer(data, "<f4", offset=start).reshape(shape).astype(np.float32)
    tree["seats"] = tuple(Seat(**seat) for seat in tree["seats"])
    del tree["action_size"]
    return Replay(**tree)


def _manifest(text: bytes) -> dict[str, Any]:
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ReplayError(f"the manifest is not JSON: {error}") from error
    if not isinstance(tree, dict):
        raise ReplayError("the manifest is not a JSON object")
    _check(tree)
    return tree


def _shape(tree: dict[str, Any]) -> tuple[int, int, int]:
    return tree["decisions"], sum(not seat["bot"] for seat in tree["seats"]), tree["action_size"]


_TEXTS = ("game", "rules", "ending", "final_sha256", "run", "made_by")
_NUMBERS = {
    "seed": (0, 2**64 - 1),
    "first_seat": (0, MAX_SEATS - 1),
    "decisions": (1, MAX_FILE_BYTES),
    "outcome": (1, 3),
    "match": (0, 2**64 - 1),
    "action_size": (1, MAX_ACTION_SIZE),
}


def _check(tree: dict[str, Any]) -> None:
    """Exactly the known keys, each of its type and in its range. Raises ReplayError naming the first that is not."""
    if odd := sorted(set(tree) ^ {*_TEXTS, *_NUMBERS, "parameters", "seats"}):
        raise ReplayError(f"the manifest has unknown or missing keys: {', '.join(map(repr, odd))}")
    for name in _TEXTS:
        if not isinstance(tree[name], str):
            raise ReplayError(f"the manifest's {name!r} must be text, not {tree[name]!r:.80}")
    for name, (low, high) in _NUMBERS.items():
        if type(tree[name]) is not int or not low <= tree[name] <= high:
            raise ReplayError(f"the manifest's {name!r} must be a whole number in {low} … {high}, not {tree[name]!r}")
    if not isinstance(tree["parameters"], dict):
        raise ReplayError(f"the manifest's 'parameters' must be a table, not {tree['parameters']!r:.80}")
    _check_seats(tree["seats"], tree["first_seat"])


def _check_seats(seats: Any, first_seat: int) -> None:
    if not isinstance(seats, list) or not first_seat < len(seats) <= MAX_SEATS:
        raise ReplayError(f"the manifest must list {first_seat + 1} to {MAX_SEATS} seats")
    for seat in seats:
        known = isinstance(seat, dict) and set(seat) == {field.name for field in fields(Seat)}
        if not known or not all(isinstance(value, str) for value in seat.values()):
            raise ReplayError(f"a seat has the texts 'name', 'bot' and 'policy', not {seat!r:.80}")
        if bool(seat["bot"]) == bool(seat["policy"]):
            raise ReplayError(f"a seat is held by either a bot or a policy, not {seat!r:.80}")
