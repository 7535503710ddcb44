"""The matches' state on the host side: allocation, snapshot, restore, seating."""

from __future__ import annotations

from collections.abc import Mapping
from math import pi
from typing import Any

import numpy as np
import numpy.typing as npt

from ..registry import expect
from .arrays import Mirror
from .constants import BOTS, PHYSICS
from .kernels.layout import Bullet, Fighter, Match, Physics, Seat
from .options import Options

Arrays = dict[str, npt.NDArray[Any]]
SEATS = 2

BULLET_ARRAYS = ("bullet_x", "bullet_y", "bullet_vx", "bullet_vy", "bullet_owner", "bullet_ticks")
ARRAYS: dict[str, tuple[str, str]] = {
    **{name: ("match", name) for name in ("tick", "decisions", "seed", "episode")},
    **{
        name: ("fighter", name)
        for name in ("x", "y", "yaw", "speed", "hp", "cooldown", "alive", "stall_ticks")
    },
    **{name: ("bullet", name.removeprefix("bullet_")) for name in BULLET_ARRAYS},
    **{name: ("physics", name) for name in PHYSICS},
    "bot": ("seat", "bot"),
    "bot_evade_direction": ("seat", "evade_direction"),
    "bot_evade_calls": ("seat", "evade_calls"),
    "bot_mode": ("seat", "mode"),
    "bot_mode_calls": ("seat", "mode_calls"),
    "bot_patience_calls": ("seat", "patience_calls"),
    "bot_punish_calls": ("seat", "punish_calls"),
    "bot_yoyo_calls": ("seat", "yoyo_calls"),
    "bot_yoyo_phase": ("seat", "yoyo_phase"),
    "action_yaw": ("seat", "yaw"),
    "action_throttle": ("seat", "throttle"),
    "action_shoot": ("seat", "shoot"),
}
"""name of a snapshot's array -> struct and field it lives in; docs/games/dogfight.md tells their meaning"""


def volley(lifetime_ticks: Any, cooldown_ticks: Any) -> Any:
    """Most bullets that both guns together can have in the air, for numbers or arrays."""
    return SEATS * -(-lifetime_ticks // cooldown_ticks)


class MatchState:
    """Owner of the arrays the kernels work on."""

    def __init__(self, batch: int, device: str, options: Options) -> None:
        self.batch, self.device, self.ticks_per_decision = batch, device, options.ticks_per_decision
        self.physics = Mirror((batch,), Physics, device)
        for name, value in options.physics.items():
            self.physics.host[name] = value
        self.physics.push()
        # Twice a volley: room for the bullets a restored state has in the air and for those still to be fired.
        lifetime, cooldown = (int(options.physics[n]) for n in ("bullet_lifetime_ticks", "gun_cooldown_ticks"))
        self.bullet = Mirror((batch, 2 * volley(lifetime, cooldown)), Bullet, device)
        self.match = Mirror((batch,), Match, device)
        self.fighter = Mirror((batch, SEATS), Fighter, device)
        self.seats = Mirror((batch, SEATS), Seat, device)
        self._fresh = np.zeros((), self.seats.host.dtype)
        self._fresh["evade_direction"] = 1
        self.seats.host[...] = self._fresh
        self.seats.push()

    def mirrors(self) -> dict[str, Mirror]:
        """The five arrays of structs by name."""
        return {
            "match": self.match,
            "fighter": self.fighter,
            "bullet": self.bullet,
            "seat": self.seats,
            "physics": self.physics,
        }

    def seat(self, seat: int, slots: Any, numbers: int | list[int]) -> None:
        """Seat bots by number, with a fresh memory and a neutral stick."""
        self.seats.pull()
        self.seats.host[slots, seat] = self._fresh
        self.seats.host["bot"][slots, seat] = numbers
        self.seats.push()

    def view(self, name: str) -> npt.NDArray[Any]:
        """One array of the snapshot, as the memory the kernels use (on the CPU)."""
        struct, field = ARRAYS[name]
        return self.mirrors()[struct].host[field]

    def snapshot(self) -> Arrays:
        """Copies of all arrays."""
        for array in self.mirrors().values():
            array.pull()
        state = {name: self.view(name).copy() for name in ARRAYS}
        return state | {"alive": state["alive"] > 0}

    def restore(self, given: Mapping[str, npt.NDArray[Any]]) -> bool:
        """Take the given arrays. Returns whether memory was replaced, so that launches must be recorded anew."""
        for array in self.mirrors().values():
            array.pull()
        state = self._checked(given)
        slots = self._slots_needed(state)
        replaced = slots > self.bullet.host.shape[1]
        if replaced:
            self._widen(slots)
        if "bullet_ticks" in state:
            self.bullet.host[...] = np.zeros((), self.bullet.host.dtype)
        for name, values in state.items():
            target = self.view(name)
            (target[:, : values.shape[1]] if name in BULLET_ARRAYS else target)[...] = values
        for array in self.mirrors().values():
            array.push()
        return replaced

    def _widen(self, slots: int) -> None:
        old = self.bullet.host
        self.bullet = Mirror((self.batch, slots), Bullet, self.device)
        self.bullet.host[:, : old.shape[1]] = old

    def _checked(self, given: Mapping[str, npt.NDArray[Any]]) -> Arrays:
        state: Arrays = {}
        for name, values in given.items():
            expect("state array of dogfight", name, tuple(ARRAYS))
            state[name] = self._shaped(name, np.asarray(values))
        if "tick" in state and "decisions" not in state:
            state["decisions"] = -(-state["tick"] // self.ticks_per_decision)
        if "yaw" in state:
            state["yaw"] = _wrapped(state["yaw"])
        if "bot" in state and not np.isin(state["bot"], range(len(BOTS) + 1)).all():
            raise ValueError(f"bot must be 0 (external) … {len(BOTS)}")
        for name in PHYSICS:
            low, high = PHYSICS[name].low, PHYSICS[name].high
            if name in state and not ((state[name] >= low) & (state[name] <= high)).all():
                raise ValueError(f"physics {name} must be in {low:g} … {high:g}")
        _pack_bullets(state)
        return state

    def _shaped(self, name: str, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """`values` in the type and shape of array `name`, or a ValueError."""
        target = self.view(name)
        if name == "tick" and values.shape == (self.batch, SEATS) and (values[:, 0] == values[:, 1]).all():
            values = values[:, 0]
        fits = values.shape == target.shape
        if name in BULLET_ARRAYS:
            fits = values.ndim == 2 and len(values) == self.batch
        if not fits:
            raise ValueError(f"{name} must have shape {target.shape}, not {values.shape}")
        if not np.isfinite(values).all():
            raise ValueError(f"{name} must be finite")
        return values.astype(target.dtype)

    def _slots_needed(self, state: Arrays) -> int:
        """So many that no gun ever lacks a slot: the bullets in the air, plus a volley by the physics of each match."""
        ticks, lifetime, cooldown = (
            state.get(name, self.view(name)) for name in ("bullet_ticks", "bullet_lifetime_ticks", "gun_cooldown_ticks")
        )
        return int(((ticks > 0).sum(axis=1) + volley(lifetime, cooldown)).max())


def _wrapped(yaw: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Angles outside [−π, π] brought back; those inside stay bit for bit."""
    turns = np.where(np.abs(yaw) > np.float32(pi), np.round(yaw / (2 * pi)), 0.0)
    return (yaw - 2 * pi * turns).astype(np.float32)


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
