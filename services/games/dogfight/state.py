"""The matches' state on the host side: allocation, snapshot, restore, seating."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import warp as wp

from ..arrays import Mirror
from .constants import FRAME_FLOATS, FRAMES
from .kernels.layout import Bullet, Draws, Fighter, Match, Physics, Seat
from .options import Options
from .packing import put_draws
from .snapshot import ARRAYS, BULLET_ARRAYS, COMPETITION_ARRAYS, SEATS, Arrays, checked


def volley(lifetime_ticks: Any, cooldown_ticks: Any) -> Any:
    """Most bullets that both guns together can have in the air, for numbers or arrays."""
    return SEATS * -(-lifetime_ticks // cooldown_ticks)


def largest_volley(options: Options) -> int:
    """The same over all physics an episode may have."""
    ends = {name: (value, value) for name, value in options.physics.items()} | options.drawn
    return int(volley(int(ends["bullet_lifetime_ticks"][1]), int(ends["gun_cooldown_ticks"][0])))


class MatchState:
    """Owner of the arrays the kernels work on: an array each of five structs, and the history of frames."""

    def __init__(self, batch: int, device: str, options: Options) -> None:
        self.batch, self.device, self.ticks_per_decision = batch, device, options.ticks_per_decision
        self.physics = Mirror((batch,), Physics, device)
        for name, value in options.physics.items():
            self.physics.host[name] = value
        self.physics.push()
        self.draws = Mirror((batch,), Draws, device)
        self.draw(slice(None), options, every=False)
        # Twice a volley: room for the bullets a restored state has in the air and for those still to be fired.
        self.bullet = Mirror((batch, 2 * largest_volley(options)), Bullet, device)
        self.match = Mirror((batch,), Match, device)
        self.fighter = Mirror((batch, SEATS), Fighter, device)
        self.seats = Mirror((batch, SEATS), Seat, device)
        self._arrays = COMPETITION_ARRAYS if options.competition else ARRAYS
        # Training has no history; the kernels get one match's worth they never touch.
        self.history = Mirror((batch if options.competition else 1, SEATS, FRAMES, FRAME_FLOATS), wp.float32, device)
        self._fresh = np.zeros((), self.seats.host.dtype)
        self._fresh["evade_direction"] = 1
        self.seats.host[...] = self._fresh
        self.seats.push()

    def mirrors(self) -> dict[str, Mirror]:
        """The arrays by the names that snapshot.ARRAYS uses."""
        return {
            "match": self.match,
            "fighter": self.fighter,
            "bullet": self.bullet,
            "seat": self.seats,
            "physics": self.physics,
            "history": self.history,
        }

    def seat(self, seat: int, slots: Any, numbers: int | list[int]) -> None:
        """Seat bots by number, with a fresh memory and a neutral stick."""
        self.seats.pull()
        self.seats.host[slots, seat] = self._fresh
        self.seats.host["bot"][slots, seat] = numbers
        self.seats.push()

    def snapshot(self) -> Arrays:
        """Copies of all arrays."""
        state = {name: view.copy() for name, view in self._views().items()}
        return state | {"alive": state["alive"] > 0}

    def restore(self, given: Mapping[str, npt.NDArray[Any]]) -> bool:
        """Take the given arrays. Returns whether memory was replaced, so that launches must be recorded anew."""
        current = self._views()
        state = checked(given, current, self.ticks_per_decision)
        # No gun may ever lack a slot: the bullets in the air, plus a volley by the physics of each match.
        in_air = ((current | state)["bullet_ticks"] > 0).sum(axis=1)
        lifetime, cooldown = ((current | state)[name] for name in ("bullet_lifetime_ticks", "gun_cooldown_ticks"))
        slots = int((in_air + volley(lifetime, cooldown)).max())
        replaced = slots > self.bullet.host.shape[1]
        if replaced:
            self._widen(slots)
        if "bullet_ticks" in state:
            self.bullet.host[...] = np.zeros((), self.bullet.host.dtype)
        self._write(state)
        return bool(replaced)

    def _views(self) -> Arrays:
        """All arrays of a snapshot, as the memory the kernels use."""
        mirrors = self.mirrors()
        for array in mirrors.values():
            array.pull()
        return {name: _field(mirrors[struct], field) for name, (struct, field) in self._arrays.items()}

    def _write(self, state: Arrays) -> None:
        mirrors = self.mirrors()
        for name, values in state.items():
            struct, field = self._arrays[name]
            target = _field(mirrors[struct], field)
            (target[:, : values.shape[1]] if name in BULLET_ARRAYS else target)[...] = values
        for array in mirrors.values():
            array.push()

    def draw(self, slots: Any, options: Options, *, every: bool) -> None:
        """Take the physics of the slots' next episodes from `options`; see `put_draws`."""
        put_draws(self.draws.host, slots, options, every=every)
        self.draws.push()

    def make_room(self, options: Options) -> bool:
        """Bullet slots for whatever episodes may be drawn from now on. Returns whether memory was replaced."""
        slots = 2 * largest_volley(options)
        if slots <= self.bullet.host.shape[1]:
            return False
        self.bullet.pull()
        self._widen(slots)
        self.bullet.push()
        return True

    def _widen(self, slots: int) -> None:
        old = self.bullet.host
        self.bullet = Mirror((self.batch, slots), Bullet, self.device)
        self.bullet.host[:, : old.shape[1]] = old


def _field(mirror: Mirror, field: str) -> npt.NDArray[Any]:
    return mirror.host[field] if field else mirror.host
