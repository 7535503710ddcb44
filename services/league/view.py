"""What the director sees, and what it can ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..api.v1.match_pb2 import Ticket
from ..api.v1.policy_pb2 import PolicyRef
from ..kernel.promotion import Verdict
from .ledger import State


@dataclass(frozen=True, slots=True)
class Seen:
    """One agent at one moment."""

    head: PolicyRef | None = None
    """newest version of its learner"""
    genesis: PolicyRef | None = None
    """its step 0"""
    final: PolicyRef | None = None
    """its last version, once the last update has been made"""


@dataclass(frozen=True, slots=True)
class View:
    """The world at one moment."""

    agents: Mapping[str, Seen] = field(default_factory=dict)
    standings: State = field(default_factory=State)
    training_waiting: int = 0
    """training tickets not yet played to the end"""
    training_undelivered: int = 0
    """of these, the ones no simulator has taken"""
    evaluation_waiting: int = 0
    caught_up: bool = False
    """`standings` hold every result that was in the ledger after the waiting tickets had been counted"""
    catalog: Mapping[str, PolicyRef] = field(default_factory=dict)
    """kept versions by id"""
    window: int = 0
    """in lockstep: number of the window that the learner wants next"""
    training: State = field(default_factory=State)
    """in lockstep: standings of the training matches of all earlier windows, and of no others"""
    verdict: Verdict | None = None
    """the last one of the promotion gate"""
    exploiters: frozenset[str] = frozenset()
    """agents in whose updates nobody measures time"""
    lost: frozenset[str] = frozenset()
    """versions whose weights are gone: they can be neither kept nor played"""

    @property
    def heads(self) -> list[PolicyRef]:
        """The newest version of every agent that has one."""
        return [seen.head for seen in self.agents.values() if seen.head is not None]

    @property
    def mains(self) -> list[PolicyRef]:
        """The same without exploiters."""
        return [head for head in self.heads if head.agent not in self.exploiters]

    @property
    def step(self) -> int:
        """Updates made, averaged over the agents that exploit nobody."""
        return sum(head.step for head in self.mains) // max(1, len(self.agents) - len(self.exploiters))

    @property
    def finals(self) -> list[PolicyRef]:
        """The last version of every agent that has made its last update."""
        return [seen.final for seen in self.agents.values() if seen.final is not None]

    @property
    def over(self) -> bool:
        """Every agent has made its last update."""
        return bool(self.agents) and len(self.finals) == len(self.agents)


@dataclass(frozen=True, slots=True)
class Keep:
    """Make the weights of a version permanent. Carried out before the record is written."""

    policy: PolicyRef


@dataclass(frozen=True, slots=True)
class Publish:
    """Send a ticket. Carried out after its numbers are reserved by the record."""

    ticket: Ticket


@dataclass(frozen=True, slots=True)
class Announce:
    """Tell people. Carried out last."""

    kind: str
    message: str
    detail: Mapping[str, str | int | float] = field(default_factory=dict)


Effect = Keep | Publish | Announce
