"""The structs of the state, as they lie in memory and in registers. One array of each, over the batch.

Shapes: matches [B], fighters [B, 2], seats [B, 2], bullets [B, N], physics [B]. NumPy sees the same memory as
structured arrays, so `snapshot.ARRAYS` finds the named arrays of a snapshot in it.
"""

import warp as wp

from ..constants import ARENA_DIAMETER, ARENA_HALF_WIDTH
from .angles import unit_vector

OUT_OF_REACH = 1.0e30


@wp.struct
class Match:
    """One match and its running episode."""

    seed: wp.uint64
    episode: int  # number of the episode in this slot, from 1
    tick: int
    decisions: int


@wp.struct
class Fighter:
    """One aircraft. nose_x, nose_y and fired are scratch: the unit vector of `yaw`, and whether this tick fired.
    previous_*: before the last tick; at tick 0 the same as now.

    alive is 1 or 0: a bool would leave a hole in the struct, and copies of structs with holes are slow.
    """

    x: float
    y: float
    yaw: float
    speed: float
    hp: int
    cooldown: int
    stall_ticks: int
    nose_x: float
    nose_y: float
    fired: int
    alive: int
    previous_x: float
    previous_y: float
    previous_yaw: float


@wp.struct
class Bullet:
    """One bullet; a free slot is all zero. The live ones come first, in the order in which they were fired."""

    x: float
    y: float
    vx: float
    vy: float
    owner: int
    ticks: int


@wp.struct
class Seat:
    """Who plays a seat, the action in force, and the bot's memory (docs/games/dogfight.md, "Bots")."""

    bot: int  # 0 external, else 1 + index into BOTS
    yaw: float
    throttle: float
    shoot: float
    evade_direction: int
    evade_calls: int
    mode: int
    mode_calls: int
    patience_calls: int
    punish_calls: int
    yoyo_calls: int
    yoyo_phase: int


@wp.struct
class Physics:
    """The 13 configurable numbers of a match. The rest is scratch: the cone's cosine, and the rule set.

    wrap_at: half the width of an arena whose sides are joined, in metres; out of reach where they are walls.
    """

    gravity: float
    drag_coeff: float
    turn_bleed_coeff: float
    max_speed: float
    min_speed: float
    max_thrust: float
    bullet_speed: float
    gun_cooldown_ticks: int
    bullet_lifetime_ticks: int
    max_hp: int
    max_turn_rate: float
    min_turn_rate: float
    rear_aspect_cone: float
    cone_cosine: float
    wrap_at: float
    competition: int


@wp.struct
class Draws:
    """Where the physics of a slot's episodes come from. Bit k stands for the k-th number.

    drawn: it is taken anew for every episode, between low and high; otherwise it stays as it is. free: a repair of
    contradicting numbers may move it.
    """

    drawn: int
    free: int
    low: Physics
    high: Physics


@wp.struct
class Rules:
    """What holds for the whole batch."""

    base_seed: wp.uint64
    competition: int
    frames: int  # of the observation, in competition
    ticks_per_decision: int
    bot_period_ticks: int
    reward_per_decision: bool
    random_spawn: bool
    same_step: bool
    egocentric: bool
    config: bool
    damage_dealt: float
    damage_taken: float
    win: float
    lose: float
    approach: float
    alive: float
    proximity: float
    facing: float
    opening: float


@wp.func
def load_physics(physics: wp.array(dtype=Physics), i: int, rules: Rules):
    """The stored numbers, the scratch fields made good, in the array too: a step reads them there."""
    p = physics[i]
    p.cone_cosine = wp.cos(p.rear_aspect_cone)
    p.wrap_at = wp.where(rules.competition > 0, ARENA_HALF_WIDTH, OUT_OF_REACH)
    p.competition = rules.competition
    physics[i] = p
    return p


@wp.func
def shortest(dx: float, p: Physics):
    """A horizontal distance, or a position, the short way round where the sides are joined."""
    if dx > p.wrap_at:
        return dx - ARENA_DIAMETER
    if dx < -p.wrap_at:
        return dx + ARENA_DIAMETER
    return dx


@wp.func
def load_fighter(fighters: wp.array2d(dtype=Fighter), i: int, seat: int):
    """The stored aircraft, its scratch fields made good."""
    f = fighters[i, seat]
    nose = unit_vector(f.yaw)
    f.nose_x = nose[0]
    f.nose_y = nose[1]
    f.fired = 0
    return f


@wp.func
def count_bullets(bullets: wp.array2d(dtype=Bullet), i: int):
    """Live bullets of match i."""
    n = int(0)
    while n < bullets.shape[1] and bullets[i, n].ticks > 0:
        n += 1
    return n
