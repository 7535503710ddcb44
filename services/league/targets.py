"""Which checkpoints are good, and to which one training goes back. Pure.

candidate → probation while clean updates follow → healthy after enough of them       quarantined, pinned: for good
"""

from __future__ import annotations

from dataclasses import replace

from ..kernel.remedies import HealthConfig
from .memory import CheckpointState, Memory
from .onset import ill_since, step_of_onset

#: Healthy checkpoints that are kept, and quarantined ones that are remembered.
KEPT = 4
#: Of the many checkpoints of a run so many are followed while one of them grows up.
FOLLOWED = 4


def step_of(checkpoint: str) -> int:
    return int(checkpoint.partition("-")[2])


def grade(memory: Memory, newest: str, config: HealthConfig) -> tuple[tuple[str, CheckpointState], ...]:
    """After a look: the newest one joins, the others grow up."""
    states: dict[str, CheckpointState] = dict(memory.checkpoints)
    if newest and newest not in states and _is_apart(newest, states, config):
        states[newest] = "pinned" if step_of(newest) == 0 else "candidate"
    ill = ill_since(memory)
    for name, state in states.items():
        age = memory.step - step_of(name)
        clean = ill is None or ill - step_of(name) >= config.survive_updates
        if state in ("candidate", "probation") and clean and age > 0:
            states[name] = "healthy" if age >= config.survive_updates else "probation"
    return _bounded(states)


def _is_apart(newest: str, states: dict[str, CheckpointState], config: HealthConfig) -> bool:
    """Not every checkpoint is followed: they come by the clock, and health is counted in updates."""
    living = [step_of(name) for name, state in states.items() if state != "quarantined"]
    return not living or step_of(newest) - max(living) >= max(1, config.survive_updates // FOLLOWED)


def _bounded(states: dict[str, CheckpointState]) -> tuple[tuple[str, CheckpointState], ...]:
    """Forget the oldest of those beyond a few in each state; candidates and pinned ones all stay."""
    kept: list[tuple[str, CheckpointState]] = []
    counts: dict[str, int] = {}
    for name, state in sorted(states.items(), key=lambda item: step_of(item[0]), reverse=True):
        counts[state] = counts.get(state, 0) + 1
        if state not in ("healthy", "quarantined") or counts[state] <= KEPT:
            kept.append((name, state))
    return tuple(reversed(kept))


def promote(memory: Memory, name: str) -> Memory:
    """A person vouches for a checkpoint: it is kept for good. Raises LookupError for one that is unknown."""
    states = dict(memory.checkpoints)
    if name not in states:
        raise LookupError(f"no checkpoint {name!r} is known; there are {', '.join(states) or 'none'}")
    states[name] = "pinned"
    return replace(memory, checkpoints=tuple(states.items()))


def target_of(memory: Memory, config: HealthConfig, older: int = 0) -> str:
    """The newest good checkpoint well before the onset; `older` of them are passed over, as far as there are more."""
    onset = step_of_onset(memory)
    good = [
        name for name, state in memory.checkpoints
        if state == "pinned" or (state == "healthy" and step_of(name) <= onset - config.margin_updates)
    ]  # fmt: skip
    good.sort(key=step_of)
    return good[max(0, len(good) - 1 - older)] if good else ""


def quarantine(memory: Memory, target: str) -> tuple[tuple[str, CheckpointState], ...]:
    """Whatever came after the target is suspect; what a person has pinned stays."""
    limit = step_of(target)
    return tuple(
        (name, "quarantined" if step_of(name) > limit and state != "pinned" else state)
        for name, state in memory.checkpoints
    )


def condemned(memory: Memory, name: str) -> Memory:
    """A checkpoint that cannot be loaded is good for nothing, pinned or not."""
    states: dict[str, CheckpointState] = dict(memory.checkpoints)
    states[name] = "quarantined"
    return replace(memory, checkpoints=tuple(states.items()))
