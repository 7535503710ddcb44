"""What is fixed for a whole run, checked before anything is started."""

from __future__ import annotations

from dataclasses import dataclass

from ..games import registry
from ..kernel.config import ConfigError, RunConfig


@dataclass(frozen=True, slots=True)
class Plan:
    config: RunConfig
    bots: tuple[str, ...]
    """every scripted bot of the game: the panel"""
    alone: bool = False
    """a game of one seat: nobody to meet, no pool, and returns are measured instead of wins"""


def make_plan(config: RunConfig) -> Plan:
    """Raises ConfigError when the configuration names a game, rule set or bot that does not exist."""
    try:
        spec = registry.spec(config.game)
        rules = registry.expect(f"rule set of {config.game}", config.rules, spec.rules)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    bots = tuple(spec.bots[rules])
    for index, phase in enumerate(config.league.phases):
        for bot in (bot for pool in phase.bots for bot in pool.bots):
            try:
                registry.expect(f"bot of {config.game}", bot, bots)
            except ValueError as error:
                raise ConfigError(f"league.phases.{index}.bots ({phase.name}): {error}") from error
    return Plan(config, bots, alone=spec.seats == 1)
