"""What can be appended to an observation: 20 egocentric features, and the physics of the episode."""

import warp as wp

from ..constants import ARENA_DIAMETER, ARENA_HEIGHT, BULLET_SLOTS, CONFIG_FLOATS, EGOCENTRIC_FLOATS, PHYSICS
from .layout import Physics
from .sight import FIRST_BULLET, Sight

SPEED_SCALE = 200.0
USUAL_MAX_SPEED = float(PHYSICS["max_speed"].default)
USUAL_BULLET_SPEED = float(PHYSICS["bullet_speed"].default)

Egocentric = wp.types.vector(length=EGOCENTRIC_FLOATS, dtype=wp.float32)
Config = wp.types.vector(length=CONFIG_FLOATS, dtype=wp.float32)
SCALES = wp.constant(Config(*(parameter.scale for parameter in PHYSICS.values())))


@wp.func
def egocentric_flight(row: Sight, max_speed: float, bullet_speed: float):
    """The 17 features about the two aircraft, from floats 0 … 12. Formulas: docs/games/dogfight.md."""
    out = Egocentric()
    speed = max_speed * row[0]
    c = row[1]
    s = row[2]
    rx = ARENA_DIAMETER * row[6]
    ry = ARENA_DIAMETER * row[7]
    speed2 = max_speed * row[8]
    c2 = row[9]
    s2 = row[10]
    d = ARENA_DIAMETER * row[12]
    ux = rx / wp.max(d, 1.0)
    uy = ry / wp.max(d, 1.0)
    wx = speed * c - speed2 * c2
    wy = speed * s - speed2 * s2
    lx = rx + c2 * speed2 * d / bullet_speed
    ly = ry + s2 * speed2 * d / bullet_speed
    lead = wp.max(wp.sqrt(lx * lx + ly * ly), 1.0)
    out[0] = c * ux + s * uy
    out[1] = c * uy - s * ux
    out[2] = -(c2 * ux + s2 * uy)
    out[3] = s2 * ux - c2 * uy
    out[4] = wp.clamp((c * rx + s * ry) / 200.0, -2.0, 2.0)
    out[5] = wp.clamp((c * ry - s * rx) / 200.0, -2.0, 2.0)
    out[6] = (wx * ux + wy * uy) / SPEED_SCALE
    out[7] = (wy * ux - wx * uy) / SPEED_SCALE
    out[8] = (c * lx + s * ly) / lead
    out[9] = (c * ly - s * lx) / lead
    out[10] = wp.exp(-d / 100.0)
    out[11] = wp.min(d / 300.0, 2.0)
    out[12] = c * c2 + s * s2
    out[13] = c * s2 - s * c2
    out[14] = speed / 100.0 - 1.0
    out[15] = speed2 / 100.0 - 1.0
    out[16] = ARENA_HEIGHT * row[5] / 200.0 - 1.5
    return out


@wp.func
def egocentric(row: Sight, max_speed: float, bullet_speed: float):
    """The 20 features: those about the aircraft, and 3 about the nearest enemy bullet seen (zeros without one)."""
    out = egocentric_flight(row, max_speed, bullet_speed)
    slot = int(0)
    while slot < BULLET_SLOTS:
        k = FIRST_BULLET + 4 * slot
        bx = ARENA_DIAMETER * row[k]
        by = ARENA_DIAMETER * row[k + 1]
        if row[k + 2] < 0.5 and (bx != 0.0 or by != 0.0):
            out[17] = (row[1] * bx + row[2] * by) / 100.0
            out[18] = (row[1] * by - row[2] * bx) / 100.0
            out[19] = wp.exp(-wp.sqrt(bx * bx + by * by) / 80.0)
            break
        slot += 1
    return out


@wp.func
def config(p: Physics):
    """The 13 physics numbers of the match as they are, each divided by its scale."""
    out = Config()
    out[0] = p.gravity
    out[1] = p.drag_coeff
    out[2] = p.turn_bleed_coeff
    out[3] = p.max_speed
    out[4] = p.min_speed
    out[5] = p.max_thrust
    out[6] = p.bullet_speed
    out[7] = float(p.gun_cooldown_ticks)
    out[8] = float(p.bullet_lifetime_ticks)
    out[9] = float(p.max_hp)
    out[10] = p.max_turn_rate
    out[11] = p.min_turn_rate
    out[12] = p.rear_aspect_cone
    return wp.cw_div(out, SCALES)
