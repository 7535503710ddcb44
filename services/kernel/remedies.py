"""The health section of the configuration: who watches, and what may be done."""

from __future__ import annotations

from pydantic import Field

from .section import Section


class HealthConfig(Section):
    guard: bool = Field(True, description="take back updates whose KL is ten times learner.target_kl (plane 0)")
    controller: bool = Field(True, description="act on the health rules: soften, roll back, pause (plane 1)")
    survive_updates: int = Field(100, ge=1, description="clean updates after a checkpoint before it counts as healthy")
    margin_updates: int = Field(20, ge=0, description="a rollback goes at least this far behind the onset")
    calm_updates: int = Field(20, ge=1, description="clean updates after which a softening is undone step by step")
    cool_down_updates: int = Field(100, ge=0, description="no second rollback within so many, but for hard limits")
    probation_updates: int = Field(200, ge=1, description="after a rollback; at least twice what the collapse took")
    critic_only_updates: int = Field(10, ge=0, description="after a rollback, in which the critic alone moves")
    reentry_updates: int = Field(
        40, ge=0, description="after a second rollback stages are entered in steps, over so many; 0: at once"
    )
    dominance: float = Field(
        1.0, gt=0, le=1, description="lower 95 % bound of a role's wins over the other one: it waits; 1: never"
    )
    caught_up: float = Field(0.3, gt=0, lt=1, description="until the other role wins so much")
    strengthen_updates: int = Field(50, ge=1, description="or until so many, averaged over both roles, have passed")
    rollbacks_per_stage: int = Field(3, ge=0, description="then the run pauses for a person")
    rollbacks: int = Field(5, ge=0, description="in the whole run, likewise")
