"""The parameters of `make`, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import hypot, pi
from typing import Any

from ..game import AutoresetMode
from ..registry import expect
from ..values import flag, number, whole
from .constants import LAYOUTS, LIDAR_NOISE, NAVIGATION_STEPS, PER_MATCH, PHYSICS, REWARDS, ROLES, STARTS, Layout

AUTORESET_MODES: tuple[AutoresetMode, ...] = ("same_step", "disabled")


@dataclass(frozen=True, slots=True)
class Options:
    """What can be chosen about a batch of matches, complete and valid."""

    rules: str
    layout: Layout
    physics: dict[str, float]
    rewards: dict[str, float]
    sensing_range: float | None
    fov: float | None
    line_of_sight: bool
    masked: frozenset[str]
    """roles whose opponent is hidden when it is not seen"""
    lidar_noise: float
    normalised: bool
    fixed_speed: frozenset[str]
    """roles that always drive at top speed"""
    safety_filter: bool
    timeout_truncates: bool
    steps_per_decision: int
    autoreset: AutoresetMode

    @classmethod
    def parse(
        cls,
        rules: str = "pursuit",
        observation: str = "original",
        physics: Mapping[str, float] | None = None,
        rewards: Mapping[str, float] | None = None,
        sensing_range: float | None = None,
        fov: float | None = None,
        line_of_sight: bool = False,
        masked: str = "both",
        lidar_noise: float = LIDAR_NOISE,
        actions: str = "physical",
        fixed_speed: str = "neither",
        safety_filter: bool = False,
        timeout: str = "truncated",
        steps_per_decision: int = 1,
        autoreset: str = "same_step",
    ) -> Options:
        """Fill in the defaults. Raises ValueError that names the parameter and what it takes."""
        expect("autoreset mode", autoreset, AUTORESET_MODES)
        numbers = _physics(physics or {}, {"max_steps": NAVIGATION_STEPS} if rules == "navigation" else {})
        options = cls(
            rules=rules,
            layout=LAYOUTS[expect("observation of pursuit", observation, tuple(LAYOUTS))],
            physics=numbers,
            rewards=_rewards(rewards or {}),
            sensing_range=None if sensing_range is None else number("sensing_range", sensing_range, 0.0, 1e6),
            fov=None if fov is None else _cone(fov),
            line_of_sight=flag("line_of_sight", line_of_sight),
            masked=_roles("masked", masked, ("both", *ROLES)),
            lidar_noise=number("lidar_noise", lidar_noise, 0.0, 1e3),
            normalised=expect("actions", actions, ("physical", "normalised")) == "normalised",
            fixed_speed=_roles("fixed_speed", fixed_speed, ("neither", *ROLES, "both")),
            safety_filter=flag("safety_filter", safety_filter),
            timeout_truncates=expect("timeout", timeout, ("truncated", "terminated")) == "truncated",
            steps_per_decision=whole("steps_per_decision", steps_per_decision, 1, int(PHYSICS["max_steps"].high)),
            autoreset="same_step" if autoreset == "same_step" else "disabled",
        )
        options.refuse_what_would_do_nothing()
        return options

    def refuse_what_would_do_nothing(self) -> None:
        """Sight parameters that would change neither observation nor reward are a mistake. Raises ValueError."""
        masked, sensor, weights = self.layout.masked, self.layout.sensor, self.rewards
        if not masked:
            given = {"fov": self.fov is not None, "line_of_sight": self.line_of_sight, "masked": len(self.masked) < 2}
            for name in (name for name, chosen in given.items() if chosen):
                raise ValueError(f"{name} needs an observation with '+masked': nothing is hidden in the others")
        if self.sensing_range is not None and not (masked or weights["search"] or weights["sight"]):
            raise ValueError("sensing_range needs an observation with '+masked', or a weight for search or sight")
        if weights["search"] and not (masked or sensor):
            raise ValueError("reward search needs an observation with '+masked' or 'sensor': the evader is always seen")


def varied(options: Options, parameters: Mapping[str, Any]) -> Options:
    """`options` with other starts, for some of the matches. Raises ValueError that names what is wrong."""
    for name in parameters:
        expect("parameter that may differ between matches of pursuit", name, PER_MATCH)
    if "physics" not in parameters:
        return options
    defaults = {"max_steps": NAVIGATION_STEPS} if options.rules == "navigation" else {}
    numbers = _physics(parameters["physics"], defaults)
    different = [name for name, value in numbers.items() if value != options.physics[name]]
    for name in different:
        expect("number in which the matches of one batch may differ", name, STARTS)
    return replace(options, physics=numbers)


def _cone(value: Any) -> float:
    if not 0.0 < number("fov", value) <= 2 * pi:
        raise ValueError(f"fov must be in 0 … 2π radians (not degrees), not {value!r}")
    return float(value)


def _roles(name: str, value: Any, choices: tuple[str, ...]) -> frozenset[str]:
    chosen = expect(name, value, choices)
    return frozenset({"both": ROLES, "neither": ()}.get(chosen, (chosen,)))


def _rewards(given: Mapping[str, float]) -> dict[str, float]:
    for name in given:
        expect("reward term of pursuit", name, tuple(REWARDS))
    return {name: number(f"reward {name}", given.get(name, weight)) for name, weight in REWARDS.items()}


def _physics(given: Mapping[str, float], defaults: Mapping[str, float]) -> dict[str, float]:
    values = {name: parameter.default for name, parameter in PHYSICS.items()} | dict(defaults)
    for name, value in given.items():
        parameter = PHYSICS[expect("physics parameter of pursuit", name, tuple(PHYSICS))]
        if parameter.whole:
            values[name] = whole(f"physics {name}", value, int(parameter.low), int(parameter.high))
        else:
            values[name] = number(f"physics {name}", value, parameter.low, parameter.high)
    for low in (name for name in values if name.startswith("min_")):
        high = low.replace("min_", "max_")
        if values[low] > values[high]:
            raise ValueError(f"physics {low} ({values[low]:g}) must not be above {high} ({values[high]:g})")
    room = hypot(*(values[side] - 2 * values["robot_radius"] for side in ("arena_width", "arena_height")))
    if values["min_separation"] > room:
        found = values["min_separation"]
        raise ValueError(f"physics min_separation must be at most {room:g} in this arena, not {found:g}")
    return values
