"""The opponents' pool: versions of the learner, oldest first, genesis (step 0) always among them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from ..kernel.players import agent_of, version_of

#: How a full pool makes room; `ludus.kernel.schedule.LeagueConfig.pool_keep` says it to people.
Keep = Literal["spread", "geometric", "stride"]


class Rule(NamedTuple):
    """Who may stay. Genesis, the newest and the elite always do."""

    size: int
    keep: Keep = "spread"
    recent: int = 0
    """so many of the newest stay, under "geometric" """
    elite: int = 0
    """so many of the best stay: the champion and those behind it"""
    rating: Callable[[str], float] = lambda member: 0.0
    pinned: tuple[str, ...] = ()
    """these stay whatever happens: the champion of the promotion gate"""


def admit(pool: Sequence[str], newcomer: str, rule: Rule) -> list[str]:
    """The pool with `newcomer`, at most `rule.size` members in the order of their making. Nobody is admitted twice."""
    if newcomer in pool:
        return list(pool)
    age = version_of(newcomer)[1:]
    older = next((k for k, member in enumerate(pool) if k and version_of(member)[1:] > age), len(pool))
    grown = [*pool[:older], newcomer, *pool[older:]]
    if rule.keep == "stride" and len(grown) > rule.size:
        grown = _thinned(grown, rule)
    while len(grown) > max(rule.size, 1):
        del grown[_least_missed(grown, rule)]
    return grown


def admit_version(pool: Sequence[str], newcomer: str, rule: Rule) -> list[str]:
    """The same where several agents share a pool: each has `rule.size` places of its own."""
    agent = agent_of(newcomer)
    own = admit([member for member in pool if agent_of(member) == agent], newcomer, rule)
    left = [member for member in pool if agent_of(member) != agent or member in own]
    if newcomer in left or newcomer not in own:
        return left
    younger = own[own.index(newcomer) + 1 :]
    place = left.index(younger[0]) if younger else len(left)
    return [*left[:place], newcomer, *left[place:]]


def _thinned(pool: Sequence[str], rule: Rule) -> list[str]:
    """Every other member of the older half leaves at once, so that the next ones find room without a choice."""
    leaving = set(pool[1 : len(pool) // 2 : 2]) - _elite(pool, rule)
    return [member for member in pool if member not in leaving]


def _least_missed(pool: Sequence[str], rule: Rule) -> int:
    """Index of the member whose neighbours are closest: removing it costs the history least.

    Under "geometric" distances are measured against the age of the member, so that those who stay lie dense among the
    recent ones and ever wider apart before. Genesis and the newest stay; where only those two are left, the newest
    goes. The elite and the recent ones give way only when nobody else is left.
    """
    if len(pool) < 3:
        return len(pool) - 1
    steps = [version_of(member)[2] for member in pool]
    safe = _elite(pool, rule) | set(pool[len(pool) - rule.recent :] if rule.keep == "geometric" else ())
    inner = range(1, len(pool) - 1)
    movable = [index for index in inner if pool[index] not in rule.pinned] or list(inner)
    free = [index for index in movable if pool[index] not in safe] or movable

    def room(index: int) -> float:
        gap = steps[index + 1] - steps[index - 1]
        return gap / max(1, steps[-1] - steps[index]) if rule.keep == "geometric" else gap

    return min(free, key=lambda index: (room(index), index))


def _elite(pool: Sequence[str], rule: Rule) -> set[str]:
    """And those that are pinned. Among equals the newer ones."""
    order = sorted(range(len(pool)), key=lambda index: (rule.rating(pool[index]), index), reverse=True)
    return {pool[index] for index in order[: rule.elite]} | set(rule.pinned)
