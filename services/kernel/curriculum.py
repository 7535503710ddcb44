"""The director's part of the configuration: whose turn it is to learn, levels of the game, and when to go on."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from pydantic import Field, model_validator

from .section import NAME_PATTERN, Section


class AlternationConfig(Section):
    """One agent learns at a time, against the other one as it stands."""

    phase_decisions: int = Field(500_000, ge=1, description="how long one agent learns before it is the other's turn")
    warmup_decisions: tuple[int, ...] = Field(
        (), description="lengths of the first phases instead, like [100_000, 100_000, 200_000, 200_000]"
    )
    first: str = Field("", description="agent that begins; empty: the first of the file")
    first_on_new_level: str = Field("", description="agent that learns first on a new level; empty: whose turn it is")

    @model_validator(mode="after")
    def _lengths(self) -> AlternationConfig:
        if any(length < 1 for length in self.warmup_decisions):
            raise ValueError(f"warmup_decisions: expected lengths of at least 1, found {self.warmup_decisions}")
        return self


class LevelConfig(Section):
    """A level of difficulty: parameters of the game in which its matches may differ."""

    name: str = Field(pattern=NAME_PATTERN)
    parameters: dict[str, Any] = Field(default_factory=dict, description="like { physics = { max_separation = 5 } }")


class BeyondConfig(Section):
    """What else changes on a smooth ladder from a value on."""

    value: float
    parameters: dict[str, Any]


class SmoothConfig(Section):
    """Many small levels: one number moves in equal steps."""

    parameter: str = Field(description="dotted, like 'physics.max_separation'")
    start: float
    end: float
    step: float = Field(gt=0)
    parameters: dict[str, Any] = Field(default_factory=dict, description="the same on every level")
    beyond: tuple[BeyondConfig, ...] = Field((), description="and from a value of the number on")

    @model_validator(mode="after")
    def _ascends(self) -> SmoothConfig:
        if not self.start < self.end or (self.end - self.start) / self.step > 1000:
            raise ValueError(f"expected start below end in at most 1000 steps, found {self.start:g} … {self.end:g}")
        return self

    def levels(self) -> tuple[LevelConfig, ...]:
        """The ladder, written out; the last level is `end` itself."""
        count = math.ceil((self.end - self.start) / self.step - 1e-9)
        values = [*(self.start + k * self.step for k in range(count)), self.end]
        return tuple(LevelConfig(name=f"level-{k + 1}", parameters=self._at(value)) for k, value in enumerate(values))

    def _at(self, value: float) -> dict[str, Any]:
        found = merged({}, self.parameters)
        for one in self.beyond:
            found = merged(found, one.parameters) if value >= one.value else found
        for part in reversed(self.parameter.split(".")):
            value = {part: value}  # type: ignore[assignment]
        return merged(found, value)  # type: ignore[arg-type]


class WarmStartConfig(Section):
    """An agent practises against a bot when a level begins."""

    agent: str
    bot: str = "random"
    decisions: int = Field(50_000, ge=1)


class AdvanceConfig(Section):
    """When the next level begins: as soon as one of the conditions that are given holds."""

    gap: float | None = Field(None, gt=0, le=1, description="success of two roles differs by less than this …")
    evaluations: int = Field(2, ge=1, description="… in so many evaluations in a row")
    win_rate: float | None = Field(None, gt=0, lt=1, description="lower 95 % bound of the success of win_rate_of")
    win_rate_of: str = Field("", description="agent; empty: the first")
    decisions: int | None = Field(None, ge=1, description="so many decisions on the level, of each agent on average")
    canary_share: float = Field(0.1, ge=0, le=1, description="of training matches on the next level at first; 0: all")
    canary_updates: int = Field(10, ge=0, description="so long at least, and until the next evaluation")
    revert_drop: float = Field(0.15, gt=0, le=1, description="back, if a win rate on the panel falls by more than this")
    retry_evaluations: int = Field(3, ge=1, description="evaluations before the next attempt")
    replay_share: float = Field(0.2, ge=0, lt=1, description="of training matches on earlier levels")
    warm_start: WarmStartConfig | None = None


class CurriculumConfig(Section):
    alternation: AlternationConfig | None = Field(None, description="left out: all agents learn at once")
    levels: tuple[LevelConfig, ...] = Field((), description="of the game, easiest first; none: it is as configured")
    smooth: SmoothConfig | None = Field(None, description="instead of levels: a ladder of many")
    advance: AdvanceConfig = AdvanceConfig()  # type: ignore[call-arg]

    @model_validator(mode="after")
    def _one_ladder(self) -> CurriculumConfig:
        if self.levels and self.smooth:
            raise ValueError("levels and smooth exclude each other")
        names = [level.name for level in self.levels]
        if len(set(names)) < len(names):
            raise ValueError(f"levels: every level needs a name of its own, found {', '.join(names)}")
        one = self.advance
        if len(self.ladder) > 1 and (one.gap, one.win_rate, one.decisions) == (None, None, None):
            raise ValueError("advance: levels need a condition: gap, win_rate or decisions")
        return self

    @property
    def ladder(self) -> tuple[LevelConfig, ...]:
        return self.smooth.levels() if self.smooth else self.levels


class Share(NamedTuple):
    """A successful share of n matches."""

    wins: int
    n: int

    @property
    def rate(self) -> float:
        return self.wins / self.n if self.n else 0.0


def merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Two trees of parameters; where both say something, the second."""
    found = dict(one)
    for name, value in other.items():
        both = isinstance(value, dict) and isinstance(found.get(name), dict)
        found[name] = merged(found[name], value) if both else value
    return found
