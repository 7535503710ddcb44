"""What the kernels are told: the rules of the batch."""

from __future__ import annotations

from math import hypot
from typing import Any

import warp as wp

from .constants import PHYSICS, REWARDS, ROLES
from .kernels.layout import Rules, Weights
from .options import Options

WIDE = 1e300
"""metres; a range without limit"""


def rules_of(seed: int, options: Options) -> Any:
    """The parameters of `make` as the struct the kernels read."""
    rules = Rules()
    rules.base_seed = wp.uint64(seed)
    _set_physics(rules, options.physics)
    _set_sight(rules, options)
    rules.steps_per_decision = options.steps_per_decision
    rules.navigation = options.rules == "navigation"
    rules.same_step = options.autoreset == "same_step"
    rules.truncates = options.timeout_truncates
    rules.normalised = options.normalised
    rules.fixed_speed = wp.vec2i(*(int(role in options.fixed_speed) for role in ROLES))
    rules.safety_filter = options.safety_filter
    weights = Weights()
    for name in REWARDS:
        setattr(weights, name, options.rewards[name])
    rules.weights = weights
    return rules


def _set_physics(rules: Any, physics: dict[str, float]) -> None:
    fields = set(rules._cls.vars)
    for name, value in physics.items():
        if name in fields:
            setattr(rules, name, int(value) if PHYSICS[name].whole else value)
    width, height = physics["arena_width"], physics["arena_height"]
    rules.half_width, rules.half_height, rules.diagonal = width / 2, height / 2, hypot(width, height)
    rules.speed = wp.vec2d(*(physics[f"{role}_speed"] for role in ROLES))
    rules.turn_rate = wp.vec2d(*(physics[f"{role}_turn_rate"] for role in ROLES))


def _set_sight(rules: Any, options: Options) -> None:
    layout, limited = options.layout, options.sensing_range is not None
    rules.sensing_range = options.sensing_range if limited else WIDE
    rules.cone = options.fov is not None
    rules.half_fov = (options.fov or 0.0) / 2
    rules.line_of_sight = options.line_of_sight or not (limited or rules.cone)
    rules.masked = wp.vec2i(*(int(layout.masked and role in options.masked) for role in ROLES))
    rules.flag = layout.masked
    rules.sensor = layout.sensor
    rules.egocentric = layout.egocentric
    rules.shown = layout.obstacles
    rules.lidar_noise = options.lidar_noise
