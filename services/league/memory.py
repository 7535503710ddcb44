"""What the health controller knows of one agent and must not forget, and the words it thinks in. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Literal, NamedTuple

from ..kernel.health import Firing
from ..kernel.intent import Overrides

Phase = Literal["healthy", "softened", "rolling", "probation", "paused"]
PHASES: tuple[Phase, ...] = ("healthy", "softened", "rolling", "probation", "paused")
CheckpointState = Literal["candidate", "probation", "healthy", "pinned", "quarantined"]
Remedy = Literal["restore", "older_reset", "bilateral"]
NEUTRAL = Overrides()


class Look(NamedTuple):
    """One update as the learner told it."""

    epoch: int
    step: int
    undone: int
    rejected: bool
    checkpoint: str
    """newest durable one, <epoch>-<step>"""
    stage: str
    firings: Sequence[Firing] = ()


class Breach(NamedTuple):
    """Of one signal, or of updates that were taken back."""

    signal: str
    first: int
    last: int
    """steps"""


class Plan(NamedTuple):
    """A rollback that has been decided."""

    id: str
    checkpoint: str
    remedy: Remedy
    reason: str
    cause: str = "none"
    """the signal that failed first"""


class Decision(NamedTuple):
    """What to do beside writing the memory down: tell, pause."""

    kind: str = ""
    """of the event; empty for none"""
    message: str = ""
    pause: bool = False


@dataclass(frozen=True)
class Memory:
    """What the controller must not forget: it is stored as JSON in health.<agent>."""

    phase: Phase = "healthy"
    step: int = 0
    epoch: int = 0
    stage: str = ""
    shift_step: int = 0
    """of the last rollback or change of stage"""
    back_step: int = -1
    """where the last rollback has gone on; -1 if there was none"""
    soft_step: int = -1
    """of the last softening; -1 if there was none"""
    breaches: tuple[Breach, ...] = ()
    """of every signal that has failed of late"""
    calm: int = 0
    failed: tuple[tuple[str, int], ...] = ()
    """signal, step: evidence of the last updates"""
    rejects: tuple[int, ...] = ()
    """attempts (step + undone) that were taken back, of the last ten"""
    overrides: Overrides = NEUTRAL
    checkpoints: tuple[tuple[str, CheckpointState], ...] = ()
    tried: tuple[tuple[str, str], ...] = ()
    """fingerprint, remedy"""
    rolled: tuple[tuple[str, int], ...] = ()
    """stage, step of the rollbacks"""
    probation_until: int = 0
    plan: Plan | None = None
    """the rollback under way"""
    reason: str = ""
    sequence: int = 0
    """of the last health message that was looked at"""


def to_bytes(memory: Memory) -> bytes:
    """As JSON, with the checkpoints as an object, which the learner reads."""
    return json.dumps(asdict(memory) | {"checkpoints": dict(memory.checkpoints)}).encode()


def from_bytes(data: bytes) -> Memory:
    """What this version does not know is left out."""
    tree = {name: value for name, value in json.loads(data).items() if name in _NAMES}
    pairs = {name: tuple(map(tuple, tree[name])) for name in ("failed", "tried", "rolled")}
    return Memory(**tree | pairs | {
        "breaches": tuple(Breach(*one) for one in tree.get("breaches", ())),
        "checkpoints": tuple(tree["checkpoints"].items()),
        "plan": tree["plan"] and Plan(*tree["plan"]),
        "rejects": tuple(tree["rejects"]),
        "overrides": Overrides(**tree["overrides"]),
    })  # fmt: skip


_NAMES = frozenset(one.name for one in fields(Memory))
