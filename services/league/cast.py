"""Who can meet whom: agents, bots and guests by the roles they play. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ..games import GameSpec, registry
from ..kernel.config import ConfigError, RunConfig
from ..kernel.guests import guests_of
from ..kernel.players import agent_of, version_id

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cast:
    roles: Mapping[str, str]
    """agent or guest -> its role; "" plays every seat"""
    agents: tuple[str, ...]
    seats: tuple[str, ...]
    """the game's roles in the order of the seats"""
    bots: Mapping[str, tuple[str, ...]]
    """role -> bots that can play it; with "": all"""

    @property
    def fixed(self) -> bool:
        """Everybody keeps to one seat."""
        return any(self.roles.values())

    def meets(self, player: str, other: str) -> bool:
        """Whether versions of two agents or guests can be in one match."""
        role, opposite = self.roles[player], self.roles.get(other)
        return opposite is not None and (not self.fixed or opposite != role)

    def opponents(self, agent: str) -> tuple[str, ...]:
        """Agents it meets; itself where seats are swapped."""
        return tuple(other for other in self.agents if self.meets(agent, other))

    def bots_against(self, agent: str) -> tuple[str, ...]:
        """Bots that can sit opposite."""
        if not self.fixed:
            return self.bots[""]
        return tuple(dict.fromkeys(bot for role in self.seats if role != self.roles[agent] for bot in self.bots[role]))

    def pool_against(self, agent: str, pool: Sequence[str]) -> list[str]:
        """Members of the pool that can sit opposite."""
        return [member for member in pool if self.meets(agent, agent_of(member))]

    def seated(self, agent: str, own: T, other: T) -> list[T]:
        """The two players of a match in the order of the ticket: the learner first, or by seat."""
        in_order = not self.fixed or self.seats.index(self.roles[agent]) == 0
        return [own, other] if in_order else [other, own]

    def pairs(self) -> list[tuple[str, str]]:
        """Agents that are measured against one another: those of different roles."""
        chosen = [(one, two) for k, one in enumerate(self.agents) for two in self.agents[k + 1 :]]
        return [(one, two) for one, two in chosen if self.fixed and self.meets(one, two)]


def cast_of(config: RunConfig, spec: GameSpec) -> Cast:
    """Raises ConfigError for a role that the game does not have, or agents that could meet nobody."""
    bots = spec.bots[config.rules]
    agents = {agent.name: agent.role for agent in config.agents} or {config.learner.agent: ""}
    guests = {guest.player: guest.role for guest in config.league.guests}
    for name, role in (agents | guests).items():
        try:
            registry.expect(f"role of {spec.name}", role, ("", *spec.roles))
        except ValueError as error:
            raise ConfigError(f"agents: {name}: {error}") from error
    if any(agents.values()) and not all(agents.values()):
        raise ConfigError(f"agents: either every agent has a role or none: {', '.join(spec.roles)}")
    if any(agents.values()) and spec.seats != 2:
        raise ConfigError(f"agents: roles need a game of two seats, {spec.name} has {spec.seats}")
    playable = {role: tuple(bot for bot in bots if bot in spec.role_bots.get(role, bots)) for role in spec.roles}
    return Cast(roles=guests | agents, agents=tuple(agents), seats=spec.roles, bots={"": tuple(bots), **playable})


def guests_against(config: RunConfig, cast: Cast, agent: str) -> dict[str, str]:
    """Player id by name of the guests that can sit opposite."""
    return {name: version_id(ref) for name, ref in guests_of(config).items() if cast.meets(agent, name)}
