"""What is fixed for a whole run, checked before anything is started."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from ..api.v1.policy_pb2 import PolicyRef
from ..games import GameSpec, registry
from ..games.conditions import DEFAULT_REGIME, in_regime, randomised, regimes_named, regimes_of
from ..kernel.config import ConfigError, RunConfig
from ..kernel.curriculum import merged
from ..kernel.guests import guests_of
from ..kernel.panel import DETERMINISTIC, SAMPLED, with_other_play
from ..kernel.players import version_id
from . import curriculum, stages
from .cast import Cast, cast_of, guests_against


@dataclass(frozen=True, slots=True)
class Plan:
    config: RunConfig
    bots: tuple[str, ...]
    """every scripted bot of the game: the panel"""
    cast: Cast
    curriculum: curriculum.Rules
    stages: stages.Rules
    guests: Mapping[str, PolicyRef] = field(default_factory=dict)
    """policies from elsewhere by name: on the panel too"""
    alone: bool = False
    """a game of one seat: nobody to meet, no pool, and returns are measured instead of wins"""
    regimes: tuple[str, ...] = ()
    """those the last version is measured in beside the default one, and those with the other kind of play"""

    @property
    def guest_ids(self) -> dict[str, str]:
        """Player id of each guest by its name."""
        return {name: version_id(ref) for name, ref in self.guests.items()}

    def guests_against(self, agent: str) -> dict[str, str]:
        """The same, of those that can sit opposite an agent."""
        return guests_against(self.config, self.cast, agent)


def make_plan(config: RunConfig) -> Plan:
    """Raises ConfigError when the configuration names a game, rule set or bot that does not exist."""
    try:
        spec = registry.spec(config.game)
        rules = registry.expect(f"rule set of {config.game}", config.rules, spec.rules)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    bots, guests = tuple(spec.bots[rules]), guests_of(config)
    for index, phase in enumerate(config.league.phases):
        for bot in (bot for pool in phase.bots for bot in pool.bots):
            try:
                registry.expect(f"bot of {config.game}", bot, (*bots, *guests))
            except ValueError as error:
                raise ConfigError(f"league.phases.{index}.bots ({phase.name}): {error}") from error
    cast = cast_of(config, spec)
    _somebody_to_meet(config, cast)
    if config.evaluator.gate.enabled and (spec.seats == 1 or cast.fixed or len(cast.agents) > 1):
        raise ConfigError("evaluator.gate.enabled: expected a run with one agent that can meet itself")
    ladder, calendar = _curriculum(config, spec, cast), stages.Rules.of(config)
    return Plan(config, bots, cast, ladder, calendar, guests, spec.seats == 1, _conditions(config, spec))


def _somebody_to_meet(config: RunConfig, cast: Cast) -> None:
    """An agent with a role has no pool of its own to play against. Raises ConfigError."""
    if not cast.fixed:
        return
    for agent in cast.agents:
        if cast.opponents(agent) or guests_against(config, cast, agent):
            continue
        for index, phase in enumerate(config.league.phases):
            if not set(cast.bots_against(agent)) & {bot for pool in phase.bots for bot in pool.bots}:
                raise ConfigError(
                    f"league.phases.{index} ({phase.name}): nobody to play against {agent!r}: expected an agent of "
                    f"another role, a guest, or bots out of {', '.join(cast.bots_against(agent))}"
                )


def _curriculum(config: RunConfig, spec: GameSpec, cast: Cast) -> curriculum.Rules:
    """Tries every level on the game, and finds the agents that are named. Raises ConfigError."""
    wanted, key = config.league.curriculum, "league.curriculum"
    for index, level in enumerate(wanted.ladder):
        with _blame(f"{key}.levels.{index} ({level.name})"):
            for name in level.parameters:
                registry.expect(f"parameter in which matches of {spec.name} may differ", name, spec.per_match)
            registry.check(config.game, rules=config.rules, **merged(config.game_parameters, level.parameters))
            reserved = (*regimes_of(spec, config.rules), SAMPLED, DETERMINISTIC)
            if level.name in reserved or level.name.endswith((f"-{SAMPLED}", f"-{DETERMINISTIC}")):
                raise ValueError(f"{level.name!r} is the name of a regime of {spec.name}: take another one")
    alternation, warm = wanted.alternation, wanted.advance.warm_start
    named = {"advance.win_rate_of": wanted.advance.win_rate_of}
    if alternation is not None:
        named |= {f"alternation.{name}": getattr(alternation, name) for name in ("first", "first_on_new_level")}
        if len(cast.agents) < 2:
            raise ConfigError(f"{key}.alternation: it takes several agents, found {', '.join(cast.agents)}")
    named |= {"advance.warm_start.agent": warm.agent} if warm else {}
    for place, agent in named.items():
        with _blame(f"{key}.{place}"):
            registry.expect("agent", agent, ("", *cast.agents))
    if warm is not None:
        with _blame(f"{key}.advance.warm_start.bot"):
            registry.expect("bot", warm.bot, cast.bots_against(warm.agent))
    return curriculum.Rules.of(config)


def _conditions(config: RunConfig, spec: GameSpec) -> tuple[str, ...]:
    """Tries every level of randomisation and every regime on the game; returns the regimes beside the default one."""
    parameters, evaluator = config.game_parameters, config.evaluator
    for index, stage in enumerate(config.league.randomisation):
        with _blame(f"league.randomisation.{index}.level ({stage.level})"):
            registry.check(config.game, rules=config.rules, **randomised(spec, parameters, stage.level))
    named = regimes_named(spec, config.rules, config.evaluator.regimes)
    for regime in named:
        with _blame(f"evaluator.regimes ({regime})"):
            registry.check(config.game, rules=config.rules, **in_regime(spec, config.rules, parameters, regime))
            if regime != DEFAULT_REGIME and spec.seats == 1:
                raise ValueError(f"{spec.name} has one seat: returns are only kept for the default regime")
    others = [name for name in named if name != DEFAULT_REGIME]
    if not evaluator.other_play_matches_per_opponent:
        return tuple(others)
    doubled = [with_other_play(name, evaluator.deterministic, DEFAULT_REGIME) for name in (DEFAULT_REGIME, *others)]
    return (*others, *doubled)


@contextmanager
def _blame(key: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise ConfigError(f"{key}: {error}") from error
