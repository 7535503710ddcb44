"""The matches' state on the host side: allocation, snapshot, restore, seating."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt
import warp as wp

from ..arrays import Mirror
from .constants import CELLS, FRAME_FLOATS, FRAMES, MAX_OBSTACLES, SEATS
from .kernels.layout import Match, Robot
from .options import Options
from .snapshot import FLAGS, MATCH_ARRAYS, ROBOT_ARRAYS, TOUCH_ARRAYS, Arrays, checked


class MatchState:
    """Owner of the arrays the kernels work on."""

    def __init__(self, batch: int, device: str, options: Options) -> None:
        physics = options.physics
        self._half = tuple(physics[side] / 2 - physics["robot_radius"] for side in ("arena_width", "arena_height"))
        self._steps_per_decision = options.steps_per_decision
        self._navigation = options.rules == "navigation"
        self._sensor = options.layout.sensor
        self.match = Mirror((batch,), Match, device)
        self.robot = Mirror((batch, SEATS), Robot, device)
        self.bot = Mirror((batch, SEATS), wp.int32, device)
        self.obstacles = Mirror((batch, MAX_OBSTACLES, 3), wp.float64, device)
        self.seen_at = Mirror((batch, CELLS), wp.int32, device)
        # Only the sensor layout has a history; the kernels get one match's worth they never touch.
        self.history = Mirror((batch if self._sensor else 1, SEATS, FRAMES, FRAME_FLOATS), wp.float32, device)

    @property
    def arguments(self) -> list[Any]:
        """The kernels' side of all arrays, in the order of their arguments."""
        match, robot, bot, _, seen_at, history = (mirror.device for mirror in self._mirrors)
        return [match, robot, bot, self.obstacles.columns(0, wp.vec3d), seen_at, history]

    @property
    def _mirrors(self) -> tuple[Mirror, ...]:
        return self.match, self.robot, self.bot, self.obstacles, self.seen_at, self.history

    def seat(self, seat: int, slots: Any, numbers: int | list[int]) -> None:
        """Seat bots by number."""
        self.bot.pull()
        self.bot.host[slots, seat] = numbers
        self.bot.push()

    def snapshot(self) -> Arrays:
        """Copies of all arrays."""
        state = {name: view.copy() for name, view in self._views().items()}
        return state | {name: state[name] != 0 for name in FLAGS}

    def restore(self, given: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take the given arrays."""
        views = self._views()
        state = checked(given, views, (self._half[0], self._half[1]), self._steps_per_decision)
        if not self._navigation and "task" in state and state["task"].any():
            raise ValueError("task must be 0: goals and fleeing belong to the rules 'navigation'")
        for name, values in state.items():
            views[name][...] = values
        for array in self._mirrors:
            array.push()

    def _views(self) -> Arrays:
        """All arrays of a snapshot, as the memory the kernels use."""
        for array in self._mirrors:
            array.pull()
        views = {name: self.match.host[name] for name in MATCH_ARRAYS}
        views |= {name: self.robot.host[field][:, seat] for name, (seat, field) in ROBOT_ARRAYS.items()}
        views |= {name: self.robot.host[name] for name in TOUCH_ARRAYS}
        views |= {"bot": self.bot.host, "obstacles": self.obstacles.host, "seen_at": self.seen_at.host}
        return views | ({"history": self.history.host} if self._sensor else {})
