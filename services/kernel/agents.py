"""Who learns in a run: one agent, or one per role."""

from __future__ import annotations

from pydantic import Field

from .section import NAME_PATTERN, Section


class AgentConfig(Section):
    """A policy that learns, with a learner process, checkpoints and versions of its own."""

    name: str = Field(pattern=NAME_PATTERN)
    role: str = Field("", description="role of the game that it plays, in every match; empty: every seat in turn")
