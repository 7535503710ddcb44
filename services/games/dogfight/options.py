"""The parameters of `make`, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..game import AutoresetMode
from ..registry import expect
from ..values import flag, number, whole
from .constants import (
    COMPETITION_BOT_PERIOD,
    COMPETITION_GRAVITY,
    FRAMES,
    MATCH_TICKS,
    OBSERVATIONS,
    PER_MATCH,
    PHYSICS,
    REWARDS,
    TICKS_PER_DECISION,
)

AUTORESET_MODES: tuple[AutoresetMode, ...] = ("same_step", "disabled")
REWARD_MOMENTS = ("tick", "decision")
RANDOMISATIONS = ("none", "narrow", "full")
Ranges = dict[str, tuple[float, float]]
Randomisation = str | Mapping[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Options:
    """What can be chosen about a batch of matches, complete and valid."""

    rules: str
    observation: str
    physics: dict[str, float]
    fixed: frozenset[str]
    """physics the caller named, which no randomisation touches"""
    randomisation: Ranges
    """closed ranges to draw numbers from anew for every episode"""
    rewards: dict[str, float]
    reward_every: str
    bot_period_ticks: int
    random_spawn: bool
    autoreset: AutoresetMode
    ticks_per_decision: int

    @property
    def competition(self) -> bool:
        return self.rules == "competition"

    @property
    def drawn(self) -> Ranges:
        """The ranges of the numbers that are drawn: those not fixed."""
        return {name: ends for name, ends in self.randomisation.items() if name not in self.fixed}

    @property
    def frames(self) -> int:
        """Frames in an observation of `competition`."""
        return 1 if self.egocentric else FRAMES

    @property
    def egocentric(self) -> bool:
        """Whether the egocentric features are part of the observation."""
        return self.observation.startswith("egocentric")

    @property
    def config(self) -> bool:
        """Whether the physics of the episode are part of the observation."""
        return self.observation.endswith("+config")

    @classmethod
    def parse(
        cls,
        rules: str = "training",
        observation: str = "original",
        physics: Mapping[str, float] | None = None,
        randomisation: Randomisation = "none",
        rewards: Mapping[str, float] | None = None,
        reward_every: str = "tick",
        bot_period_ticks: int | None = None,
        random_spawn: bool = True,
        autoreset: str = "same_step",
        ticks_per_decision: int = TICKS_PER_DECISION,
    ) -> Options:
        """Fill in the defaults. Raises ValueError that names the parameter and what it takes."""
        expect("autoreset mode", autoreset, AUTORESET_MODES)
        competition = rules == "competition"
        if bot_period_ticks is None:
            bot_period_ticks = COMPETITION_BOT_PERIOD if competition else 1
        return cls(
            rules=rules,
            observation=expect("observation of dogfight", observation, tuple(OBSERVATIONS[rules])),
            physics=_physics(rules, physics or {}),
            fixed=frozenset(physics or {}),
            randomisation=_ranges(rules, randomisation),
            rewards=_rewards(rewards or {}),
            reward_every=expect("reward_every", reward_every, REWARD_MOMENTS),
            bot_period_ticks=whole("bot_period_ticks", bot_period_ticks, 1, MATCH_TICKS),
            random_spawn=flag("random_spawn", random_spawn),
            autoreset="same_step" if autoreset == "same_step" else "disabled",
            ticks_per_decision=whole("ticks_per_decision", ticks_per_decision, 1, MATCH_TICKS),
        )


def varied(options: Options, parameters: Mapping[str, Any]) -> Options:
    """`options` with other values of parameters in PER_MATCH. Raises ValueError that names what is wrong."""
    for name in parameters:
        expect("parameter that may differ between matches of dogfight", name, PER_MATCH)
    if "physics" in parameters:
        physics = parameters["physics"]
        options = replace(options, physics=_physics(options.rules, physics), fixed=frozenset(physics))
    if "randomisation" in parameters:
        options = replace(options, randomisation=_ranges(options.rules, parameters["randomisation"]))
    return options


def _rewards(given: Mapping[str, float]) -> dict[str, float]:
    if not isinstance(given, Mapping):
        raise ValueError(f"rewards must be a mapping of terms to weights, not {given!r}")
    for name in given:
        expect("reward term of dogfight", name, tuple(REWARDS))
    return {name: number(f"reward {name}", given.get(name, weight)) for name, weight in REWARDS.items()}


def _physics(rules: str, given: Mapping[str, float]) -> dict[str, float]:
    if not isinstance(given, Mapping):
        raise ValueError(f"physics must be a mapping of names to numbers, not {given!r}")
    values = {name: parameter.default for name, parameter in PHYSICS.items()}
    values |= {"gravity": COMPETITION_GRAVITY} if rules == "competition" else {}
    for name, value in given.items():
        parameter = PHYSICS[expect("physics parameter of dogfight", name, tuple(PHYSICS))]
        values[name] = number(f"physics {name}", value)
        if parameter.whole:
            values[name] = whole(f"physics {name}", value, int(parameter.low), int(parameter.high))
        if not parameter.low <= values[name] <= parameter.high:
            raise ValueError(f"physics {name} must be in {parameter.low:g} … {parameter.high:g}, not {value!r}")
    if values["min_speed"] >= values["max_speed"]:
        raise ValueError(
            f"physics min_speed ({values['min_speed']:g}) must be below max_speed ({values['max_speed']:g})"
        )
    return values


def _ranges(rules: str, given: Randomisation) -> Ranges:
    if rules == "competition" and given != "none":
        raise ValueError("randomisation belongs to the rules 'training': competition is always the same")
    if isinstance(given, str):
        level = expect("randomisation of dogfight", given, RANDOMISATIONS)
        shipped = {name: p.full if level == "full" else p.narrow for name, p in PHYSICS.items()}
        given = {} if level == "none" else shipped
    if not isinstance(given, Mapping):
        raise ValueError(f"randomisation must be one of {', '.join(RANDOMISATIONS)} or a mapping, not {given!r}")
    return {name: _range(name, ends) for name, ends in given.items()}


def _range(name: str, ends: Any) -> tuple[float, float]:
    parameter = PHYSICS[expect("physics parameter of dogfight", name, tuple(PHYSICS))]
    if not isinstance(ends, Sequence) or isinstance(ends, str) or len(ends) != 2:
        raise ValueError(f"randomisation {name} must be a pair (low, high), not {ends!r}")
    low, high = (number(f"randomisation {name}", end) for end in ends)
    if not parameter.low <= low <= high <= parameter.high:
        raise ValueError(
            f"randomisation {name} must be low <= high in {parameter.low:g} … {parameter.high:g}, not {ends!r}"
        )
    if parameter.whole and (low != int(low) or high != int(high)):
        raise ValueError(f"randomisation {name} must have whole ends, not {ends!r}")
    return low, high
