"""When a collapse began: of every signal since when it has failed. Pure.

Signals are kept apart, so that one says nothing of where another one began. Suspicion does not count at all: some of it
is there for most of a run (a critic that explains nothing of short episodes): training would go back to its beginning.
"""

from __future__ import annotations

from .memory import Breach, Look, Memory

REJECTED = "rejected"


def noted(breaches: tuple[Breach, ...], look: Look, calm_updates: int) -> tuple[Breach, ...]:
    """After a look. A signal is forgotten when it has been within its limits for a while."""
    now = [one.rule.signal for one in look.firings if one.rule.verdict != "suspect"]
    now += [REJECTED] if look.rejected else []
    known = {one.signal: one for one in breaches if look.step - one.last < calm_updates}
    for signal in now:
        known[signal] = known.get(signal, Breach(signal, look.step, look.step))._replace(last=look.step)
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
    """Since when anything has failed; None if nothing has, of late. Updates that were taken back have done no harm."""
    return min((one.first for one in memory.breaches if one.signal != REJECTED), default=None)
