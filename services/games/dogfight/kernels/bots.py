"""Calling the scripted bot of a seat."""

import warp as wp

from .bot_ace import ace
from .bot_brawler import brawler
from .bot_chaser import chaser
from .bot_dogfighter import dogfighter
from .bullets import FAR, nearest_enemy_bullet
from .layout import Bullet, Fighter, Physics, Seat
from .tactics import act, altitude_override, count_down, look, notice_bullet

# Numbers of a seat's bot: 1 + index into constants.BOTS; 1 (do_nothing) needs no code.
CHASER = 2
DOGFIGHTER = 3
ACE = 4


@wp.func
def bot_call(
    m: Seat,
    number: int,
    bullets: wp.array2d(dtype=Bullet),
    i: int,
    count: int,
    me: Fighter,
    other: Fighter,
    p: Physics,
    due: bool,
):
    """The seat with the action of this tick in force; a bot's memory and action change when its call is `due`."""
    if m.bot == 0 or not due:
        return m
    if m.bot < CHASER:
        return act(m, 0.0, 0.0, 0.0)
    v = look(me, other, p)
    saving = altitude_override(v)
    if saving != 0.0:
        # Before everything else: not even the timers run during it.
        return act(m, saving, 1.0, 0.0)
    m = count_down(m)
    nearest = float(FAR)
    if count > 0 and m.evade_calls == 0:
        nearest = nearest_enemy_bullet(bullets, i, count, number, me, p)
    if m.bot == CHASER:
        return chaser(notice_bullet(m, nearest, 80.0, 15), v)
    if m.bot == DOGFIGHTER:
        return dogfighter(notice_bullet(m, nearest, 90.0, 18), v, p)
    if m.bot == ACE:
        return ace(notice_bullet(m, nearest, 130.0, 18), v)
    return brawler(notice_bullet(m, nearest, 100.0, 8), v)
