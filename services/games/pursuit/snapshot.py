"""The named arrays of a snapshot: where each lives, and what `restore` accepts. Table: docs/games/pursuit.md."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, pi
from typing import Any

import numpy as np
import numpy.typing as npt

from ..registry import expect
from .constants import BOTS, FLEE_TASK, GOALS, MAX_OBSTACLES, PHYSICS

Arrays = dict[str, npt.NDArray[Any]]

MATCH_ARRAYS = ("step", "decisions", "episode", "seed", "over", "min_distance", "task", "goals", "interventions")
POSE = ("x", "y", "theta", "v", "omega")
ROBOT_ARRAYS = {f"{letter}{name}": (seat, name) for seat, letter in enumerate("pe") for name in POSE}
"""px, py, … of the pursuer, ex, ey, … of the evader -> seat and field"""
TOUCH_ARRAYS = ("wall", "collision")
FLAGS = ("over", *TOUCH_ARRAYS)
PLACES = {"step", "px", "py", "ex", "ey"}
"""a match that is given one of these, and no `over`, is running again"""

RANGES: dict[str, tuple[float, float]] = {
    "bot": (0, len(BOTS)),
    "task": (0, FLEE_TASK),
    "goals": (0, GOALS),
    **dict.fromkeys(("step", "decisions", "episode", "interventions"), (0, 2**31 - 1)),
    **dict.fromkeys(("min_distance", "pv", "ev"), (0, inf)),
    "seen_at": (-PHYSICS["stale_steps"].high, 2**31 - 1),
}
"""closed range of the values that are not free"""


def checked(given: Mapping[str, npt.NDArray[Any]], current: Arrays, half: tuple[float, float], steps: int) -> Arrays:
    """The given arrays in the types of the `current` ones, headings wrapped, obstacles packed.

    half: largest |x| and |y| of a robot; steps: per decision. Raises ValueError for an unknown name, a wrong shape or
    an impossible value.
    """
    state: Arrays = {}
    for name, values in given.items():
        expect("state array of pursuit", name, tuple(current))
        state[name] = _shaped(name, np.asarray(values), current[name])
        low, high = RANGES.get(name, (-inf, inf))
        if not ((state[name] >= low) & (state[name] <= high)).all():
            raise ValueError(f"{name} must be in {low:g} … {high:g}")
    for name, limit in (("px", half[0]), ("py", half[1]), ("ex", half[0]), ("ey", half[1])):
        if name in state and (np.abs(state[name]) > limit + 1e-6).any():
            raise ValueError(f"{name} must be within the walls, −{limit:g} … {limit:g}")
    for name in {"ptheta", "etheta"} & state.keys():
        state[name] = np.where(np.abs(state[name]) > pi, (state[name] + pi) % (2 * pi) - pi, state[name])
    if "obstacles" in state:
        state["obstacles"] = _packed(state["obstacles"])
    if "step" in state and "decisions" not in state:
        state["decisions"] = -(-state["step"] // steps)
    if PLACES & state.keys() and "over" not in state:
        state["over"] = np.zeros_like(current["over"])
    _derive_min_distance(state, current)
    if "history" in current:
        now = current | state
        fresh = (now["decisions"] == 0)[:, None, None, None]
        state["history"] = np.where(fresh, np.float32(0), now["history"])
    return state


def _derive_min_distance(state: Arrays, current: Arrays) -> None:
    """The smallest distance of a made-up state is the present one, unless it is given."""
    if "min_distance" not in state and {"px", "py", "ex", "ey"} & state.keys():
        now = current | state
        state["min_distance"] = np.hypot(now["px"] - now["ex"], now["py"] - now["ey"])


def _shaped(name: str, values: npt.NDArray[Any], current: npt.NDArray[Any]) -> npt.NDArray[Any]:
    fits = values.shape == current.shape
    if name == "obstacles":
        fits = values.ndim == 3 and (len(values), values.shape[2]) == (len(current), 3)
    if not fits:
        raise ValueError(f"{name} must have shape {current.shape}, not {values.shape}")
    if values.dtype.kind not in "biuf" or not np.isfinite(values).all():
        raise ValueError(f"{name} must be finite numbers")
    if name in FLAGS:
        return np.asarray(values != 0)
    if current.dtype.kind in "iu" and (values != np.floor(values)).any():
        raise ValueError(f"{name} must be whole numbers")
    return values if name == "obstacles" else np.asarray(values, current.dtype)


def _packed(circles: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Circles [B, any, 3] of positive radius to the front, in their order; [B, MAX_OBSTACLES, 3]."""
    if (circles[..., 2] < 0).any():
        raise ValueError("obstacles must have radii of 0 (none) or more")
    there = circles[..., 2] > 0
    most = int(there.sum(axis=1).max(initial=0))
    if most > MAX_OBSTACLES:
        raise ValueError(f"obstacles: {most} in a match, but there is room for {MAX_OBSTACLES}")
    order = np.argsort(~there, axis=1, kind="stable")[:, :MAX_OBSTACLES]
    packed = np.zeros((len(circles), MAX_OBSTACLES, 3))
    kept = np.take_along_axis(np.where(there[..., None], circles, 0.0), order[..., None], axis=1)
    packed[:, : kept.shape[1]] = kept
    return packed
