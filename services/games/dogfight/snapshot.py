"""The named arrays of a snapshot: where each lives, and what `restore` accepts. Table: docs/games/dogfight.md."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, pi
from typing import Any

import numpy as np
import numpy.typing as npt

from ..registry import expect
from .constants import BOTS, PHYSICS

Arrays = dict[str, npt.NDArray[Any]]
SEATS = 2

FIGHTER_ARRAYS = ("x", "y", "yaw", "speed", "hp", "cooldown", "alive", "stall_ticks")
BULLET_ARRAYS = ("bullet_x", "bullet_y", "bullet_vx", "bullet_vy", "bullet_owner", "bullet_ticks")
MEMORY = (
    *("evade_direction", "evade_calls", "mode", "mode_calls"),
    *("patience_calls", "punish_calls", "yoyo_calls", "yoyo_phase"),
)
ARRAYS: dict[str, tuple[str, str]] = {
    **{name: ("match", name) for name in ("tick", "decisions", "seed", "episode")},
    **{name: ("fighter", name) for name in FIGHTER_ARRAYS},
    **{name: ("bullet", name.removeprefix("bullet_")) for name in BULLET_ARRAYS},
    **{name: ("physics", name) for name in PHYSICS},
    "bot": ("seat", "bot"),
    **{f"bot_{name}": ("seat", name) for name in MEMORY},
    **{f"action_{name}": ("seat", name) for name in ("yaw", "throttle", "shoot")},
}
"""name of a snapshot's array -> struct and field it lives in"""
PREVIOUS = {"previous_x": "x", "previous_y": "y", "previous_yaw": "yaw"}
COMPETITION_ARRAYS = ARRAYS | {name: ("fighter", name) for name in PREVIOUS} | {"frames": ("history", "")}
"""the same for competition; `history` is one plain array"""

RANGES: dict[str, tuple[float, float]] = {
    **{name: (parameter.low, parameter.high) for name, parameter in PHYSICS.items()},
    **{name: (0, inf) for name in ("tick", "decisions", "episode", "hp", "cooldown", "stall_ticks", "bullet_ticks")},
    "bot": (0, len(BOTS)),
    "bullet_owner": (0, SEATS - 1),
}
"""closed range of the values that are not free"""


def checked(given: Mapping[str, npt.NDArray[Any]], current: Arrays, ticks_per_decision: int) -> Arrays:
    """The given arrays in the types of the `current` ones, bullets packed, `decisions` derived from `tick`.

    Raises ValueError for an unknown name, a wrong shape or an impossible value.
    """
    state: Arrays = {}
    for name, values in given.items():
        expect("state array of dogfight", name, tuple(current))
        state[name] = _shaped(name, np.asarray(values), current[name])
        low, high = RANGES.get(name, (-inf, inf))
        if not ((state[name] >= low) & (state[name] <= high)).all():
            raise ValueError(f"{name} must be in {low:g} … {high:g}")
    if not ((current | state)["min_speed"] < (current | state)["max_speed"]).all():
        raise ValueError("min_speed must be below max_speed in every match")
    if "tick" in state and "decisions" not in state:
        state["decisions"] = -(-state["tick"] // ticks_per_decision)
    for name in {"yaw", "previous_yaw"} & state.keys():
        state[name] = _wrapped(state[name])
    if "frames" in current:
        _forget_before_start(state, current)
    _pack_bullets(state)
    return state


def _shaped(name: str, values: npt.NDArray[Any], current: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if name == "tick" and values.shape == (len(current), SEATS) and (values[:, 0] == values[:, 1]).all():
        values = values[:, 0]
    fits = values.shape == current.shape
    if name in BULLET_ARRAYS:
        fits = values.ndim == 2 and len(values) == len(current)
    if not fits:
        raise ValueError(f"{name} must have shape {current.shape}, not {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} must be finite")
    return values.astype(current.dtype)


def _wrapped(yaw: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Angles outside [−π, π] brought back; those inside stay bit for bit."""
    turns = np.where(np.abs(yaw) > np.float32(pi), np.round(yaw / (2 * pi)), 0.0)
    return (yaw - 2 * pi * turns).astype(np.float32)


def _forget_before_start(state: Arrays, current: Arrays) -> None:
    """At tick 0 nothing was before: no earlier tick, no earlier frame."""
    now = current | state
    fresh = now["tick"] == 0
    for name, source in PREVIOUS.items():
        state[name] = np.where(fresh[:, None], now[source], now[name])
    state["frames"] = np.where(fresh[:, None, None, None], np.float32(0), now["frames"])


def _pack_bullets(state: Arrays) -> None:
    """Bring live bullets to the front, in their order, and clear free slots. All six arrays or none."""
    present = [name for name in BULLET_ARRAYS if name in state]
    if not present:
        return
    if len(present) < len(BULLET_ARRAYS) or len({state[name].shape for name in present}) > 1:
        raise ValueError(f"bullets need all of {', '.join(BULLET_ARRAYS)}, of one shape")
    live = state["bullet_ticks"] > 0
    order = np.argsort(~live, axis=1, kind="stable")
    width = int(live.sum(axis=1).max(initial=0))
    for name in present:
        packed = np.where(live, state[name], 0).astype(state[name].dtype)
        state[name] = np.take_along_axis(packed, order, axis=1)[:, :width]
