"""One tick of one match: both aircraft, then the bullets."""

import warp as wp

from .bullets import bullets_tick, fire
from .flight import fighter_tick
from .layout import Bullet, Fighter, Physics, Seat


@wp.func
def wounded(f: Fighter, hits: int):
    f.hp = f.hp - hits
    f.alive = wp.where(f.hp > 0, f.alive, 0)
    return f


@wp.func
def play_tick(
    f0: Fighter,
    f1: Fighter,
    seat0: Seat,
    seat1: Seat,
    bullets: wp.array2d(dtype=Bullet),
    i: int,
    count: int,
    p: Physics,
):
    """Both aircraft under the actions in force, and the number of bullets, after one tick of match i.

    A bullet fired by seat 0 is on the list before seat 1 moves, but bullets fly last: only the list shows the order.
    """
    f0 = fighter_tick(f0, seat0, p)
    count = fire(bullets, i, count, 0, f0, p)
    f1 = fighter_tick(f1, seat1, p)
    count = fire(bullets, i, count, 1, f1, p)
    hits = bullets_tick(bullets, i, count, f0, f1, p)
    return wounded(f0, hits[0]), wounded(f1, hits[1]), hits[2]
