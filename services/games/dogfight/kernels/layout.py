"""The structs the kernels share: arrays over the batch, and one match unpacked into registers.

Shapes: B matches, 2 seats, N bullet slots, O observation size.
"""

import warp as wp


@wp.struct
class State:
    """The matches' state; free bullet slots follow the live ones and are all zero."""

    tick: wp.array(dtype=int)  # [B]
    x: wp.array2d(dtype=float)  # [B, 2] and so on
    y: wp.array2d(dtype=float)
    yaw: wp.array2d(dtype=float)
    speed: wp.array2d(dtype=float)
    hp: wp.array2d(dtype=int)
    cooldown: wp.array2d(dtype=int)
    alive: wp.array2d(dtype=bool)
    stall_ticks: wp.array2d(dtype=int)
    bullet_x: wp.array2d(dtype=float)  # [B, N] and so on
    bullet_y: wp.array2d(dtype=float)
    bullet_vx: wp.array2d(dtype=float)
    bullet_vy: wp.array2d(dtype=float)
    bullet_owner: wp.array2d(dtype=int)
    bullet_ticks: wp.array2d(dtype=int)
    seed: wp.array(dtype=wp.uint64)  # [B] of the running episode
    episode: wp.array(dtype=int)  # [B] episodes begun in this slot
    decisions: wp.array(dtype=int)  # [B] of the running episode
    bot: wp.array2d(dtype=int)  # [B, 2] 0 external, else 1 + index into BOTS
    bot_memory: wp.array3d(dtype=int)  # [B, 2, 8] columns of BOT_MEMORY
    bot_action: wp.array2d(dtype=wp.vec3)  # [B, 2] held between two calls of the bot


@wp.struct
class PhysicsArrays:
    """The 13 configurable numbers of every match, each [B]."""

    gravity: wp.array(dtype=float)
    drag_coeff: wp.array(dtype=float)
    turn_bleed_coeff: wp.array(dtype=float)
    max_speed: wp.array(dtype=float)
    min_speed: wp.array(dtype=float)
    max_thrust: wp.array(dtype=float)
    bullet_speed: wp.array(dtype=float)
    gun_cooldown_ticks: wp.array(dtype=int)
    bullet_lifetime_ticks: wp.array(dtype=int)
    max_hp: wp.array(dtype=int)
    max_turn_rate: wp.array(dtype=float)
    min_turn_rate: wp.array(dtype=float)
    rear_aspect_cone: wp.array(dtype=float)


@wp.struct
class Rules:
    """What holds for the whole batch."""

    base_seed: wp.uint64
    ticks_per_decision: int
    bot_period_ticks: int
    reward_per_decision: int
    random_spawn: int
    same_step: int
    egocentric: int
    damage_dealt: float
    damage_taken: float
    win: float
    lose: float
    approach: float
    alive: float
    proximity: float
    facing: float


@wp.struct
class Outputs:
    """What a step hands out."""

    observation: wp.array3d(dtype=float)  # [B, 2, O]
    final_observation: wp.array3d(dtype=float)  # [B, 2, O]
    reward: wp.array2d(dtype=float)  # [B, 2]
    done: wp.array(dtype=bool)  # [B] and so on
    outcome: wp.array(dtype=int)
    ending: wp.array(dtype=int)
    decisions: wp.array(dtype=int)


@wp.struct
class Physics:
    """PhysicsArrays of one match, with the cosine the armour test needs."""

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
    cone_cosine: float


@wp.struct
class Fighter:
    """One aircraft. (nose_x, nose_y) is the unit vector of `yaw`, kept to spare a sine and a cosine per use."""

    x: float
    y: float
    yaw: float
    speed: float
    nose_x: float
    nose_y: float
    hp: int
    cooldown: int
    alive: bool
    stall_ticks: int
    fired: bool


@wp.func
def load_physics(a: PhysicsArrays, i: int):
    p = Physics()
    p.gravity = a.gravity[i]
    p.drag_coeff = a.drag_coeff[i]
    p.turn_bleed_coeff = a.turn_bleed_coeff[i]
    p.max_speed = a.max_speed[i]
    p.min_speed = a.min_speed[i]
    p.max_thrust = a.max_thrust[i]
    p.bullet_speed = a.bullet_speed[i]
    p.gun_cooldown_ticks = a.gun_cooldown_ticks[i]
    p.bullet_lifetime_ticks = a.bullet_lifetime_ticks[i]
    p.max_hp = a.max_hp[i]
    p.max_turn_rate = a.max_turn_rate[i]
    p.min_turn_rate = a.min_turn_rate[i]
    p.cone_cosine = wp.cos(a.rear_aspect_cone[i])
    return p


@wp.func
def load_fighter(s: State, i: int, seat: int):
    f = Fighter()
    f.x = s.x[i, seat]
    f.y = s.y[i, seat]
    f.yaw = s.yaw[i, seat]
    f.speed = s.speed[i, seat]
    f.nose_x = wp.cos(f.yaw)
    f.nose_y = wp.sin(f.yaw)
    f.hp = s.hp[i, seat]
    f.cooldown = s.cooldown[i, seat]
    f.alive = s.alive[i, seat]
    f.stall_ticks = s.stall_ticks[i, seat]
    f.fired = False
    return f


@wp.func
def store_fighter(s: State, i: int, seat: int, f: Fighter):
    s.x[i, seat] = f.x
    s.y[i, seat] = f.y
    s.yaw[i, seat] = f.yaw
    s.speed[i, seat] = f.speed
    s.hp[i, seat] = f.hp
    s.cooldown[i, seat] = f.cooldown
    s.alive[i, seat] = f.alive
    s.stall_ticks[i, seat] = f.stall_ticks


@wp.func
def count_bullets(s: State, i: int):
    """Live bullets of match i: they fill the first slots."""
    n = int(0)
    while n < s.bullet_ticks.shape[1] and s.bullet_ticks[i, n] > 0:
        n += 1
    return n
