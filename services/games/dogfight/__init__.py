"""Dogfight: two aircraft with guns in a side-view arena. Cheap to import; the engine loads in `make`.

Rules, observation, reward, bots and parameters: docs/games/dogfight.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..game import ActionSpec, GameSpec
from . import constants
from .constants import REGIMES

if TYPE_CHECKING:
    from .game import Dogfight

SPEC = GameSpec(
    name="dogfight",
    rules=("training", "competition"),
    seats=2,
    roles=("fighter",),
    action=ActionSpec(continuous=("yaw", "throttle"), binary=("shoot",)),
    observations=constants.OBSERVATIONS,
    bots=dict.fromkeys(constants.OBSERVATIONS, constants.BOTS),
    parameters={
        "observation": "training: 'original' (46 floats, the default) or 'egocentric' (those and 20 features made of "
        "them), with '+config' the 13 physics numbers of the episode follow; competition: 'original' (224 floats, four "
        "frames) or 'egocentric' (the newest frame and 20 features made of it)",
        "physics": "mapping of the 13 configurable numbers to fixed values; defaults as in the original: "
        + ", ".join(f"{name} {p.default:g} {p.unit}" for name, p in constants.PHYSICS.items())
        + f"; gravity {constants.COMPETITION_GRAVITY:g} in competition",
        "randomisation": "'none' (default), 'narrow' or 'full', or a mapping of physics names to ranges (low, high): "
        "drawn anew for every episode, from its seed; a name in `physics` stays fixed; only in training",
        "rewards": "mapping of reward terms to weights (dimensionless); default: "
        + ", ".join(f"{name} {weight:g}" for name, weight in constants.REWARDS.items()),
        "reward_every": "'tick' (default): reward terms evaluated every 1/120 s and summed; 'decision': once per step",
        "bot_period_ticks": "ticks between two decisions of a scripted bot; default 1 (120 Hz); competition 10 (12 Hz)",
        "random_spawn": "True (default): each episode's start is drawn from its seed; False: always the fixed start",
        "autoreset": "'same_step' (default): a finished match restarts inside step; 'disabled': it stands still",
        "ticks_per_decision": "ticks (1/120 s) an external action is held; default 10",
    },
    symmetric=True,
    max_decisions=constants.MATCH_TICKS // constants.TICKS_PER_DECISION,
    per_match=constants.PER_MATCH,
    regimes={
        "training": {name: {"physics": dict(physics)} if physics else {} for name, physics in REGIMES.items()},
    },
)


def check(rules: str, **parameters: Any) -> None:
    """Raises ValueError for a parameter's bad value; builds nothing."""
    from .options import Options

    Options.parse(rules, **parameters)


def make(rules: str, batch: int, seed: int, device: str, **parameters: Any) -> Dogfight:
    """Build a batch of matches; use `ludus.games.make("dogfight", ...)`, which checks the names.

    Raises ValueError for a parameter's bad value.
    """
    from .game import Dogfight
    from .options import Options

    return Dogfight(rules=rules, batch=batch, seed=seed, device=device, options=Options.parse(rules, **parameters))


__all__: Sequence[str] = ("REGIMES", "SPEC", "check", "make")
