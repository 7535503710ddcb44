"""Which policy of which run: RUN, RUN@STEP, and RUN:AGENT or RUN:AGENT@STEP where several learn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..learner.checkpoint import Saved, saved_in
from .errors import CommandError, unknown
from .home import Home, RunFolder


@dataclass(frozen=True, slots=True)
class Source:
    """A run, an agent of it ("" where there is but one) and a step ("" is the newest)."""

    run: RunFolder
    agent: str
    step: str

    @property
    def folder(self) -> Path:
        return self.run.folder_of(self.agent)

    def checkpoint(self) -> Saved:
        """The newest one, or that of the step. Raises CommandError, naming the steps there are."""
        saved = saved_in(self.folder / "checkpoints")
        whose = f"{self.run.name}:{self.agent}" if self.agent else self.run.name
        if not saved:
            raise CommandError(f"{whose} has no checkpoint yet")
        for one in saved:
            if self.step in ("", str(one.step)):
                return one
        raise unknown(f"step of {whose}", self.step, [str(one.step) for one in saved], "Only checkpoints can be taken.")


def find_source(text: str | None, home: Home) -> Source:
    """Raises CommandError naming what there is. No text: the newest run."""
    names, _, step = (text or "").partition("@")
    name, _, agent = names.partition(":")
    run = home.pick(name or None)
    check_agent(run, agent)
    return Source(run, agent, step)


def check_agent(run: RunFolder, agent: str) -> None:
    """Raises UsageError unless it is one of several, or empty where there is but one."""
    names = run.agents()
    if agent not in (names or ("",)):
        hint = f"Write {run.name}:AGENT." if names else "This run has one agent: leave it out."
        raise unknown(f"agent of {run.name}", agent, names, hint)
