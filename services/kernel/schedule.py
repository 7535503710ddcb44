"""The league's part of the configuration: whom the learner meets, when, and under which conditions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, FiniteFloat, field_validator, model_validator

from .agents import ExploitersConfig
from .curriculum import CurriculumConfig
from .section import NAME_PATTERN, Section


class Ramp(Section):
    """A number that moves linearly over a phase. A plain number in the file stands still."""

    start: float
    end: float

    @model_validator(mode="before")
    @classmethod
    def _constant(cls, value: Any) -> Any:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return {"start": value, "end": value} if is_number else value

    def at(self, progress: float) -> float:
        return self.start + (self.end - self.start) * min(max(progress, 0.0), 1.0)


#: Who is drawn from the pool of earlier versions: ludus.league.matchmaking says what each of them does. "live" is the
#: newest version of another agent, which learns from the match too.
Sampler = Literal["live", "uniform", "latest", "pfsp", "pfsp-variance", "pfsp-linear", "peers", "exploitable"]

#: A sampler, or several with their shares.
Shares = Sampler | Literal["mixed"] | dict[Sampler, Ramp]


class BotPool(Section):
    from_progress: float = Field(0.0, ge=0, le=1, description="share of the phase after which this pool is used")
    bots: tuple[str, ...] = Field(min_length=1)


class PhaseConfig(Section):
    name: Literal["curriculum", "transition", "self-play", "practice"]
    share: float = Field(gt=0, le=1, description="of all updates")
    scripted_share: Ramp = Field(Ramp(start=0, end=0), description="share of matches against scripted bots")
    bots: tuple[BotPool, ...] = Field((), description="who they are; none in games without scripted bots")
    bots_drawn: Shares = Field(
        "uniform", description="sampler of the bots, or samplers with their shares, e.g. {uniform = 0.5, pfsp = 0.5}"
    )
    opponents: Shares = Field(
        "mixed", description="sampler of the pool, or samplers with their shares, e.g. {peers = 0.4, exploitable = 0.6}"
    )

    @model_validator(mode="after")
    def _scripted_by_somebody(self) -> PhaseConfig:
        if not self.bots and max(self.scripted_share.start, self.scripted_share.end) > 0:
            raise ValueError(f"bots: phase {self.name!r} has a scripted_share above 0 and nobody to take it")
        return self

    @model_validator(mode="after")
    def _drawn_by_somebody(self) -> PhaseConfig:
        for key, shares in (("opponents", self.opponents), ("bots_drawn", self.bots_drawn)):
            if isinstance(shares, dict):
                ends = [end for ramp in shares.values() for end in (ramp.start, ramp.end)]
                if not shares or min(ends) < 0 or not max(ends) > 0:
                    raise ValueError(f"{key}: the shares of its samplers must be at least 0, and one of them above 0")
        return self

    @model_validator(mode="after")
    def _bots_are_not_live(self) -> PhaseConfig:
        if "live" in (self.bots_drawn if isinstance(self.bots_drawn, dict) else [self.bots_drawn]):
            raise ValueError(f"bots_drawn: phase {self.name!r} draws bots by 'live', which is for agents that learn")
        return self


class RandomisationStage(Section):
    """A level of domain randomisation, from a point of the run on."""

    level: str = Field(pattern=NAME_PATTERN, description="a level the game knows, like 'none', 'narrow', 'full'")
    from_progress: float | None = Field(None, ge=0, lt=1, description="share of all updates before it begins")
    from_update: int | None = Field(None, ge=0, description="the same as a number of updates")

    @model_validator(mode="after")
    def _one_beginning(self) -> RandomisationStage:
        if (self.from_progress is None) == (self.from_update is None):
            raise ValueError(f"level {self.level!r} needs either from_progress or from_update")
        return self

    def begins(self, total_updates: int) -> float:
        """The update with which it begins."""
        return self.from_update if self.from_update is not None else (self.from_progress or 0.0) * total_updates


class CanaryConfig(Section):
    """How a new phase, pool of bots or level of randomisation is tried before all matches are of it."""

    share: float = Field(0.25, ge=0, le=1, description="of training matches that are of the new one at first; 0: all")
    updates: int = Field(4, ge=0, description="so long at first, but at most a quarter of its length")
    retry_updates: int = Field(20, ge=1, description="updates before the next attempt if health took it back; likewise")
    attempts: int = Field(3, ge=1, description="after so many that were taken back it is entered in steps instead")


class GuestConfig(Section):
    """A policy from elsewhere. In a hand-written file its path alone is enough; the rest is filled in."""

    file: str = Field(
        min_length=1,
        description="ONNX file that meets the submission contract, or weights of this network; copied into the run",
    )
    name: str = Field("", pattern=r"^$|" + NAME_PATTERN, description="in standings; empty: made of the file's name")
    sha256: str = Field("", description="of the file; filled in when the run is created")
    role: str = Field("", description="role that it plays, where agents have roles")
    origin: str = Field("", description="RUN:VERSION it was taken from; written by `ludus exploit`")

    @property
    def player(self) -> str:
        """`name`, or the file's name with what a name may not have replaced by '-'; may be empty."""
        return self.name or re.sub(r"[^a-z0-9]+", "-", Path(self.file).stem.lower()).strip("-")[:48]


class LeagueConfig(Section):
    phases: tuple[PhaseConfig, ...] = Field(min_length=1)
    randomisation: tuple[RandomisationStage, ...] = Field(
        (), description="levels of domain randomisation in training, whatever the phase; empty: as game_parameters say"
    )
    canary: CanaryConfig = CanaryConfig()  # type: ignore[call-arg]
    curriculum: CurriculumConfig = CurriculumConfig()  # type: ignore[call-arg]
    exploiters: ExploitersConfig = ExploitersConfig()  # type: ignore[call-arg]
    snapshot_updates: int = Field(25, ge=1, description="the learner joins the pool every so many updates")
    pool_size: int = Field(40, ge=1)
    pool_keep: Literal["spread", "geometric", "stride"] = Field(
        "spread",
        description="who makes room in a full pool: the version with the closest neighbours; the same against its age, "
        "so that few old ones are left; or every other one of the older half at once. Step 0 always stays",
    )
    pool_recent: int = Field(8, ge=0, description="newest versions that stay, under pool_keep = 'geometric'")
    pool_elite: int = Field(0, ge=0, description="best versions by live rating that stay")
    elo_k: int = Field(16, ge=1, description="step of the online Elo rating, in points")
    prior_elo: dict[str, FiniteFloat] = Field(
        default_factory=dict,
        description="live rating with which a player enters: an agent (and its versions), a bot ('bot:ace'), a guest; "
        "everybody else enters with 1000",
    )
    matches_per_ticket: int = Field(8, ge=2, multiple_of=2, description="half of them with the seats swapped")
    tickets_ahead: int = Field(16, ge=1, description="training tickets kept waiting beyond those in play")
    guests: tuple[GuestConfig, ...] = Field((), description="ONNX files that take part as opponents; a path is enough")
    guest_share: float = Field(
        0.1, ge=0, le=1, description="share of training matches against guests, drawn evenly; 0: they are only measured"
    )

    @field_validator("guests", mode="before")
    @classmethod
    def _path_is_enough(cls, value: Any) -> Any:
        if not isinstance(value, list | tuple):
            return value
        return tuple({"file": entry} if isinstance(entry, str) else entry for entry in value)

    @model_validator(mode="after")
    def _whole(self) -> LeagueConfig:
        total = sum(phase.share for phase in self.phases)
        if abs(total - 1) > 1e-6:
            raise ValueError(f"the shares of the phases must add up to 1, not {total:g}")
        return self
