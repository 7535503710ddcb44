"""Calling the scripted bot of a seat."""

import warp as wp

from .bot_ace import ace
from .bot_brawler import brawler
from .bot_chaser import chaser
from .bot_dogfighter import dogfighter
from .layout import Fighter, Physics, State
from .tactics import Choice, Memory, altitude_override, count_down, look, notice_bullet

# Numbers of a seat's bot: 1 + index into constants.BOTS; 1 (do_nothing) needs no code.
CHASER = 2
DOGFIGHTER = 3
ACE = 4
BRAWLER = 5


@wp.func
def load_memory(s: State, i: int, seat: int):
    m = Memory()
    m.direction = s.bot_memory[i, seat, 0]
    m.evade = s.bot_memory[i, seat, 1]
    m.mode = s.bot_memory[i, seat, 2]
    m.mode_calls = s.bot_memory[i, seat, 3]
    m.patience = s.bot_memory[i, seat, 4]
    m.punish = s.bot_memory[i, seat, 5]
    m.yoyo = s.bot_memory[i, seat, 6]
    m.yoyo_phase = s.bot_memory[i, seat, 7]
    return m


@wp.func
def store_memory(s: State, i: int, seat: int, m: Memory):
    s.bot_memory[i, seat, 0] = m.direction
    s.bot_memory[i, seat, 1] = m.evade
    s.bot_memory[i, seat, 2] = m.mode
    s.bot_memory[i, seat, 3] = m.mode_calls
    s.bot_memory[i, seat, 4] = m.patience
    s.bot_memory[i, seat, 5] = m.punish
    s.bot_memory[i, seat, 6] = m.yoyo
    s.bot_memory[i, seat, 7] = m.yoyo_phase


@wp.func
def bot_action(
    s: State, i: int, count: int, seat: int, bot: int, me: Fighter, other: Fighter, p: Physics
):
    """One call of the bot in `seat`; updates its memory and returns its action."""
    if bot < CHASER:
        return wp.vec3(0.0, 0.0, 0.0)
    v = look(me, other, p)
    saving = altitude_override(v)
    if saving != 0.0:
        # Before everything else: not even the timers run during it.
        return wp.vec3(saving, 1.0, 0.0)
    m = count_down(load_memory(s, i, seat))
    c = Choice()
    if bot == CHASER:
        c = chaser(notice_bullet(m, s, i, count, seat, v, 80.0, 15), v)
    elif bot == DOGFIGHTER:
        c = dogfighter(notice_bullet(m, s, i, count, seat, v, 90.0, 18), v, p)
    elif bot == ACE:
        c = ace(notice_bullet(m, s, i, count, seat, v, 130.0, 18), v)
    else:
        c = brawler(notice_bullet(m, s, i, count, seat, v, 100.0, 8), v)
    store_memory(s, i, seat, c.memory)
    return c.action
