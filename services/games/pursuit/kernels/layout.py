"""The structs of the state, as they lie in memory and in registers. One array of each, over the batch.

Shapes: matches [B], robots [B, 2], bots [B, 2], obstacles [B, MAX_OBSTACLES], seen_at [B, CELLS],
history [B, 2, FRAMES, FRAME_FLOATS]. NumPy sees the same memory as structured arrays, so `snapshot.ARRAYS` finds the
named arrays of a snapshot in it.
"""

import warp as wp

from .real import Real


@wp.struct
class Match:
    """One match and its running episode."""

    seed: wp.uint64
    min_distance: Real  # smallest distance of the episode so far
    episode: int  # number of the episode in this slot, from 1
    step: int
    decisions: int
    over: int
    task: int  # constants.CHASE, GOAL_TASK or FLEE_TASK
    goals: int  # reached in this episode
    interventions: int  # of the safety filter in this episode
    pad: int  # no holes in the struct


@wp.struct
class Robot:
    """One robot: pose, the action of its last step, and what it touched in that step."""

    x: Real
    y: Real
    theta: Real
    v: Real
    omega: Real
    wall: int
    collision: int


@wp.struct
class Weights:
    """Reward weights, as in constants.REWARDS."""

    approach: Real
    capture: Real
    timeout: Real
    sight: Real
    search: Real
    occlusion: Real
    visibility: Real
    survival: Real
    cover: Real
    collision: Real
    wall: Real


@wp.struct
class Rules:
    """What holds for the whole batch."""

    base_seed: wp.uint64
    dt: Real
    half_width: Real
    half_height: Real
    diagonal: Real
    capture_radius: Real
    robot_radius: Real
    speed: wp.vec2d  # of pursuer and evader
    turn_rate: wp.vec2d
    min_separation: Real
    max_separation: Real
    min_obstacle_radius: Real
    max_obstacle_radius: Real
    obstacle_margin: Real
    sensing_range: Real
    half_fov: Real
    lidar_noise: Real
    barrier_decay: Real
    stale_steps: int
    max_steps: int
    prep_steps: int
    min_obstacles: int
    max_obstacles: int
    steps_per_decision: int
    navigation: bool
    same_step: bool
    truncates: bool
    normalised: bool
    fixed_speed: wp.vec2i
    safety_filter: bool
    flag: bool  # the observation shows whether the opponent is seen
    masked: wp.vec2i  # whose opponent is hidden when it is not seen
    cone: bool
    line_of_sight: bool
    sensor: bool
    egocentric: bool
    shown: int  # obstacles in the observation
    weights: Weights


@wp.func
def obstacle_count(obstacles: wp.array2d(dtype=wp.vec3d), i: int):
    """Obstacles of match i; the free slots, of radius 0, come last."""
    n = int(0)
    while n < obstacles.shape[1] and obstacles[i, n][2] > Real(0.0):
        n += 1
    return n


@wp.func
def distance(a: Robot, b: Robot):
    dx = b.x - a.x
    dy = b.y - a.y
    return wp.sqrt(dx * dx + dy * dy)
