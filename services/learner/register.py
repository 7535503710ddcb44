"""Which checkpoints a run has: a list in its key-value store, out of reach of whoever can write its folder.

A signature tells who wrote a checkpoint, not whether it is still the truth: an old one is signed just as well. So the
learner enters each one it has written, and strikes those it lets go before it removes them. What is on the list is
believed, and what is newer than all of it: a learner may be killed between writing and entering. Anything older that is
not on the list has been put back by somebody.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from ..kernel.bus import Bucket, Bus, Conflict
from ..kernel.service import Fatal
from ..kernel.topology import RUN_BUCKET

Place = tuple[int, int]
"""epoch, step"""
NOWHERE: Place = (-1, -1)


class Overtaken(Exception):
    """A checkpoint that is to be entered is older than one of a later epoch: its writer has been replaced."""


@dataclass(frozen=True, slots=True)
class Register:
    """The list as of now. `newest` stays when its checkpoint is struck: nothing older comes in any more."""

    newest: Place = NOWHERE
    digests: Mapping[str, str] = field(default_factory=dict)
    """sha256 of state.json, by the checkpoint's name"""

    def objection(self, name: str, digest: str, *, own_key: bool) -> str:
        """Why a checkpoint with a valid signature is none of this run's; empty if it is one."""
        if self.digests.get(name) == digest:
            return ""
        if place_of(name) < self.newest:
            return f"the run does not have it any more: it is older than {name_of(self.newest)} and not on its list"
        return "" if own_key else "it is signed with another key than this learner's"

    def entered(self, name: str, digest: str, struck: Collection[str] = ()) -> Register:
        """With one more and some fewer. Raises Overtaken."""
        place = place_of(name)
        if self.newest[0] > place[0] and self.digests.get(name) != digest:
            raise Overtaken(name_of(self.newest))
        digests = {**self.digests, name: digest}
        kept = {one: digest for one, digest in digests.items() if one not in struck}
        return Register(max(self.newest, place), kept)

    def to_bytes(self) -> bytes:
        return json.dumps({"newest": name_of(self.newest), "digests": dict(self.digests)}).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Register:
        """Raises ValueError."""
        try:
            tree = json.loads(data)
            digests = {str(name): str(digest) for name, digest in tree["digests"].items()}
            for name in digests:
                place_of(name)
            return cls(place_of(tree["newest"]), digests)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"not a list of checkpoints: {error!r}") from error


def place_of(name: str) -> Place:
    epoch, _, step = name.partition("-")
    return int(epoch), int(step)


def name_of(place: Place) -> str:
    return f"{place[0]}-{place[1]}"


class Registry:
    """The list of one agent, where it is kept. Only its learners write there."""

    def __init__(self, bucket: Bucket, agent: str) -> None:
        self._bucket, self._key = bucket, f"checkpoints.{agent}"

    @classmethod
    async def open(cls, bus: Bus, agent: str) -> Registry:
        return cls(await bus.bucket(RUN_BUCKET), agent)

    async def read(self) -> Register:
        """Empty before the first checkpoint. Raises Fatal for one that cannot be read."""
        return (await self._look())[0]

    async def enter(self, name: str, digest: str, struck: Collection[str] = ()) -> Register:
        """Whatever others have written meanwhile stays. Raises Overtaken."""
        while True:
            register, revision = await self._look()
            changed = register.entered(name, digest, struck)
            if changed == register:
                return register
            try:
                await self._bucket.update(self._key, changed.to_bytes(), revision)
                return changed
            except Conflict:
                continue

    async def _look(self) -> tuple[Register, int]:
        entry = await self._bucket.get(self._key)
        if entry is None:
            return Register(), 0
        try:
            return Register.from_bytes(entry.value), entry.revision
        except ValueError as error:
            raise Fatal(f"the key {self._key} of the run is damaged: {error}. Begin a new run.") from error
