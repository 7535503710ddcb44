"""The nine reward terms of one player, and who has won."""

import warp as wp

from ..constants import (
    ELIMINATION,
    FACING_COSINE,
    FACING_NEAREST,
    FACING_RANGE,
    MATCH_TICKS,
    OUTCOME_DRAW,
    OUTCOME_RUNNING,
    OUTCOME_SEAT_0,
    OUTCOME_SEAT_1,
    PROXIMITY_RANGE,
    RUNNING,
    TIMEOUT,
)
from .layout import Fighter, Physics, Rules, shortest


@wp.func
def separation(a: Fighter, b: Fighter, p: Physics):
    dx = shortest(b.x - a.x, p)
    dy = b.y - a.y
    return wp.sqrt(dx * dx + dy * dy)


@wp.func
def shaping(me: Fighter, other: Fighter, before: float, now: float, p: Physics, r: Rules):
    """Approach, alive, proximity, facing and opening, from the distances before and after a tick (or decision)."""
    total = r.approach * (before - now)
    if me.alive > 0:
        total += r.alive
        if now < PROXIMITY_RANGE:
            total += r.proximity
        if now > FACING_NEAREST and now < FACING_RANGE:
            ahead = me.nose_x * shortest(other.x - me.x, p) + me.nose_y * (other.y - me.y)
            if ahead > FACING_COSINE * now:
                total += r.facing
                if me.nose_x * other.nose_x + me.nose_y * other.nose_y <= p.cone_cosine:
                    total += r.opening
    return total


@wp.func
def damage(dealt: int, taken: int, r: Rules):
    return r.damage_dealt * float(dealt) + r.damage_taken * float(taken)


@wp.func
def result(seat: int, outcome: int, r: Rules):
    """The terminal reward of `seat`; a draw is worth nothing."""
    if outcome == OUTCOME_SEAT_0:
        return wp.where(seat == 0, r.win, r.lose)
    if outcome == OUTCOME_SEAT_1:
        return wp.where(seat == 1, r.win, r.lose)
    return 0.0


@wp.func
def pay(
    f0: Fighter, f1: Fighter, lost0: int, lost1: int, before: float, now: float, outcome: int, p: Physics, r: Rules
):
    """One evaluation of all terms for both seats, from the hp and the distance lost since the last one."""
    r0 = damage(lost1, lost0, r) + shaping(f0, f1, before, now, p, r) + result(0, outcome, r)
    r1 = damage(lost0, lost1, r) + shaping(f1, f0, before, now, p, r) + result(1, outcome, r)
    return wp.vec2(r0, r1)


@wp.func
def judge(f0: Fighter, f1: Fighter, tick: int):
    """(outcome, ending). A survivor wins; at the end of the time the less damaged one does."""
    margin = 0
    ending = RUNNING
    if f0.alive == 0 or f1.alive == 0:
        margin = f0.alive - f1.alive
        ending = ELIMINATION
    elif tick >= MATCH_TICKS:
        margin = f0.hp - f1.hp
        ending = TIMEOUT
    outcome = OUTCOME_RUNNING
    if ending != RUNNING:
        outcome = OUTCOME_DRAW
        if margin > 0:
            outcome = OUTCOME_SEAT_0
        if margin < 0:
            outcome = OUTCOME_SEAT_1
    return wp.vec2i(outcome, ending)
