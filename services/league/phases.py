"""The schedule of a run: which phase an update belongs to, whom the learner meets in it, and how random. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..kernel.schedule import PhaseConfig, RandomisationStage, Shares
from .matchmaking import MIXED

#: The sampler that draws another agent's live seat.
LIVE = "live"


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a run stands: a phase and how much of it is done."""

    phase: PhaseConfig
    progress: float
    """0 at the first update of the phase, 1 at its end"""

    @property
    def name(self) -> str:
        return self.phase.name

    @property
    def scripted_share(self) -> float:
        """Share of training matches against scripted bots."""
        return self.phase.scripted_share.at(self.progress)

    @property
    def opponents(self) -> dict[str, float]:
        """Shares of the samplers that draw from the pool. Where all are live: the latest version, if none can be."""
        pool = {name: share for name, share in self._shares(self.phase.opponents).items() if name != LIVE}
        return pool or {"latest": 1.0}

    @property
    def bots_drawn(self) -> dict[str, float]:
        """Shares of the samplers that draw from the bots."""
        return self._shares(self.phase.bots_drawn)

    @property
    def live_share(self) -> float:
        """Share of the matches between agents in which both learn."""
        shares = self._shares(self.phase.opponents)
        return shares.get(LIVE, 0.0) / (sum(shares.values()) or 1.0)

    def _shares(self, chosen: Shares) -> dict[str, float]:
        if isinstance(chosen, str):
            return dict(MIXED) if chosen == "mixed" else {chosen: 1.0}
        return {name: share.at(self.progress) for name, share in chosen.items()}

    @property
    def bots(self) -> tuple[str, ...]:
        """The pool that was entered last; the earliest one before any was; () if the phase has none."""
        pools = sorted(self.phase.bots, key=lambda pool: pool.from_progress)
        entered = [pool for pool in pools if pool.from_progress <= self.progress]
        return (entered or pools[:1])[-1].bots if pools else ()


def stage_at(phases: Sequence[PhaseConfig], step: int, total_updates: int) -> Stage:
    """The stage of a run that has made `step` of `total_updates`. Beyond the end: the last phase, complete."""
    begin = 0.0
    for phase in phases:
        length = phase.share * total_updates
        if step < begin + length:
            return Stage(phase, max(0.0, (step - begin) / length))
        begin += length
    return Stage(phases[-1], 1.0)


def stage_starts(
    phases: Sequence[PhaseConfig], randomisation: Sequence[RandomisationStage], total_updates: int
) -> tuple[int, ...]:
    """The updates with which phase, bots or level of randomisation become different, ascending, and 0 before them."""

    def key(update: int) -> tuple[str, tuple[str, ...], str]:
        stage = stage_at(phases, update, total_updates)
        return stage.name, stage.bots, randomisation_at(randomisation, update, total_updates)

    near = {int(bound) + k for bound in _bounds(phases, randomisation, total_updates) for k in (0, 1)}
    return (0, *sorted(at for at in near if at > 0 and key(at) != key(at - 1)))


def _bounds(
    phases: Sequence[PhaseConfig], randomisation: Sequence[RandomisationStage], total_updates: int
) -> Iterator[float]:
    """Where something may change."""
    begin = 0.0
    for phase in phases:
        length = phase.share * total_updates
        yield from (begin + pool.from_progress * length for pool in phase.bots)
        begin += length
        yield begin
    yield from (stage.begins(total_updates) for stage in randomisation)


def randomisation_at(stages: Sequence[RandomisationStage], step: int, total_updates: int) -> str:
    """The level that began last; "" without stages. It follows the update alone, not the phase."""
    entered = [stage.level for stage in stages if stage.begins(total_updates) <= step]
    return entered[-1] if entered else ""
