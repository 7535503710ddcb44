"""What the kernels are told: the rules of the batch, the physics of its slots, and where observations go."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
import warp as wp

from ..arrays import Mirror
from .constants import CONFIG_FLOATS, FRAME_FLOATS, ORIGINAL_FLOATS, PHYSICS
from .kernels.features import Config, Egocentric
from .kernels.frame import Frame
from .kernels.layout import Rules
from .kernels.outlet import Outlet
from .kernels.sight import Sight
from .options import Options


def rules_of(seed: int, options: Options) -> Any:
    """The parameters of `make` as the struct the kernels read."""
    rules = Rules()
    rules.base_seed = wp.uint64(seed)
    rules.ticks_per_decision = options.ticks_per_decision
    rules.bot_period_ticks = options.bot_period_ticks
    rules.reward_per_decision = options.reward_every == "decision"
    rules.random_spawn = options.random_spawn
    rules.same_step = options.autoreset == "same_step"
    rules.competition = int(options.competition)
    rules.frames = options.frames
    rules.egocentric = options.egocentric
    rules.config = options.config
    for name, weight in options.rewards.items():
        setattr(rules, name, weight)
    return rules


def put_draws(draws: npt.NDArray[Any], slots: Any, options: Options, *, every: bool) -> None:
    """Write into the structured array [B] where the physics of the slots' episodes come from.

    `every`: numbers that are not drawn are set at the start of each episode; otherwise they stay what they are.
    """
    free = sum(1 << number for number, name in enumerate(PHYSICS) if name in options.drawn)
    draws["free"][slots] = free
    draws["drawn"][slots] = (1 << len(PHYSICS)) - 1 if every else free
    for name in PHYSICS:
        low, high = options.drawn.get(name, (options.physics[name],) * 2)
        draws["low"][name][slots] = low
        draws["high"][name][slots] = high


def outlet_of(observation: Mirror, options: Options) -> Any:
    """The kernels' views of the parts of an observation; a part that is not asked for is never written."""
    width = observation.host.shape[-1]
    original = FRAME_FLOATS if options.competition else ORIGINAL_FLOATS
    outlet = Outlet()
    outlet.sights = observation.columns(0, Sight)
    outlet.frames = observation.columns(0, Frame, options.frames)
    outlet.features = observation.columns(original if options.egocentric else 0, Egocentric)
    outlet.configs = observation.columns(width - CONFIG_FLOATS if options.config else 0, Config)
    return outlet
