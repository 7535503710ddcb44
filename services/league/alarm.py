"""The regression alert: a measured version that wins less than its predecessors did. Pure.

The rule is that of the original trainer: nothing before the best overall win rate against the scripted bots has reached
80 %; from then on a version that is below that, or 20 points below the one measured before it. Every version is told of
once. `kernel.panel.regressions`, which compares intervals opponent by opponent, is the more careful one, for status.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..kernel.panel import EVALUATE, MASTERED
from ..kernel.players import agent_of, bot_id, is_version, version_of
from ..kernel.wilson import wilson_interval
from .ledger import State
from .turn import Turn

#: Fall of the win rate from one measurement to the next.
FALL = 0.2


@dataclass(frozen=True, slots=True)
class Overall:
    """Wins of one version against all scripted bots together."""

    version: str
    wins: int
    matches: int

    @property
    def rate(self) -> float:
        return self.wins / self.matches


def measured(state: State, agent: str, bots: tuple[str, ...], enough: int) -> list[Overall]:
    """The versions of an agent that have met every bot in at least `enough` matches, in the order of training."""
    asked = [key for key in state.pairs if key.purpose == EVALUATE and not key.regime and is_version(key.first)]
    versions = {key.first for key in asked if agent_of(key.first) == agent}
    found = []
    for version in sorted(versions, key=lambda version: version_of(version)[1:]):
        pairs = [state.pair(EVALUATE, version, bot_id(bot)) for bot in bots]
        if pairs and all(pair.matches >= enough for pair in pairs):
            found.append(Overall(version, sum(pair.wins for pair in pairs), sum(pair.matches for pair in pairs)))
    return found


def is_regression(ordered: list[Overall]) -> bool:
    """Whether the last of these is one."""
    if len(ordered) < 2 or max(one.rate for one in ordered) < MASTERED:
        return False
    newest, before = ordered[-1], ordered[-2]
    return newest.rate < MASTERED or before.rate - newest.rate >= FALL - 1e-9


def look(turn: Turn) -> None:
    """Tell of the newest version of every agent, if it is one and has not been told of."""
    enough = turn.plan.config.evaluator.matches_per_opponent
    for agent in turn.plan.cast.agents:
        ordered = measured(turn.view.standings, agent, turn.plan.cast.bots_against(agent), enough)
        if not is_regression(ordered) or turn.record.regressed.get(agent) == ordered[-1].version:
            continue
        newest, before = ordered[-1], ordered[-2]
        best = max(ordered, key=lambda one: one.rate)
        turn.record.regressed[agent] = newest.version
        turn.announce("regression", _message(newest, before, best), version=newest.version, best=best.version,
                      win_rate=newest.rate, before=before.rate, best_win_rate=best.rate, n=newest.matches)  # fmt: skip


def _message(newest: Overall, before: Overall, best: Overall) -> str:
    low, high = wilson_interval(newest.wins, newest.matches)
    return (
        f"{newest.version} wins {newest.rate:.0%} ({low:.0%}–{high:.0%}, n = {newest.matches}) against the scripted "
        f"bots; {before.version}, measured before it, {before.rate:.0%} (n = {before.matches}), and {best.version}, "
        f"the best, {best.rate:.0%} (n = {best.matches})"
    )
