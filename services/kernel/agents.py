"""Who learns in a run: one agent, or one per role, and exploiters of them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .section import NAME_PATTERN, Section


class AgentConfig(Section):
    """A policy that learns, with a learner process, checkpoints and versions of its own."""

    name: str = Field(pattern=NAME_PATTERN)
    role: str = Field("", description="role of the game that it plays, in every match; empty: every seat in turn")
    exploits: Literal["", "main", "league"] = Field(
        "",
        description="an exploiter: of the newest versions of those it can meet, or of the whole pool; empty: neither",
    )
    parent: str = Field(
        "", description="what its weights of step 0 were taken from; written by `ludus train --init-from`"
    )


class ExploitersConfig(Section):
    """What exploiters are given, when their versions join the pool, and when they begin anew."""

    share: float = Field(0.15, gt=0, le=1, description="budget of each: of the decisions of an agent that is none")
    promote_at: float = Field(
        0.65,
        gt=0,
        lt=1,
        description="joins the pool when the lower 95 % bound of its wins since it began is above this",
    )
    promote_matches: int = Field(100, ge=1, description="that it has played by then, at least")
    patience_updates: int = Field(40, ge=1, description="begins anew after so many updates without joining")
    weak_below: float = Field(
        0.2, ge=0, le=1, description="one of `main` meets earlier versions as well while it wins less than this"
    )
    league_reset_share: float = Field(
        0.25, ge=0, le=1, description="one of `league` begins anew with this probability, and otherwise goes on"
    )
