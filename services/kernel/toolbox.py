"""The learner's tools against instability and forgetting, as sections of `[learner]`. Every one is off by default."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from .section import Section


class KlPenaltyConfig(Section):
    """A term of the loss that holds the policy near a reference: coefficient × KL(reference ‖ policy)."""

    coefficient: float = Field(0.0, ge=0, description="0 switches the penalty off")
    warmup_updates: int = Field(0, ge=0, description="the coefficient rises linearly over the first updates")
    adaptive: bool = Field(False, description="× 1.5 above 1.5 × target, ÷ 1.5 below 0.5 × target")
    target: float = Field(0.01, gt=0, description="KL to the reference that an adaptive coefficient aims at")
    max_coefficient: float = Field(10.0, gt=0, description="no higher, however far the policy is")
    min_coefficient: float = Field(1e-4, gt=0, description="no lower, so that it can rise again")
    reference: Literal["previous", "ema", "frozen"] = Field(
        "previous", description="the policy before the update, a moving average of all of them, or the first one"
    )
    ema_decay: float = Field(0.99, ge=0, lt=1, description="share of the average that one update leaves")

    @model_validator(mode="after")
    def _bounds(self) -> KlPenaltyConfig:
        if self.coefficient and not self.min_coefficient <= self.coefficient <= self.max_coefficient:
            bounds = f"min_coefficient ({self.min_coefficient:g}) and max_coefficient ({self.max_coefficient:g})"
            raise ValueError(f"coefficient ({self.coefficient:g}) must lie between {bounds}")
        return self


class AdaptiveRateConfig(Section):
    """A learning rate that follows the KL of the updates."""

    target: float = Field(0.0, ge=0, description="KL of an update to aim at; 0 switches it off")
    factor: float = Field(1.5, gt=1, description="÷ above 2 × target, × below 0.5 × target, once per update")
    min_ratio: float = Field(0.01, gt=0, le=1, description="lowest multiple of the scheduled rate")
    max_ratio: float = Field(10.0, ge=1, description="highest multiple of the scheduled rate")


class LargeNetworkConfig(Section):
    """Larger networks want smaller steps."""

    parameters: int = Field(0, ge=0, description="actor and critic with more weights than this use it; 0: none does")
    learning_rate: float = Field(3e-4, gt=0, description="instead of learner.learning_rate")


class VtraceConfig(Section):
    """Truncation of the importance weights, used with correction = "vtrace"."""

    rho_max: float = Field(1.0, gt=0, description="of a decision's own weight; below the largest one there is bias")
    trace_max: float = Field(1.0, gt=0, description="of the weights that later decisions pass through")


class EwcConfig(Section):
    """Elastic weight consolidation: weights that mattered before a stage change are held."""

    coefficient: float = Field(0.0, ge=0, description="λ of ½ λ Σ F (θ − θ*)²; 0 switches it off")
    samples: int = Field(1024, ge=1, description="decisions that the Fisher information is estimated from")


class RndConfig(Section):
    """Random network distillation: what is new to the policy is worth a reward."""

    coefficient: float = Field(0.0, ge=0, description="of the normalised intrinsic reward; 0 switches it off")
    hidden: int = Field(128, ge=1)
    embedding: int = Field(64, ge=1)
    learning_rate: float = Field(1e-3, gt=0)
    minibatch: int = Field(1024, ge=1, description="decisions per step of the predictor, one pass over each batch")


class TrackConfig(Section):
    """Metrics for the eyes: beside /metrics and metrics.jsonl."""

    tensorboard: Literal["auto", "on", "off"] = Field(
        "auto", description="event files in the run's folder; auto: if the extra `track` is installed"
    )
    wandb: Literal["off", "offline", "online"] = Field("off", description="Weights & Biases; needs the extra `wandb`")
    wandb_project: str = "ludus"
