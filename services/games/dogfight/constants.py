"""Every number of the rules, once. Kernels, the Python side and the documentation read them from here.

Lengths in metres, angles in radians, times in ticks (120 per second) unless a name says otherwise.
Source: the `training` rule set of benedictbrady/dogfight-challenge at fdbfc84, restated in docs/games/dogfight.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from typing import Final

TICKS_PER_SECOND: Final = 120
DT: Final = 1.0 / 120.0
"""seconds per tick"""
MATCH_TICKS: Final = 10_800
TICKS_PER_DECISION: Final = 10

# --- arena ---------------------------------------------------------------------------------------
ARENA_HALF_WIDTH: Final = 500.0
ARENA_HEIGHT: Final = 600.0
ARENA_DIAMETER: Final = 1000.0
"""divisor of every distance in the observation"""
WALL_MARGIN: Final = 50.0
WALL_X: Final = ARENA_HALF_WIDTH - WALL_MARGIN
WALL_HIGH: Final = ARENA_HEIGHT - WALL_MARGIN
WALL_STRENGTH: Final = 300.0

# --- fighters and bullets --------------------------------------------------------------------------
STALL_SPEED: Final = 30.0
STALL_TICKS: Final = 36
STALL_TURN_RATE: Final = 2.5
STALL_EXIT_SPEED: Final = 40.0
SPEED_LOSS_PER_HP: Final = 0.03
TURN_LOSS_PER_HP: Final = 0.02
HIT_RADIUS_SQUARED: Final = 121.0
"""(fighter radius 8 + bullet radius 3) squared"""
MUZZLE_OFFSET: Final = 12.0
"""fighter radius 8 + bullet radius 3 + 1, so that nobody hits himself"""

# --- spawn -----------------------------------------------------------------------------------------
SPAWN_X: Final = 200.0
SPAWN_Y: Final = 300.0
SPAWN_SPEED: Final = 50.0
SPAWN_OFFSET_RANGE: Final = (100.0, 300.0)
SPAWN_ALTITUDE_RANGE: Final = (150.0, 450.0)
SPAWN_SPEED_MARGIN: Final = 15.0
SPAWN_SPEED_HIGH: Final = 80.0

# --- observation -----------------------------------------------------------------------------------
OBSERVATION_SIZES: Final = {"original": 46, "egocentric": 66}
BULLET_SLOTS: Final = 8
"""bullets a player sees, nearest first"""

# --- end of a match ----------------------------------------------------------------------------------
ENDINGS: Final = ("running", "elimination", "timeout")
RUNNING, ELIMINATION, TIMEOUT = range(3)
OUTCOME_RUNNING, OUTCOME_SEAT_0, OUTCOME_DRAW, OUTCOME_SEAT_1 = range(4)

# --- bots ------------------------------------------------------------------------------------------
BOTS: Final = ("do_nothing", "chaser", "dogfighter", "ace", "brawler")
EXTERNAL: Final = 0
"""bot number of a seat played from outside; the bots are 1 … 5 in the order of BOTS"""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A physics parameter: its default, the closed range that is accepted, and whether it counts whole units."""

    default: float
    low: float
    high: float
    whole: bool = False
    unit: str = ""


PHYSICS: Final = {
    "gravity": Parameter(80.0, 0.0, 1000.0, unit="m/s²"),
    "drag_coeff": Parameter(0.9, 0.0, 10.0, unit="1/s"),
    "turn_bleed_coeff": Parameter(0.25, 0.0, 5.0, unit="1/rad"),
    "max_speed": Parameter(250.0, 1.0, 1000.0, unit="m/s"),
    "min_speed": Parameter(20.0, 0.0, 1000.0, unit="m/s"),
    "max_thrust": Parameter(180.0, 0.0, 2000.0, unit="m/s²"),
    "bullet_speed": Parameter(400.0, 1.0, 5000.0, unit="m/s"),
    "gun_cooldown_ticks": Parameter(90, 1, 10_000, whole=True, unit="ticks"),
    "bullet_lifetime_ticks": Parameter(60, 1, 2400, whole=True, unit="ticks"),
    "max_hp": Parameter(5, 1, 30, whole=True, unit="hits"),
    "max_turn_rate": Parameter(4.0, 0.0, 20.0, unit="rad/s at min_speed"),
    "min_turn_rate": Parameter(0.8, 0.0, 20.0, unit="rad/s at max_speed"),
    "rear_aspect_cone": Parameter(0.785, 0.0, pi, unit="rad, half angle"),
}
"""the 13 configurable numbers of a match; max_hp stops at 30 so that 3 % of speed per lost hit leaves some"""

REWARDS: Final = {
    "damage_dealt": 3.0,
    "damage_taken": -1.0,
    "win": 5.0,
    "lose": -5.0,
    "approach": 1e-4,
    "alive": 0.0,
    "proximity": 1e-3,
    "facing": 5e-4,
}
"""reward terms and the weights of the original training; the sign is part of the weight"""
PROXIMITY_RANGE: Final = 250.0
FACING_RANGE: Final = 300.0
FACING_NEAREST: Final = 1.0
FACING_COSINE: Final = 0.866
