"""When a collapse began: of every signal since when it has been breached. Pure.

Signals are kept apart, because one that only looks suspicious for a long time says nothing of where another one began
to fail: training would go back much too far.
"""

from __future__ import annotations

from .memory import Breach, Look, Memory

REJECTED = "rejected"


def noted(breaches: tuple[Breach, ...], look: Look, calm_updates: int) -> tuple[Breach, ...]:
    """After a look. A signal is forgotten when it has been within its limits for a while."""
    now = {one.rule.signal: False for one in look.firings} | ({REJECTED: False} if look.rejected else {})
    now |= {one.rule.signal: True for one in look.firings if one.rule.verdict != "suspect"}
    known = {one.signal: one for one in breaches if look.step - one.last < calm_updates}
    for signal, failed in now.items():
        before = known.get(signal, Breach(signal, look.step, look.step, failed=False))
        known[signal] = before._replace(last=look.step, failed=before.failed or failed)
    return tuple(known.values())


def first_of(memory: Memory) -> Breach | None:
    """The earliest of what now speaks for a collapse: the signals that failed together, else what was taken back."""
    signals = {signal for signal, _ in memory.failed} or {REJECTED}
    evidence = [one for one in memory.breaches if one.signal in signals]
    return min(evidence, key=lambda one: one.first, default=None)


def step_of_onset(memory: Memory) -> int:
    """Without evidence, as for a person's command: now."""
    first = first_of(memory)
    return first.first if first else memory.step


def cause_of(memory: Memory) -> str:
    """The signal of that; "none" without evidence."""
    first = first_of(memory)
    return first.signal if first else "none"


def ill_since(memory: Memory) -> int | None:
    """Since when anything has failed; None if nothing has, of late."""
    return min((one.first for one in memory.breaches if one.failed), default=None)
