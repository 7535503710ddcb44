"""What a player sees: 46 floats, and 20 egocentric features computed from them alone.

Both are built as vectors and stored whole: single stores into a strided array cost three times as much.
"""

import warp as wp

from ..constants import (
    ARENA_DIAMETER,
    ARENA_HEIGHT,
    BULLET_SLOTS,
    CONFIG_FLOATS,
    EGOCENTRIC_FLOATS,
    MATCH_TICKS,
    ORIGINAL_FLOATS,
    PHYSICS,
)
from .angles import PI
from .bullets import FAR, distance_to
from .layout import Bullet, Fighter, Physics, Rules

FIRST_BULLET = 13
TIME_LEFT = 45
FULL_SPEED = 250.0
SPEED_SCALE = 200.0

Sight = wp.types.vector(length=ORIGINAL_FLOATS, dtype=wp.float32)
Egocentric = wp.types.vector(length=EGOCENTRIC_FLOATS, dtype=wp.float32)
Config = wp.types.vector(length=CONFIG_FLOATS, dtype=wp.float32)
SCALES = wp.constant(Config(*(parameter.scale for parameter in PHYSICS.values())))


@wp.struct
class Outlet:
    """Where observations [B, 2] go: their parts, as views of one array. `features` and `configs` only if asked for."""

    sights: wp.array2d(dtype=Sight)
    features: wp.array2d(dtype=Egocentric)
    configs: wp.array2d(dtype=Config)


@wp.func
def see_fighters(me: Fighter, other: Fighter, p: Physics):
    """Floats 0 … 12; the rest stays 0."""
    row = Sight()
    dx = other.x - me.x
    dy = other.y - me.y
    row[0] = me.speed / p.max_speed
    row[1] = me.nose_x
    row[2] = me.nose_y
    row[3] = float(me.hp) / float(p.max_hp)
    row[4] = float(me.cooldown) / float(p.gun_cooldown_ticks)
    row[5] = me.y / ARENA_HEIGHT
    row[6] = dx / ARENA_DIAMETER
    row[7] = dy / ARENA_DIAMETER
    row[8] = other.speed / p.max_speed
    row[9] = other.nose_x
    row[10] = other.nose_y
    row[11] = float(other.hp) / float(p.max_hp)
    row[12] = wp.sqrt(dx * dx + dy * dy) / ARENA_DIAMETER
    return row


@wp.func
def observe(
    bullets: wp.array2d(dtype=Bullet),
    i: int,
    count: int,
    seat: int,
    me: Fighter,
    other: Fighter,
    tick: int,
    p: Physics,
):
    """The observation of one player. Bullets: the eight nearest, nearest first, older first where equally near."""
    row = see_fighters(me, other, p)
    last = float(-1.0)
    last_slot = int(-1)
    for slot in range(wp.min(count, BULLET_SLOTS)):
        nearest = float(FAR)
        chosen = int(0)
        for j in range(count):
            d = distance_to(bullets[i, j], me)
            if d < nearest and (d > last or (d == last and j > last_slot)):
                nearest = d
                chosen = j
        b = bullets[i, chosen]
        k = FIRST_BULLET + 4 * slot
        row[k] = (b.x - me.x) / ARENA_DIAMETER
        row[k + 1] = (b.y - me.y) / ARENA_DIAMETER
        row[k + 2] = wp.where(b.owner == seat, 1.0, 0.0)
        row[k + 3] = wp.atan2(b.y - me.y, b.x - me.x) / PI
        last = nearest
        last_slot = chosen
    row[TIME_LEFT] = float(MATCH_TICKS - tick) / float(MATCH_TICKS)
    return row


@wp.func
def egocentric_flight(row: Sight):
    """The 17 features about the two aircraft, from floats 0 … 12. Formulas: docs/games/dogfight.md."""
    out = Egocentric()
    speed = FULL_SPEED * row[0]
    c = row[1]
    s = row[2]
    rx = ARENA_DIAMETER * row[6]
    ry = ARENA_DIAMETER * row[7]
    speed2 = FULL_SPEED * row[8]
    c2 = row[9]
    s2 = row[10]
    d = ARENA_DIAMETER * row[12]
    ux = rx / wp.max(d, 1.0)
    uy = ry / wp.max(d, 1.0)
    wx = speed * c - speed2 * c2
    wy = speed * s - speed2 * s2
    lx = rx + c2 * speed2 * d / 400.0
    ly = ry + s2 * speed2 * d / 400.0
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
def egocentric(row: Sight):
    """The 20 features: those about the aircraft, and 3 about the nearest enemy bullet seen (zeros without one)."""
    out = egocentric_flight(row)
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


@wp.func
def show(outlet: Outlet, i: int, seat: int, row: Sight, p: Physics, rules: Rules):
    """Hand out one observation."""
    outlet.sights[i, seat] = row
    if rules.egocentric:
        outlet.features[i, seat] = egocentric(row)
    if rules.config:
        outlet.configs[i, seat] = config(p)
