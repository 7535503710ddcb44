"""Pursuit–evasion: two unicycle robots in a walled arena. Cheap to import; the engine loads in `make`.

Rules, observations, rewards, bots and parameters: docs/games/pursuit.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..game import ActionSpec, GameSpec
from . import constants

if TYPE_CHECKING:
    from .game import Pursuit

SPEC = GameSpec(
    name="pursuit",
    rules=constants.RULES,
    seats=constants.SEATS,
    roles=constants.ROLES,
    action=ActionSpec(continuous=("speed", "turn"), binary=()),
    observations=constants.OBSERVATIONS,
    bots=dict.fromkeys(constants.RULES, constants.BOTS),
    role_bots=constants.ROLE_BOTS,
    parameters={
        "observation": "'original' (14 floats, the default), 'egocentric' (those, sines and cosines of the angles, the "
        "near distance and the time), or 'sensor' (473 floats: pose, lidar and their history); the first two also with "
        "'+masked' (an unseen opponent is hidden; a flag follows) and then '+K' (the K = 1 … 8 nearest obstacles)",
        "physics": "mapping of the numbers of the rules to values; defaults: "
        + ", ".join(f"{name} {p.default:g} ({p.unit})" for name, p in constants.PHYSICS.items()),
        "rewards": "mapping of reward terms to weights (dimensionless, the sign is part of the weight); default: "
        + ", ".join(f"{name} {weight:g}" for name, weight in constants.REWARDS.items()),
        "sensing_range": "how far a robot sees the other, in metres; default None: without limit",
        "fov": "opening of the cone in which a robot sees the other, in radians, 0 … 2π; default None: all around",
        "line_of_sight": "True: obstacles hide, also where fov or sensing_range is set; default False: only where "
        "neither is",
        "masked": "with a masked observation: whose opponent is hidden, 'both' (default), 'pursuer' or 'evader'",
        "lidar_noise": "standard deviation of the lidar of 'sensor', in metres; default 0.02",
        "actions": "'physical' (default): m/s and rad/s; 'normalised': speed = top·(a + 1)/2, turn = top·a, "
        "a in [−1, 1]",
        "fixed_speed": "who always drives at top speed, whatever its speed component: 'neither' (default), 'pursuer', "
        "'evader' or 'both'",
        "safety_filter": "True: the pursuer's action passes through the discrete control barrier filter; default False",
        "timeout": "'truncated' (default) or 'terminated': what a match that ran out of time reports",
        "steps_per_decision": "steps (dt) an action is held; default 1",
        "autoreset": "'same_step' (default): a finished match restarts inside step; 'disabled': it stands still",
    },
    symmetric=False,
    per_match=constants.PER_MATCH,
    max_decisions=int(constants.PHYSICS["max_steps"].default),
)


def check(rules: str, **parameters: Any) -> None:
    """Raises ValueError for a parameter's bad value; builds nothing."""
    from .options import Options

    Options.parse(rules, **parameters)


def make(rules: str, batch: int, seed: int, device: str, **parameters: Any) -> Pursuit:
    """Build a batch of matches; use `ludus.games.make("pursuit", ...)`, which checks the names.

    Raises ValueError for a parameter's bad value.
    """
    from .game import Pursuit
    from .options import Options

    return Pursuit(rules=rules, batch=batch, seed=seed, device=device, options=Options.parse(rules, **parameters))


__all__: Sequence[str] = ("SPEC", "check", "make")
