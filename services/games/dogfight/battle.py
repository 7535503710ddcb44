"""What kind of fight a match was: numbers from its states, tick by tick. Pure.

The dynamism score and what goes into it are those of the `analyze` command of benedictbrady/dogfight-challenge at
fdbfc84; where its source leaves a definition open, the one here is ours and stands beside the name.

F = T + 1 states of a match of T ticks, 2 seats; arrays as in the game's snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .constants import ARENA_DIAMETER, ARENA_HALF_WIDTH, TICKS_PER_SECOND

Arrays = Mapping[str, npt.NDArray[Any]]
FloatArray = npt.NDArray[np.float64]

#: Closer than this, two aircraft are in a fight.
ENGAGED_METRES = 200.0


@dataclass(frozen=True, slots=True)
class Pilot:
    """One player in one match."""

    shots: int
    hits: int
    """hit points the other lost to bullets; shots that glance off do not count"""
    first_hit_seconds: float | None
    """None: it never hit"""
    speed: float
    """mean, m/s"""
    energy: float
    """mean of g·height + speed²/2, J/kg"""
    advantage: float
    """share of the time with more energy than the other"""
    circling: float
    """|sum of turns| / sum of |turns|: 1 always to the same side, 0 as much left as right; 0 for straight flight"""

    @property
    def accuracy(self) -> float:
        """Hits per shot; 0 without shots."""
        return self.hits / self.shots if self.shots else 0.0


@dataclass(frozen=True, slots=True)
class Battle:
    """One match. `pilots` by seat."""

    pilots: tuple[Pilot, Pilot]
    seconds: float
    elimination: bool
    speed_deviation: float
    """standard deviation of speed over time, m/s, mean of both"""
    altitude_range: float
    """highest minus lowest, m, mean of both"""
    engagements: int
    """how often the distance crossed 200 m, in or out"""
    combat_speed: float
    """mean speed of both while closer than 200 m, m/s; 0 if they never were"""

    @property
    def circling(self) -> float:
        return sum(pilot.circling for pilot in self.pilots) / 2

    @property
    def hit_rate(self) -> float:
        """Hits per shot of both together; 0 without shots."""
        shots = sum(pilot.shots for pilot in self.pilots)
        return sum(pilot.hits for pilot in self.pilots) / shots if shots else 0.0

    @property
    def first_hit_seconds(self) -> float | None:
        return min((p.first_hit_seconds for p in self.pilots if p.first_hit_seconds is not None), default=None)


def battle_of(states: Arrays, *, joined: bool, elimination: bool) -> Battle:
    """`states`: name -> [F, ...], one state per tick; `joined`: whether the sides of the arena are (competition).

    Raises ValueError without at least one tick.
    """
    speed = states["speed"].astype(np.float64)
    if len(speed) < 2:
        raise ValueError(f"a match has at least two states, found {len(speed)}")
    near = _distance(states, joined) < ENGAGED_METRES
    return Battle(
        pilots=(_pilot(states, 0), _pilot(states, 1)),
        seconds=(len(speed) - 1) / TICKS_PER_SECOND,
        elimination=elimination,
        speed_deviation=float(speed.std(axis=0).mean()),
        altitude_range=float(np.ptp(states["y"].astype(np.float64), axis=0).mean()),
        engagements=int((near[1:] != near[:-1]).sum()),
        combat_speed=float(speed[near].mean()) if near.any() else 0.0,
    )


def dynamism(battles: Sequence[Battle]) -> float:
    """0 (dull) to 100 (lively), from the means over some matches; one without a hit counts as hit at 30 s.

    25 (1 − circling) + 15 min(σ_speed / 50, 1) + 10 min(altitude range / 400, 1) + 15 min(engagements / 20, 1)
    + 10 min(hit rate / 0.3, 1) + 15 share of eliminations + 10 (1 − min(first hit / 30 s, 1)).
    Raises ValueError without matches.
    """
    if not battles:
        raise ValueError("dynamism of no match: expected at least one")

    def mean(values: Sequence[float]) -> float:
        return sum(values) / len(values)

    first_hits = [30.0 if b.first_hit_seconds is None else b.first_hit_seconds for b in battles]
    return (
        25 * (1 - mean([b.circling for b in battles]))
        + 15 * min(mean([b.speed_deviation for b in battles]) / 50, 1)
        + 10 * min(mean([b.altitude_range for b in battles]) / 400, 1)
        + 15 * min(mean([b.engagements for b in battles]) / 20, 1)
        + 10 * min(mean([b.hit_rate for b in battles]) / 0.3, 1)
        + 15 * mean([float(b.elimination) for b in battles])
        + 10 * (1 - min(mean(first_hits) / 30, 1))
    )


def _pilot(states: Arrays, seat: int) -> Pilot:
    energy = _energy(states)
    # A gun that has just fired is the only one whose cooldown rises.
    shots = int((np.diff(states["cooldown"][:, seat]) > 0).sum())
    lost = -np.diff(states["hp"][:, 1 - seat].astype(np.int64))
    hit = np.flatnonzero(lost > 0)
    turns = _wrapped(np.diff(states["yaw"][:, seat].astype(np.float64)))
    turned = float(np.abs(turns).sum())
    return Pilot(
        shots=shots,
        hits=int(lost[hit].sum()),
        first_hit_seconds=float(hit[0] + 1) / TICKS_PER_SECOND if len(hit) else None,
        speed=float(states["speed"][:, seat].mean(dtype=np.float64)),
        energy=float(energy[:, seat].mean()),
        advantage=float((energy[:, seat] > energy[:, 1 - seat]).mean()),
        circling=abs(float(turns.sum())) / turned if turned else 0.0,
    )


def _energy(states: Arrays) -> FloatArray:
    """[F, 2] per mass: g·y + v²/2."""
    gravity, y, speed = (states[name].astype(np.float64) for name in ("gravity", "y", "speed"))
    energy: FloatArray = gravity[:, None] * y + speed**2 / 2
    return energy


def _distance(states: Arrays, joined: bool) -> FloatArray:
    """[F], the short way round where the sides are joined."""
    dx, dy = (np.diff(states[name].astype(np.float64), axis=1)[:, 0] for name in "xy")
    if joined:
        dx = (dx + ARENA_HALF_WIDTH) % ARENA_DIAMETER - ARENA_HALF_WIDTH
    distance: FloatArray = np.hypot(dx, dy)
    return distance


def _wrapped(angles: FloatArray) -> FloatArray:
    """To [−π, π)."""
    wrapped: FloatArray = (angles + np.pi) % (2 * np.pi) - np.pi
    return wrapped
