"""What controller and learner agree on in the RUN bucket: the record of health, and the intent of a rollback.

`health.<agent>` is written by the league's controller alone: which checkpoints are good, and the overrides the learner
has to work with. `rollback.<agent>` is the durable intent of one rollback. Both are written by compare-and-set, so that
whoever acts on an old version loses, and both are read again after a restart: that is all the protocol needs.

    PLANNED → FENCED (epoch + 1) → LOADED → VERIFIED → RESUMED        any of them → ABORTED
    `---- controller ----'         `------- learner --------'
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Literal

from .kv import Bucket

Step = Literal["planned", "fenced", "loaded", "verified", "resumed", "aborted"]
ORDER: tuple[Step, ...] = ("planned", "fenced", "loaded", "verified", "resumed")
#: Those that are the learner's to carry on.
WITH_LEARNER: tuple[Step, ...] = ("fenced", "loaded", "verified")


@dataclass(frozen=True, slots=True)
class Overrides:
    """What a remedy multiplies the configuration by. Applied after the optimizer's state, never part of it."""

    rate: float = 1.0
    kl: float = 1.0
    """of the coefficient of the KL penalty"""
    epochs: float = 1.0

    @property
    def neutral(self) -> bool:
        return self == Overrides()


@dataclass(frozen=True, slots=True)
class Intent:
    """One rollback, from the plan to the end."""

    id: str
    agent: str
    step: Step
    checkpoint: str
    """<epoch>-<step> of the target"""
    remedy: str
    reason: str
    cause: str = "none"
    """the signal that failed first"""
    epoch: int = 0
    """the new epoch; 0 until fenced"""
    reset_moments: bool = False
    critic_only_updates: int = 0
    began: float = 0.0
    """Unix time of the decision, for people and for the deadline"""
    ended: float = 0.0
    detail: str = ""
    unloadable: bool = False
    """aborted because the target is gone or broken: another one may do"""

    @property
    def is_open(self) -> bool:
        return self.step not in ("resumed", "aborted")

    def to_bytes(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Intent:
        return cls(**json.loads(data))


@dataclass(slots=True)
class Slot:
    """The key of one agent's intent, read and advanced by compare-and-set."""

    bucket: Bucket
    agent: str
    revision: int = 0
    intent: Intent | None = None
    _key: str = field(init=False, default="")

    def __post_init__(self) -> None:
        self._key = f"rollback.{self.agent}"

    async def read(self) -> Intent | None:
        """What is stored now; None if there never was a rollback."""
        entry = await self.bucket.get(self._key)
        if entry is not None and entry.revision != self.revision:
            self.intent, self.revision = Intent.from_bytes(entry.value), entry.revision
        return self.intent

    async def write(self, intent: Intent) -> None:
        """Store the next step of what was read. Raises Conflict if somebody else wrote since."""
        self.revision = await self.bucket.update(self._key, intent.to_bytes(), self.revision)
        self.intent = intent

    async def advance(self, step: Step, **changes: object) -> Intent:
        """The same with only these fields changed."""
        assert self.intent is not None
        await self.write(replace(self.intent, step=step, **changes))  # type: ignore[arg-type]
        return self.intent


@dataclass(frozen=True, slots=True)
class Guidance:
    """What a learner reads of `health.<agent>`."""

    overrides: Overrides = Overrides()
    protected: frozenset[str] = frozenset()
    """checkpoints that must not be let go"""


async def read_guidance(bucket: Bucket, agent: str) -> Guidance:
    """Neutral as long as no controller has written."""
    entry = await bucket.get(f"health.{agent}")
    if entry is None:
        return Guidance()
    tree = json.loads(entry.value)
    kept = frozenset(name for name, state in tree["checkpoints"].items() if state != "quarantined")
    return Guidance(Overrides(**tree["overrides"]), kept)
