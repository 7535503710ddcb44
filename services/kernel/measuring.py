"""What is measured, how often and how much: the evaluator's part of the configuration."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .promotion import GateConfig
from .section import Section


class EvaluatorConfig(Section):
    matches: int = Field(256, ge=1, description="matches played side by side")
    every_updates: int = Field(40, ge=1, description="updates between two evaluations of the newest version")
    matches_per_opponent: int = Field(40, ge=2, multiple_of=2, description="episodes, where one plays alone")
    final_matches_per_opponent: int = Field(200, ge=2, multiple_of=2, description="for step 0 and the last version")
    matches_between_agents: int = Field(
        200, ge=2, multiple_of=2, description="of the newest versions of two roles, with every evaluation"
    )
    regimes: tuple[str, ...] = Field(
        ("default",),
        description="conditions the last version is measured in, beside the default ones of the panel; 'all': every "
        "regime of the game",
    )
    regime_matches_per_opponent: int = Field(100, ge=2, multiple_of=2, description="in each of the other regimes")
    deterministic: bool = Field(True, description="policies play their best action instead of sampling")
    other_play_matches_per_opponent: int = Field(
        100,
        ge=0,
        multiple_of=2,
        description="of the last version in every one of these conditions with the other kind of play: sampled where "
        "the panel is deterministic; 0: none",
    )
    success_return: float | None = Field(
        None, description="where one plays alone: return that makes an episode a success; left out: as the game says"
    )
    share: float = Field(
        0.05, gt=0, le=1, description="of all decisions, that measuring may take at most while somebody learns"
    )
    gate: GateConfig = GateConfig()  # type: ignore[call-arg]
    replays: Literal["first", "all"] = Field("first", description="matches kept: the first of every pairing, or all")
    threads: int = Field(1, ge=1)
    device: str = "cpu"
