"""What a player sees: 46 floats, and 20 egocentric features computed from them alone."""

import warp as wp

from ..constants import ARENA_DIAMETER, ARENA_HEIGHT, BULLET_SLOTS, MATCH_TICKS
from .bullets import FAR, distance_to
from .layout import Bullet, Fighter, Physics

PI = 3.141592653589793
FIRST_BULLET = 13
TIME_LEFT = 45
EGOCENTRIC = 46
FULL_SPEED = 250.0
SPEED_SCALE = 200.0


@wp.func
def see_bullet(out: wp.array3d(dtype=float), i: int, seat: int, slot: int, b: Bullet, me: Fighter):
    """Write a bullet into observation slot `slot`."""
    k = FIRST_BULLET + 4 * slot
    dx = b.x - me.x
    dy = b.y - me.y
    out[i, seat, k] = dx / ARENA_DIAMETER
    out[i, seat, k + 1] = dy / ARENA_DIAMETER
    out[i, seat, k + 2] = wp.where(b.owner == seat, 1.0, 0.0)
    out[i, seat, k + 3] = wp.atan2(dy, dx) / PI


@wp.func
def see_bullets(
    out: wp.array3d(dtype=float), i: int, seat: int, bullets: wp.array2d(dtype=Bullet), count: int, me: Fighter
):
    """The eight nearest bullets, nearest first, older first where equally near; zeros in empty slots."""
    last = -1.0
    last_slot = -1
    seen = wp.min(count, BULLET_SLOTS)
    for slot in range(seen):
        nearest = float(FAR)
        chosen = 0
        for j in range(count):
            d = distance_to(bullets[i, j], me)
            if d < nearest and (d > last or (d == last and j > last_slot)):
                nearest = d
                chosen = j
        see_bullet(out, i, seat, slot, bullets[i, chosen], me)
        last = nearest
        last_slot = chosen
    for k in range(FIRST_BULLET + 4 * seen, TIME_LEFT):
        out[i, seat, k] = 0.0


@wp.func
def see_fighters(out: wp.array3d(dtype=float), i: int, seat: int, me: Fighter, other: Fighter, p: Physics):
    dx = other.x - me.x
    dy = other.y - me.y
    out[i, seat, 0] = me.speed / p.max_speed
    out[i, seat, 1] = me.nose_x
    out[i, seat, 2] = me.nose_y
    out[i, seat, 3] = float(me.hp) / float(p.max_hp)
    out[i, seat, 4] = float(me.cooldown) / float(p.gun_cooldown_ticks)
    out[i, seat, 5] = me.y / ARENA_HEIGHT
    out[i, seat, 6] = dx / ARENA_DIAMETER
    out[i, seat, 7] = dy / ARENA_DIAMETER
    out[i, seat, 8] = other.speed / p.max_speed
    out[i, seat, 9] = other.nose_x
    out[i, seat, 10] = other.nose_y
    out[i, seat, 11] = float(other.hp) / float(p.max_hp)
    out[i, seat, 12] = wp.sqrt(dx * dx + dy * dy) / ARENA_DIAMETER


@wp.func
def egocentric_flight(out: wp.array3d(dtype=float), i: int, seat: int):
    """The 17 features about the two aircraft, from floats 0 … 12. Formulas: docs/games/dogfight.md."""
    speed = FULL_SPEED * out[i, seat, 0]
    c = out[i, seat, 1]
    s = out[i, seat, 2]
    rx = ARENA_DIAMETER * out[i, seat, 6]
    ry = ARENA_DIAMETER * out[i, seat, 7]
    speed2 = FULL_SPEED * out[i, seat, 8]
    c2 = out[i, seat, 9]
    s2 = out[i, seat, 10]
    d = ARENA_DIAMETER * out[i, seat, 12]
    ux = rx / wp.max(d, 1.0)
    uy = ry / wp.max(d, 1.0)
    wx = speed * c - speed2 * c2
    wy = speed * s - speed2 * s2
    lx = rx + c2 * speed2 * d / 400.0
    ly = ry + s2 * speed2 * d / 400.0
    lead = wp.max(wp.sqrt(lx * lx + ly * ly), 1.0)
    k = EGOCENTRIC
    out[i, seat, k] = c * ux + s * uy
    out[i, seat, k + 1] = c * uy - s * ux
    out[i, seat, k + 2] = -(c2 * ux + s2 * uy)
    out[i, seat, k + 3] = -(c2 * uy - s2 * ux)
    out[i, seat, k + 4] = wp.clamp((c * rx + s * ry) / 200.0, -2.0, 2.0)
    out[i, seat, k + 5] = wp.clamp((c * ry - s * rx) / 200.0, -2.0, 2.0)
    out[i, seat, k + 6] = (wx * ux + wy * uy) / SPEED_SCALE
    out[i, seat, k + 7] = (wy * ux - wx * uy) / SPEED_SCALE
    out[i, seat, k + 8] = (c * lx + s * ly) / lead
    out[i, seat, k + 9] = (c * ly - s * lx) / lead
    out[i, seat, k + 10] = wp.exp(-d / 100.0)
    out[i, seat, k + 11] = wp.min(d / 300.0, 2.0)
    out[i, seat, k + 12] = c * c2 + s * s2
    out[i, seat, k + 13] = c * s2 - s * c2
    out[i, seat, k + 14] = speed / 100.0 - 1.0
    out[i, seat, k + 15] = speed2 / 100.0 - 1.0
    out[i, seat, k + 16] = ARENA_HEIGHT * out[i, seat, 5] / 200.0 - 1.5


@wp.func
def egocentric_bullet(out: wp.array3d(dtype=float), i: int, seat: int):
    """The 3 features about the nearest enemy bullet among the eight slots; zeros without one."""
    forward = 0.0
    left = 0.0
    near = 0.0
    found = False
    for slot in range(BULLET_SLOTS):
        k = FIRST_BULLET + 4 * slot
        bx = ARENA_DIAMETER * out[i, seat, k]
        by = ARENA_DIAMETER * out[i, seat, k + 1]
        if not found and out[i, seat, k + 2] < 0.5 and (bx != 0.0 or by != 0.0):
            found = True
            c = out[i, seat, 1]
            s = out[i, seat, 2]
            forward = (c * bx + s * by) / 100.0
            left = (c * by - s * bx) / 100.0
            near = wp.exp(-wp.sqrt(bx * bx + by * by) / 80.0)
    out[i, seat, EGOCENTRIC + 17] = forward
    out[i, seat, EGOCENTRIC + 18] = left
    out[i, seat, EGOCENTRIC + 19] = near


@wp.func
def observe(
    out: wp.array3d(dtype=float),
    i: int,
    seat: int,
    bullets: wp.array2d(dtype=Bullet),
    count: int,
    me: Fighter,
    other: Fighter,
    tick: int,
    p: Physics,
    egocentric: bool,
):
    """Write the observation of one player."""
    see_fighters(out, i, seat, me, other, p)
    see_bullets(out, i, seat, bullets, count, me)
    out[i, seat, TIME_LEFT] = float(MATCH_TICKS - tick) / float(MATCH_TICKS)
    if egocentric:
        egocentric_flight(out, i, seat)
        egocentric_bullet(out, i, seat)
