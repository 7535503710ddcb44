"""Bullets: leaving the gun, flying, hitting, and what a bot sees of them."""

import warp as wp

from ..constants import BULLET_SLOTS, DT, HIT_RADIUS_SQUARED, MUZZLE_OFFSET
from .layout import Bullet, Fighter, Physics, shortest

MISS = 0
GLANCE = 1
HIT = 2
FAR = 1.0e30


@wp.func
def fire(bullets: wp.array2d(dtype=Bullet), i: int, count: int, seat: int, f: Fighter, p: Physics):
    """Append the bullet `f` just fired, if any. Returns the new number of bullets.

    There is always a free slot: the host sizes them for it (`state.volley`).
    """
    if f.fired == 0:
        return count
    b = Bullet()
    b.x = shortest(f.x + MUZZLE_OFFSET * f.nose_x, p)
    b.y = f.y + MUZZLE_OFFSET * f.nose_y
    b.vx = f.nose_x * p.bullet_speed
    b.vy = f.nose_y * p.bullet_speed
    b.owner = seat
    b.ticks = p.bullet_lifetime_ticks
    bullets[i, count] = b
    return count + 1


@wp.func
def strike(b: Bullet, target: Fighter, p: Physics):
    """Whether a bullet hits `target`, glances off the armour of its tail, or misses."""
    dx = shortest(target.x - b.x, p)
    dy = target.y - b.y
    if dx * dx + dy * dy > HIT_RADIUS_SQUARED:
        return MISS
    along = (b.vx * target.nose_x + b.vy * target.nose_y) / wp.sqrt(b.vx * b.vx + b.vy * b.vy)
    if along > p.cone_cosine:
        return GLANCE
    return HIT


@wp.func
def bullets_tick(bullets: wp.array2d(dtype=Bullet), i: int, count: int, f0: Fighter, f1: Fighter, p: Physics):
    """Move all bullets, apply hits, close the gaps. Returns (hits on 0, hits on 1, bullets left).

    A fighter that died earlier in this loop no longer stops bullets; a bullet in its last tick cannot hit.
    """
    hits0 = int(0)
    hits1 = int(0)
    kept = int(0)
    for j in range(count):
        b = bullets[i, j]
        b.x = shortest(b.x + b.vx * DT, p)
        b.y = b.y + b.vy * DT
        b.ticks = b.ticks - 1
        contact = int(MISS)
        if b.ticks > 0:
            if b.owner == 0:
                if f1.alive > 0 and hits1 < f1.hp:
                    contact = strike(b, f1, p)
                    if contact == HIT:
                        hits1 += 1
            elif f0.alive > 0 and hits0 < f0.hp:
                contact = strike(b, f0, p)
                if contact == HIT:
                    hits0 += 1
        if b.ticks > 0 and contact == MISS:
            bullets[i, kept] = b
            kept += 1
    for j in range(kept, count):
        bullets[i, j] = Bullet()
    return wp.vec3i(hits0, hits1, kept)


@wp.func
def distance_to(b: Bullet, me: Fighter, p: Physics):
    dx = shortest(b.x - me.x, p)
    dy = b.y - me.y
    return wp.sqrt(dx * dx + dy * dy)


@wp.func
def nearest_enemy_bullet(bullets: wp.array2d(dtype=Bullet), i: int, count: int, seat: int, me: Fighter, p: Physics):
    """Distance of the nearest enemy bullet among the eight nearest of all, a huge number without one.

    A bullet exactly on the aircraft looks like an empty slot and is not seen.
    """
    nearest = float(FAR)
    slot = int(-1)
    for j in range(count):
        b = bullets[i, j]
        if b.owner != seat:
            d = distance_to(b, me, p)
            if d < nearest and d > 0.0:
                nearest = d
                slot = j
    if slot >= 0 and count > BULLET_SLOTS:
        before = int(0)
        for j in range(count):
            d = distance_to(bullets[i, j], me, p)
            if d < nearest or (d == nearest and j < slot):
                before += 1
        if before >= BULLET_SLOTS:
            nearest = FAR
    return nearest
