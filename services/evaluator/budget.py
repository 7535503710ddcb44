"""Measuring takes at most a share of all decisions while somebody learns. Pure.

Counted is what happens while this evaluator lives: shares of every stretch that are small enough make a small share of
the whole, whoever was restarted in between.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Budget:
    """`share`: of learned and measured decisions together."""

    share: float
    learned: int = 0
    measured: int = 0
    _seen: dict[str, int] = field(default_factory=dict)

    def saw(self, agent: str, decisions: int) -> None:
        """The counter of a learner. It begins anywhere, and falls with a rollback; what was learned in between has been
        learned all the same."""
        self.learned += max(0, decisions - self._seen.get(agent, decisions))
        self._seen[agent] = decisions

    def spend(self, decisions: int) -> None:
        self.measured += decisions

    @property
    def used(self) -> float:
        """Share that has been taken; 0 before anything happened."""
        return self.measured / (self.learned + self.measured) if self.measured else 0.0

    def steps(self, playing: int, most: int) -> int:
        """How many decisions of `playing` matches at a time still fit, at most `most`."""
        if self.share >= 1 or not playing:
            return most
        left = self.share / (1 - self.share) * self.learned - self.measured
        return max(0, min(most, int(left / playing)))
