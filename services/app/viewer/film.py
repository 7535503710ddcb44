"""A dogfight's states as compact numbers for the page. T: ticks of the match; arrays have T + 1 entries per seat."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from math import cos, sin
from typing import Any

import numpy as np
import numpy.typing as npt

from ...games.dogfight import constants
from ...play.replay import Replay
from ...play.rerun import re_simulate

Arrays = Mapping[str, npt.NDArray[Any]]
Json = dict[str, Any]

GAME = "dogfight"
#: Steps of one unit that the page gets, as 16-bit integers: 3 cm, 0.0001 rad, 6 cm/s. None shows on a screen.
STEPS = {"x": 32, "y": 32, "yaw": 10_000, "speed": 16}


def film(replay: Replay) -> Json:
    """Play the match again tick by tick. Raises ReplayError, also for a game this page cannot show."""
    ticks = int(replay.parameters.get("ticks_per_decision", constants.TICKS_PER_DECISION))
    states = re_simulate(replay, parameters={**replay.parameters, "ticks_per_decision": 1}, repeat=ticks)
    return {
        "arena": {
            "half_width": constants.ARENA_HALF_WIDTH,
            "height": constants.ARENA_HEIGHT,
            "margin": constants.WALL_MARGIN,
            "joined": replay.rules == "competition",
            "ticks_per_second": constants.TICKS_PER_SECOND,
            "ticks_per_decision": ticks,
        },
        "physics": {name: float(states[name][0]) for name in constants.PHYSICS},
        "ticks": len(states["tick"]) - 1,
        "tracks": {name: {"step": step, "data": _packed(states[name], step)} for name, step in STEPS.items()},
        "hp": [_changes(states["hp"][:, seat]) for seat in range(2)],
        "down": [_first(~states["alive"][:, seat]) for seat in range(2)],
        "stalls": [_spans(states["stall_ticks"][:, seat] > 0) for seat in range(2)],
        "bullets": bullets(states),
    }


def bullets(states: Arrays) -> list[list[float]]:
    """One row per bullet, by its first tick: owner, first and last tick, x, y, vx, vy at the first, fate.

    Fate 0: it flew to its end (or the match ended), 1: glanced off, 2: hit. A gun fires at most once in a tick, so
    owner and age tell one bullet from another.
    """
    return sorted([*_seen(states), *_point_blank(states)], key=lambda row: row[1])


def _seen(states: Arrays) -> list[list[float]]:
    """Bullets that are in the air after at least one tick."""
    left = states["bullet_ticks"]
    frames, slots = np.nonzero(left > 0)
    born = frames - (states["bullet_lifetime_ticks"][frames] - left[frames, slots]).astype(int)
    owners = states["bullet_owner"][frames, slots].astype(int)
    seen: dict[tuple[int, int], list[int]] = {}
    for row, key in enumerate(zip(born.tolist(), owners.tolist(), strict=True)):
        seen.setdefault(key, []).append(row)
    found = []
    for (_, owner), rows in seen.items():
        first, last = rows[0], rows[-1]
        where = frames[first], slots[first]
        path = [round(float(states[f"bullet_{name}"][where]), 2) for name in ("x", "y", "vx", "vy")]
        rest = int(left[frames[last], slots[last]])
        found.append(
            [owner, int(frames[first]), int(frames[last]), *path, _fate(states, owner, int(frames[last]), rest)]
        )
    return found


def _point_blank(states: Arrays) -> list[list[float]]:
    """Shots that met somebody in the tick in which they were fired: no state shows them, only the gun does."""
    cooldown, left = states["cooldown"], states["bullet_ticks"]
    found = []
    for owner in range(2):
        hp = states["hp"][:, 1 - owner]
        for tick in (np.flatnonzero(np.diff(cooldown[:, owner]) > 0) + 1).tolist():
            newest = left[tick] == states["bullet_lifetime_ticks"][tick] - 1
            if (newest & (states["bullet_owner"][tick] == owner)).any():
                continue
            yaw, speed = float(states["yaw"][tick, owner]), float(states["bullet_speed"][tick])
            nose = cos(yaw), sin(yaw)
            muzzle = [
                float(states[name][tick, owner]) + constants.MUZZLE_OFFSET * n
                for name, n in zip("xy", nose, strict=True)
            ]
            path = [round(value, 2) for value in (*muzzle, nose[0] * speed, nose[1] * speed)]
            found.append([owner, tick, tick, *path, 2 if hp[tick] < hp[tick - 1] else 1])
    return found


def _fate(states: Arrays, owner: int, last: int, rest: int) -> int:
    hp = states["hp"][:, 1 - owner]
    if last + 1 >= len(hp):
        return 0
    if hp[last + 1] < hp[last]:
        return 2
    return 1 if rest > 1 else 0


def _packed(values: npt.NDArray[Any], step: int) -> str:
    """[T + 1, 2] as base64 of little-endian int16, seat 0 first."""
    whole = np.clip(np.rint(values.T * step), -32_768, 32_767).astype("<i2")
    return base64.b64encode(np.ascontiguousarray(whole).tobytes()).decode()


def _changes(values: npt.NDArray[Any]) -> list[list[int]]:
    """[tick, value] at the start and wherever it changes."""
    ticks = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist()]
    return [[tick, int(values[tick])] for tick in ticks]


def _first(flags: npt.NDArray[np.bool_]) -> int | None:
    """The first tick that is true."""
    return int(flags.argmax()) if flags.any() else None


def _spans(flags: npt.NDArray[np.bool_]) -> list[list[int]]:
    """[first, last] tick of every stretch that is true."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return [[int(start), int(end) - 1] for start, end in edges.reshape(-1, 2)]
