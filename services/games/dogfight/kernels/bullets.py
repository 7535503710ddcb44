"""Bullets: leaving the gun, flying, hitting, and what a player or bot sees of them.

The live bullets of a match fill its first slots in the order in which they were fired.
"""

import warp as wp

from ..constants import BULLET_SLOTS, DT, HIT_RADIUS_SQUARED, MUZZLE_OFFSET
from .layout import Fighter, Physics, State

MISS = 0
GLANCE = 1
HIT = 2
FAR = 1.0e30


@wp.func
def fire(s: State, i: int, count: int, seat: int, f: Fighter, p: Physics):
    """Append the bullet `f` just fired, if any. Returns the new number of bullets.

    The host sizes the slots so that there is always a free one (`game.bullet_slots`).
    """
    if not f.fired:
        return count
    s.bullet_x[i, count] = f.x + MUZZLE_OFFSET * f.nose_x
    s.bullet_y[i, count] = f.y + MUZZLE_OFFSET * f.nose_y
    s.bullet_vx[i, count] = f.nose_x * p.bullet_speed
    s.bullet_vy[i, count] = f.nose_y * p.bullet_speed
    s.bullet_owner[i, count] = seat
    s.bullet_ticks[i, count] = p.bullet_lifetime_ticks
    return count + 1


@wp.func
def strike(x: float, y: float, vx: float, vy: float, target: Fighter, p: Physics):
    """Whether a bullet at (x, y) hits `target`, glances off the armour of its tail, or misses."""
    dx = target.x - x
    dy = target.y - y
    if dx * dx + dy * dy > HIT_RADIUS_SQUARED:
        return MISS
    along = (vx * target.nose_x + vy * target.nose_y) / wp.sqrt(vx * vx + vy * vy)
    if along > p.cone_cosine:
        return GLANCE
    return HIT


@wp.func
def keep(s: State, i: int, source: int, target: int, x: float, y: float, ticks: int):
    """Move a live bullet from slot `source` to slot `target` ≤ `source`."""
    s.bullet_x[i, target] = x
    s.bullet_y[i, target] = y
    s.bullet_vx[i, target] = s.bullet_vx[i, source]
    s.bullet_vy[i, target] = s.bullet_vy[i, source]
    s.bullet_owner[i, target] = s.bullet_owner[i, source]
    s.bullet_ticks[i, target] = ticks


@wp.func
def free_slots(s: State, i: int, begin: int, end: int):
    for j in range(begin, end):
        s.bullet_x[i, j] = 0.0
        s.bullet_y[i, j] = 0.0
        s.bullet_vx[i, j] = 0.0
        s.bullet_vy[i, j] = 0.0
        s.bullet_owner[i, j] = 0
        s.bullet_ticks[i, j] = 0


@wp.func
def bullets_tick(s: State, i: int, count: int, f0: Fighter, f1: Fighter, p: Physics):
    """Move all bullets, apply hits, close the gaps. Returns (hits on 0, hits on 1, bullets left).

    A fighter that died earlier in this loop no longer stops bullets; a bullet in its last tick cannot hit.
    """
    hits0 = int(0)
    hits1 = int(0)
    kept = int(0)
    for j in range(count):
        vx = s.bullet_vx[i, j]
        vy = s.bullet_vy[i, j]
        x = s.bullet_x[i, j] + vx * DT
        y = s.bullet_y[i, j] + vy * DT
        ticks = s.bullet_ticks[i, j] - 1
        contact = int(MISS)
        if ticks > 0:
            if s.bullet_owner[i, j] == 0:
                if f1.alive and hits1 < f1.hp:
                    contact = strike(x, y, vx, vy, f1, p)
                    if contact == HIT:
                        hits1 += 1
            elif f0.alive and hits0 < f0.hp:
                contact = strike(x, y, vx, vy, f0, p)
                if contact == HIT:
                    hits0 += 1
        if ticks > 0 and contact == MISS:
            keep(s, i, j, kept, x, y, ticks)
            kept += 1
    free_slots(s, i, kept, count)
    return wp.vec3i(hits0, hits1, kept)


@wp.func
def distance_to_bullet(s: State, i: int, j: int, me: Fighter):
    dx = s.bullet_x[i, j] - me.x
    dy = s.bullet_y[i, j] - me.y
    return wp.sqrt(dx * dx + dy * dy)


@wp.func
def nearest_enemy_bullet(s: State, i: int, count: int, seat: int, me: Fighter):
    """Distance of the nearest enemy bullet among the eight nearest of all, a huge number without one.

    A bullet exactly on the aircraft looks like an empty slot and is not seen.
    """
    nearest = float(FAR)
    slot = int(-1)
    for j in range(count):
        if s.bullet_owner[i, j] != seat:
            d = distance_to_bullet(s, i, j, me)
            if d < nearest and d > 0.0:
                nearest = d
                slot = j
    if slot >= 0 and count > BULLET_SLOTS:
        before = int(0)
        for j in range(count):
            d = distance_to_bullet(s, i, j, me)
            if d < nearest or (d == nearest and j < slot):
                before += 1
        if before >= BULLET_SLOTS:
            nearest = FAR
    return nearest
