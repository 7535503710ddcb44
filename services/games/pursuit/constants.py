"""Every number of the rules, once. Kernels, the Python side and the documentation read them from here.

Lengths in metres, angles in radians, times in steps of `dt` seconds unless a name says otherwise.
Source: shoaib6174/safe-rl-pe at 5530529, restated in docs/games/pursuit.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, pi
from typing import Final

SEATS: Final = 2
PURSUER, EVADER = range(2)
ROLES: Final = ("pursuer", "evader")
"""role of each seat"""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number of the rules: its default, the closed range that is accepted, its unit."""

    default: float
    low: float
    high: float
    whole: bool = False
    unit: str = ""


MAX_OBSTACLES: Final = 16
"""obstacles there is room for in a match"""
PHYSICS: Final = {
    "dt": Parameter(0.05, 1e-4, 1.0, unit="s per step, explicit Euler"),
    "max_steps": Parameter(1200, 1, 1_000_000, whole=True, unit="steps; in navigation 300"),
    "arena_width": Parameter(20.0, 1.0, 1000.0, unit="m"),
    "arena_height": Parameter(20.0, 1.0, 1000.0, unit="m"),
    "capture_radius": Parameter(0.5, 0.0, 100.0, unit="m between centres"),
    "robot_radius": Parameter(0.15, 0.0, 0.4, unit="m"),
    "pursuer_speed": Parameter(1.0, 0.0, 100.0, unit="m/s, top speed"),
    "evader_speed": Parameter(1.0, 0.0, 100.0, unit="m/s, top speed"),
    "pursuer_turn_rate": Parameter(2.84, 0.0, 100.0, unit="rad/s, largest"),
    "evader_turn_rate": Parameter(2.84, 0.0, 100.0, unit="rad/s, largest"),
    "prep_steps": Parameter(0, 0, 1_000_000, whole=True, unit="steps in which the pursuer may only turn"),
    "min_separation": Parameter(3.0, 0.0, 1000.0, unit="m between the starts"),
    "max_separation": Parameter(15.0, 0.0, 1000.0, unit="m between the starts"),
    "min_obstacles": Parameter(0, 0, MAX_OBSTACLES, whole=True, unit="circles per episode"),
    "max_obstacles": Parameter(0, 0, MAX_OBSTACLES, whole=True, unit="circles per episode"),
    "min_obstacle_radius": Parameter(0.3, 0.01, 100.0, unit="m"),
    "max_obstacle_radius": Parameter(1.0, 0.01, 100.0, unit="m"),
    "obstacle_margin": Parameter(0.5, 0.0, 100.0, unit="m between circles, and between circles and walls"),
    "stale_steps": Parameter(50, 1, 1_000_000, whole=True, unit="steps until a cell counts as unseen again"),
    "barrier_decay": Parameter(0.2, 1e-3, 1.0, unit="γ of the safety filter"),
}
NAVIGATION_STEPS: Final = 300
PER_MATCH: Final = ("physics",)
"""parameters in which the matches of a batch may differ, and there only in how they start"""
STARTS: Final = (
    *("min_separation", "max_separation", "min_obstacles", "max_obstacles"),
    *("min_obstacle_radius", "max_obstacle_radius", "obstacle_margin"),
)

REWARDS: Final = {
    "approach": 1.0,
    "capture": 100.0,
    "timeout": -100.0,
    "sight": 0.0,
    "search": 0.0,
    "occlusion": 0.0,
    "visibility": 0.0,
    "survival": 0.0,
    "cover": 0.0,
    "collision": 0.0,
    "wall": 0.0,
}
"""reward terms and the weights of the original; the sign is part of the weight"""

# --- observation -----------------------------------------------------------------------------------
ORIGINAL_FLOATS: Final = 14
OBSTACLE_FLOATS: Final = 2
EGOCENTRIC_FLOATS: Final = 11
EGOCENTRIC_OBSTACLE_FLOATS: Final = 3
NEAR: Final = 2.0
"""metres; scale of the nearness exp(−d/NEAR)"""
NEAR_RANGE: Final = 4.0
"""metres; the near distance is min(d/NEAR_RANGE, 1)"""
OBSTACLE_NEAR: Final = 1.0
"""metres; scale of the nearness of an obstacle's surface"""
MAX_OBSERVED_OBSTACLES: Final = 8

RAYS: Final = 36
LIDAR_RANGE: Final = 5.0
LIDAR_NOISE: Final = 0.02
"""metres, standard deviation"""
SENSOR_HALF_ANGLE: Final = pi / 3
SENSOR_RANGE: Final = 10.0
SENSOR_FLOATS: Final = 7
FRAME_FLOATS: Final = SENSOR_FLOATS + RAYS
FRAMES: Final = 10


@dataclass(frozen=True, slots=True)
class Layout:
    """Parts of an observation."""

    egocentric: bool = False
    masked: bool = False
    obstacles: int = 0
    """nearest obstacles that are shown"""
    sensor: bool = False

    @property
    def original_floats(self) -> int:
        """Length of the part before the egocentric features."""
        return ORIGINAL_FLOATS + self.masked + OBSTACLE_FLOATS * self.obstacles

    @property
    def size(self) -> int:
        if self.sensor:
            return FRAME_FLOATS * (1 + FRAMES)
        more = EGOCENTRIC_FLOATS + EGOCENTRIC_OBSTACLE_FLOATS * self.obstacles
        return self.original_floats + (more if self.egocentric else 0)


def _layouts() -> dict[str, Layout]:
    found = {}
    for kind in ("original", "egocentric"):
        for masked in (False, True):
            for shown in range(MAX_OBSERVED_OBSTACLES + 1):
                name = kind + "+masked" * masked + f"+{shown}" * (shown > 0)
                found[name] = Layout(kind == "egocentric", masked, shown)
    return found | {"sensor": Layout(sensor=True)}


LAYOUTS: Final = _layouts()
"""name of a layout -> its parts; `+masked` hides an unseen opponent, `+K` shows the K nearest obstacles"""
RULES: Final = ("pursuit", "navigation")
OBSERVATIONS: Final = {rules: {name: layout.size for name, layout in LAYOUTS.items()} for rules in RULES}
"""rules -> layout -> size"""

# --- search: the grid whose cells the pursuer looks at ----------------------------------------------
GRID: Final = 10
CELLS: Final = GRID * GRID

# --- safety filter: discrete barriers of a point ahead of the robot ----------------------------------
POINT_AHEAD: Final = 0.1
OPPONENT_DISTANCE: Final = 0.35
SPEED_COST: Final = 150.0
TURN_COST: Final = 1.0
INTERVENTION: Final = 1e-4
"""a changed component counts as an intervention from here on (m/s or rad/s)"""

# --- navigation --------------------------------------------------------------------------------------
GOAL_RADIUS: Final = 0.5
GOALS: Final = 3
GOAL_MARGIN: Final = 1.0
GOAL_CLEARANCE: Final = 0.5
GOAL_TRIES: Final = 100
GOAL_REWARD: Final = 10.0
CAUGHT_REWARD: Final = -10.0
DISTANCE_REWARD: Final = 0.5
WALL_MARGIN: Final = 0.5
WALL_REWARD: Final = -0.1
CHASE, GOAL_TASK, FLEE_TASK = range(3)
"""task of an episode: pursuit; in navigation reaching goals, or fleeing"""

# --- start of an episode -----------------------------------------------------------------------------
OBSTACLE_TRIES: Final = 500
START_TRIES: Final = 1000
START_X: Final = 5.0
"""where the robots stand, left and right, if no start was found"""

# --- end of a match ----------------------------------------------------------------------------------
ENDINGS: Final = ("running", "capture", "timeout", "goals")
RUNNING, CAPTURE, TIMEOUT, ALL_GOALS = range(4)
OUTCOME_RUNNING, OUTCOME_PURSUER, OUTCOME_DRAW, OUTCOME_EVADER = range(4)

# --- bots --------------------------------------------------------------------------------------------
ROLE_BOTS: Final = {
    "pursuer": (
        *("still", "random", "greedy", "greedy_full", "pure_pursuit", "proportional_navigation", "lion", "navigator"),
    ),
    "evader": ("still", "random", "greedy", "greedy_full", "flee", "flee_to_corner", "circler"),
}
"""role -> bots that can play it"""
BOTS: Final = tuple(dict.fromkeys((*ROLE_BOTS["pursuer"], *ROLE_BOTS["evader"])))
EXTERNAL: Final = 0
"""bot number of a seat played from outside; the bots are 1 … in the order of BOTS"""
TURN_GAIN: Final = 3.0
"""1/s; turn rate per radian of heading error"""
CORNER_MARGIN: Final = 0.5
NAVIGATION_CONSTANT: Final = 3.0
CIRCLE_SHARE: Final = 0.8
"""radius of the circler's circle as a share of half the arena's shorter side"""
UNLIMITED: Final = inf
