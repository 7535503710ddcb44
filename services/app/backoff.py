"""How long to wait before a process is started again."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_SECONDS = 0.2
LONGEST_SECONDS = 5.0
#: Whoever lived this long is healthy: its next death is a new story.
HEALTHY_SECONDS = 30.0


@dataclass(slots=True)
class Backoff:
    """Doubles from FIRST to LONGEST with every early death, and starts over after a healthy life."""

    next_seconds: float = FIRST_SECONDS

    def after(self, lived_seconds: float) -> float:
        """The pause after a life of that length."""
        if lived_seconds >= HEALTHY_SECONDS:
            self.next_seconds = FIRST_SECONDS
        pause = self.next_seconds
        self.next_seconds = min(2 * pause, LONGEST_SECONDS)
        return pause
