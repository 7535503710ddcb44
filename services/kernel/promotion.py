"""The promotion gate as evaluator and league know it: its configuration, and the verdict of one for the other."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import Field, model_validator

from .section import Section

#: Kind of the event that carries a verdict.
VERDICT = "verdict"
Word = Literal["promoted", "rejected", "inconclusive"]


class GateConfig(Section):
    """A version becomes champion by a sequential test against the last one, and by losing nothing on the panel."""

    enabled: bool = Field(False, description="measured versions are tested against the champion; step 0 is the first")
    elo0: float = Field(0.0, description="a candidate no stronger than this, in Elo points, is rejected")
    elo1: float = Field(20.0, description="one at least this much stronger is promoted")
    alpha: float = Field(0.05, gt=0, lt=0.5, description="chance of promoting a candidate of elo0")
    beta: float = Field(0.05, gt=0, lt=0.5, description="chance of rejecting a candidate of elo1")
    batch_matches: int = Field(100, ge=2, multiple_of=2, description="ordered at a time, until the test is decided")
    most_matches: int = Field(
        4000,
        ge=2,
        multiple_of=2,
        description="without a decision by then it is inconclusive; 95 % of tests of elo0 and of elo1 end before",
    )
    panel_margin: float = Field(0.03, gt=0, lt=1, description="share of the points that it may lose on the panel")

    @model_validator(mode="after")
    def _ordered(self) -> GateConfig:
        if self.elo0 >= self.elo1:
            raise ValueError(f"elo0 ({self.elo0:g}) must be below elo1 ({self.elo1:g})")
        return self


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the evaluator has found. Only the first three fields decide anything; the others say why."""

    candidate: str
    champion: str
    word: Word
    reason: str = ""
    llr: float = 0.0
    """log-likelihood ratio of elo1 against elo0"""
    pentanomial: tuple[int, ...] = ()
    """pairs of matches in which the candidate won 0, ½, 1, 1½, 2 points"""
    panel_pairs: int = 0
    panel_low: float = 0.0
    panel_high: float = 0.0
    """95 % interval of points per match on the panel, candidate minus champion"""

    def detail(self) -> dict[str, Any]:
        """As it stands in the event."""
        return asdict(self)


def read_verdict(detail_json: str) -> Verdict | None:
    """None for anything that is no verdict."""
    try:
        found = json.loads(detail_json)
        verdict = Verdict(str(found["candidate"]), str(found["champion"]), found["word"], str(found.get("reason", "")))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return verdict if verdict.word in ("promoted", "rejected", "inconclusive") else None
