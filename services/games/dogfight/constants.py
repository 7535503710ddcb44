"""Every number of the rules, once. Kernels, the Python side and the documentation read them from here.

Lengths in metres, angles in radians, times in ticks (120 per second) unless a name says otherwise.
Sources: benedictbrady/dogfight-challenge at fdbfc84 (rule set `training`) and at 10a6b40 (`competition`), restated in
docs/games/dogfight.md.
"""

from __future__ import annotations

from collections.abc import Mapping
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

# --- rule set competition ----------------------------------------------------------------------------
COMPETITION_GRAVITY: Final = 130.0
COMPETITION_BOT_PERIOD: Final = 10
"""ticks; 12 Hz, like everybody"""
GROUND_Y: Final = 5.0
"""at or below it an aircraft is lost"""
CEILING_DRAIN: Final = 80.0
"""m/s lost per second at full depth into the ceiling's margin"""
CEILING_SLOWEST: Final = 20.0
"""the ceiling takes no speed below this, whatever min_speed is"""

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
ORIGINAL_FLOATS: Final = 46
EGOCENTRIC_FLOATS: Final = 20
CONFIG_FLOATS: Final = 13
FRAME_FLOATS: Final = 56
FRAMES: Final = 4
"""frames a player of `competition` sees: now and the three decisions before"""
MAX_ENERGY: Final = 250.0**2 + 2 * COMPETITION_GRAVITY * ARENA_HEIGHT
"""divisor of energies, v² + 2·gravity·altitude, in m²/s²"""
MAX_TURN: Final = 4.0
"""rad/s; divisor of the opponent's turn rate"""
OBSERVATIONS: Final = {
    "training": {
        "original": ORIGINAL_FLOATS,
        "egocentric": ORIGINAL_FLOATS + EGOCENTRIC_FLOATS,
        "original+config": ORIGINAL_FLOATS + CONFIG_FLOATS,
        "egocentric+config": ORIGINAL_FLOATS + EGOCENTRIC_FLOATS + CONFIG_FLOATS,
    },
    "competition": {"original": FRAMES * FRAME_FLOATS, "egocentric": FRAME_FLOATS + EGOCENTRIC_FLOATS},
}
"""rules -> layout -> size; the parts of a layout follow each other in this order: original, egocentric, config"""
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
    """A physics parameter. `scale` divides it in the config observation; the ranges are closed.

    low … high is what is accepted, narrow and full are what domain randomisation draws from.
    """

    default: float
    low: float
    high: float
    scale: float
    narrow: tuple[float, float]
    full: tuple[float, float]
    whole: bool = False
    unit: str = ""


PHYSICS: Final = {
    "gravity": Parameter(80.0, 0.0, 1000.0, 200.0, (60, 100), (40, 120), unit="m/s²"),
    "drag_coeff": Parameter(0.9, 0.0, 10.0, 2.0, (0.7, 1.1), (0.5, 1.3), unit="1/s"),
    "turn_bleed_coeff": Parameter(0.25, 0.0, 5.0, 1.0, (0.15, 0.35), (0.05, 0.45), unit="1/rad"),
    "max_speed": Parameter(250.0, 1.0, 1000.0, 500.0, (220, 280), (180, 320), unit="m/s"),
    "min_speed": Parameter(20.0, 0.0, 1000.0, 100.0, (15, 30), (10, 40), unit="m/s"),
    "max_thrust": Parameter(180.0, 0.0, 2000.0, 400.0, (140, 220), (100, 260), unit="m/s²"),
    "bullet_speed": Parameter(400.0, 1.0, 5000.0, 800.0, (350, 450), (300, 500), unit="m/s"),
    "gun_cooldown_ticks": Parameter(90, 1, 10_000, 240.0, (70, 110), (45, 135), whole=True, unit="ticks"),
    "bullet_lifetime_ticks": Parameter(60, 1, 2400, 180.0, (45, 75), (30, 90), whole=True, unit="ticks"),
    "max_hp": Parameter(5, 1, 30, 10.0, (4, 7), (3, 8), whole=True, unit="hits"),
    "max_turn_rate": Parameter(4.0, 0.0, 20.0, 8.0, (3.2, 4.8), (2.5, 5.5), unit="rad/s at min_speed"),
    "min_turn_rate": Parameter(0.8, 0.0, 20.0, 4.0, (0.6, 1.0), (0.4, 1.2), unit="rad/s at max_speed"),
    "rear_aspect_cone": Parameter(0.785, 0.0, pi, pi, (0.5, 1.0), (0.3, 1.2), unit="rad, half angle"),
}
"""the 13 configurable numbers of a match; max_hp stops at 30 so that 3 % of speed per lost hit leaves some.
Ranges and scales as in the original; the order is that of the config observation and of the draws.
"""

#: Conditions under which a policy is examined: regime -> physics, to be given to `make(..., physics=...)`.
REGIMES: Final[Mapping[str, Mapping[str, float]]] = {
    "default": {},
    "high_gravity": {"gravity": 120},
    "low_gravity": {"gravity": 40},
    "glass_cannon": {"max_hp": 3, "bullet_lifetime_ticks": 75},
    "tank_fight": {"max_hp": 8, "gun_cooldown_ticks": 60},
    "knife_fight": {"bullet_speed": 300, "bullet_lifetime_ticks": 30, "max_turn_rate": 5.5},
    "energy_fighter": {"turn_bleed_coeff": 0.45, "drag_coeff": 1.3, "max_thrust": 100},
    "sniper": {"bullet_speed": 500, "bullet_lifetime_ticks": 90, "rear_aspect_cone": 0.3},
}

PER_MATCH: Final = ("physics", "randomisation")
"""parameters of `make` in which the matches of one batch may differ"""

REWARDS: Final = {
    "damage_dealt": 3.0,
    "damage_taken": -1.0,
    "win": 5.0,
    "lose": -5.0,
    "approach": 1e-4,
    "alive": 0.0,
    "proximity": 1e-3,
    "facing": 5e-4,
    "opening": 0.0,
}
"""reward terms and the weights of the original training; the sign is part of the weight"""
PROXIMITY_RANGE: Final = 250.0
FACING_RANGE: Final = 300.0
FACING_NEAREST: Final = 1.0
FACING_COSINE: Final = 0.866
