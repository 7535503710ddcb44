"""The opponents' pool: versions of the learner, oldest first, genesis (step 0) always among them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ..kernel.players import agent_of, version_of


def admit(pool: Sequence[str], newcomer: str, size: int) -> list[str]:
    """The pool with `newcomer` as its newest member, at most `size` members. A member is not admitted twice."""
    if newcomer in pool:
        return list(pool)
    grown = [*pool, newcomer]
    while len(grown) > max(size, 1):
        del grown[_crowded(grown)]
    return grown


def _crowded(pool: Sequence[str]) -> int:
    """Index of the member whose neighbours are closest: removing it costs the history least.

    Genesis and the newest stay. Where only those two are left, the newest goes.
    """
    if len(pool) < 3:
        return len(pool) - 1
    steps = [version_of(member)[2] for member in pool]
    return min(range(1, len(pool) - 1), key=lambda index: (steps[index + 1] - steps[index - 1], index))


def admit_version(pool: Sequence[str], newcomer: str, size: int) -> list[str]:
    """The same where several agents share a pool: each has `size` places of its own."""
    agent = agent_of(newcomer)
    own = admit([member for member in pool if agent_of(member) == agent], newcomer, size)
    left = [member for member in pool if agent_of(member) != agent or member in own]
    return left if newcomer in left or newcomer not in own else [*left, newcomer]
