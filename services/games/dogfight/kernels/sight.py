"""The 46 floats that a player of `training` sees.

Built as a vector and stored whole: single stores into a strided array cost three times as much.
"""

import warp as wp

from ..constants import ARENA_DIAMETER, ARENA_HEIGHT, BULLET_SLOTS, MATCH_TICKS, ORIGINAL_FLOATS
from .angles import PI
from .bullets import FAR, distance_to
from .layout import Bullet, Fighter, Physics, shortest

FIRST_BULLET = 13
TIME_LEFT = 45

Sight = wp.types.vector(length=ORIGINAL_FLOATS, dtype=wp.float32)


@wp.func
def see_fighters(me: Fighter, other: Fighter, p: Physics):
    """Floats 0 … 12; the rest stays 0."""
    row = Sight()
    dx = shortest(other.x - me.x, p)
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
            d = distance_to(bullets[i, j], me, p)
            if d < nearest and (d > last or (d == last and j > last_slot)):
                nearest = d
                chosen = j
        b = bullets[i, chosen]
        k = FIRST_BULLET + 4 * slot
        dx = shortest(b.x - me.x, p)
        row[k] = dx / ARENA_DIAMETER
        row[k + 1] = (b.y - me.y) / ARENA_DIAMETER
        row[k + 2] = wp.where(b.owner == seat, 1.0, 0.0)
        row[k + 3] = wp.atan2(b.y - me.y, dx) / PI
        last = nearest
        last_slot = chosen
    row[TIME_LEFT] = float(MATCH_TICKS - tick) / float(MATCH_TICKS)
    return row
