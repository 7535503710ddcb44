"""The named arrays of a snapshot: where each lives, and what `restore` accepts. Table: docs/games/dogfight.md."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, pi
from typing import Any

import numpy as np
import numpy.typing as npt

from ..registry import expect
from .constants import BOTS, MATCH_TICKS, PHYSICS

Arrays = dict[str, npt.NDArray[Any]]
SEATS = 2
WHOLE_MAX = 2**31 - 1

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
    **{name: (0, WHOLE_MAX) for name in ("decisions", "episode", "hp", "cooldown", "stall_ticks", "bullet_ticks")},
    "tick": (0, MATCH_TICKS),
    "alive": (0, 1),
    "seed": (0, inf),
    "bot_mode": (0, 4),
    "bot_evade_direction": (-1, 1),
    "bot_yoyo_phase": (-1, 1),
    "bot": (0, len(BOTS)),
    "bullet_owner": (0, SEATS - 1),
}
"""closed range of the values that are not free"""


def checked(given: Mapping[str, npt.NDArray[Any]], current: Arrays, ticks_per_decision: int) -> Arrays:
    """The given arrays in the types of the `current` ones, bullets packed, `decisions` derived from `tick`.

    Raises ValueError for an unknown name, a wrong shape or an impossible value.
    """
    if not isinstance(given, Mapping):
        raise ValueError(f"a state is a mapping of names to arrays, as `snapshot` gives it, not {type(given).__name__}")
    state: Arrays = {}
    for name, values in given.items():
        expect("state array of dogfight", name, tuple(current))
        state[name] = _shaped(name, _numbers(name, values), current[name])
    if not ((current | state)["min_speed"] < (current | state)["max_speed"]).all():
        raise ValueError("min_speed must be below max_speed in every match")
    if not ((current | state)["hp"] <= (current | state)["max_hp"][:, None]).all():
        raise ValueError("hp must not be above max_hp in any match")
    if "tick" in state and "decisions" not in state:
        state["decisions"] = -(-state["tick"] // ticks_per_decision)
    for name in {"yaw", "previous_yaw"} & state.keys():
        state[name] = _wrapped(state[name])
    if "frames" in current:
        _forget_before_start(state, current)
    _pack_bullets(state)
    return state


def _numbers(name: str, values: Any) -> npt.NDArray[Any]:
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} must be an array of numbers: {error}") from error
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must be an array of numbers, not of {array.dtype}")
    return array


def _shaped(name: str, values: npt.NDArray[Any], current: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if name == "tick" and values.shape == (len(current), SEATS) and (values[:, 0] == values[:, 1]).all():
        values = values[:, 0]
    elif name == "tick" and values.ndim == 2:
        raise ValueError(f"tick as [B, 2] must have two equal columns of {len(current)}, not shape {values.shape}")
    fits = values.shape == current.shape
    if name in BULLET_ARRAYS:
        fits = values.ndim == 2 and len(values) == len(current)
    if not fits:
        raise ValueError(f"{name} must have shape {current.shape}, not {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} must be finite")
    low, high = RANGES.get(name, (-inf, inf))
    if not ((values >= low) & (values <= high)).all():
        raise ValueError(f"{name} must be in {low:g} … {high:g}")
    if current.dtype.kind in "iu" and values.dtype.kind == "f" and (values != np.rint(values)).any():
        raise ValueError(f"{name} must be whole numbers")
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
