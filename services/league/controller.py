"""Plane 1 of health as a pure state machine: what is known of one agent, one look at it, what follows.

    HEALTHY → (suspect, 3 updates taken back of 10)                  → SOFTENED   rung 2
    any     → (hard limit, 2 independent signals, rejects go on)     → ROLLING    rungs 3, 4, 5
    ROLLING → (the learner has resumed)                              → PROBATION  → HEALTHY
    any     → (budget spent, nothing new to try, no target)          → PAUSED     rung 6

Rungs 0 and 1, rejecting an update and stopping its epochs, are the learner's guard. The same remedy is never tried
twice for the same fingerprint of a collapse: a pure restore replays it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log2
from typing import Literal, NamedTuple

from ..kernel.health import Firing, load_rules
from ..kernel.intent import Overrides
from ..kernel.remedies import HealthConfig

Phase = Literal["healthy", "softened", "rolling", "probation", "paused"]
PHASES: tuple[Phase, ...] = ("healthy", "softened", "rolling", "probation", "paused")
CheckpointState = Literal["candidate", "probation", "healthy", "pinned", "quarantined"]
Remedy = Literal["restore", "older_reset", "bilateral"]

#: Rungs 3 to 5: what is tried in this order, and with what the learner goes on.
LADDER: tuple[tuple[Remedy, Overrides], ...] = (
    ("restore", Overrides(rate=0.5, kl=2.0)),
    ("older_reset", Overrides(rate=0.25, kl=4.0, epochs=0.5)),
    ("bilateral", Overrides(rate=0.1, kl=4.0, epochs=0.5)),
)
NEUTRAL = Overrides()
SOFTER = 1.5
LEAST_RATE = 0.01
RECOVERY = 1.05
REJECTS, REJECT_WINDOW = 3, 10
#: Two signals are of one event if they fire within so many updates.
TOGETHER_UPDATES = 5
#: Healthy checkpoints that are kept, and quarantined ones that are remembered.
KEPT = 4
#: Of the many checkpoints of a run so many are followed while one of them grows up.
FOLLOWED = 4


class Look(NamedTuple):
    """One update as the learner told it."""

    epoch: int
    step: int
    undone: int
    rejected: bool
    checkpoint: str
    """newest durable one, <epoch>-<step>"""
    stage: str
    firings: Sequence[Firing] = ()


class Plan(NamedTuple):
    """A rollback that has been decided."""

    id: str
    checkpoint: str
    remedy: Remedy
    reason: str


class Decision(NamedTuple):
    """What to do beside writing the memory down: tell, pause."""

    kind: str = ""
    """of the event; empty for none"""
    message: str = ""
    pause: bool = False


@dataclass(frozen=True)
class Memory:
    """What the controller must not forget: it is stored as JSON in health.<agent>."""

    phase: Phase = "healthy"
    step: int = 0
    epoch: int = 0
    stage: str = ""
    shift_step: int = 0
    """of the last rollback or change of stage"""
    onset: int = -1
    """first breach since all was clean; -1 if all is"""
    onset_signal: str = ""
    calm: int = 0
    failed: tuple[tuple[str, int], ...] = ()
    """signal, step: evidence of the last updates"""
    rejects: tuple[int, ...] = ()
    """attempts (step + undone) that were taken back, of the last ten"""
    overrides: Overrides = NEUTRAL
    checkpoints: tuple[tuple[str, CheckpointState], ...] = ()
    tried: tuple[tuple[str, str], ...] = ()
    """fingerprint, remedy"""
    rolled: tuple[tuple[str, int], ...] = ()
    """stage, step of the rollbacks"""
    probation_until: int = 0
    plan: Plan | None = None
    """the rollback under way"""
    reason: str = ""
    sequence: int = 0
    """of the last health message that was looked at"""


def observe(memory: Memory, look: Look, config: HealthConfig) -> tuple[Memory, Decision]:
    """One look. While a rollback is under way or a person is asked, evidence is only noted."""
    if memory.phase in ("rolling", "paused") or look.epoch < memory.epoch:
        return memory, Decision()
    memory = _note(memory, look, config)
    if reason := _act_now(memory, look, config):
        return decide(memory, reason, config)
    if _suspicious(memory, look):
        return _soften(memory)
    return _calm_down(memory, look, config)


def decide(memory: Memory, reason: str, config: HealthConfig, wanted: str = "") -> tuple[Memory, Decision]:
    """Choose remedy and target for a collapse that is certain. `wanted`: a person names the checkpoint."""
    fingerprint = fingerprint_of(memory)
    if (spent := _budget_spent(memory, config)) and not wanted:
        return pause(memory, f"{reason}; {spent}")
    for rung, (remedy, overrides) in enumerate(LADDER):
        if (fingerprint, remedy) in memory.tried and not wanted:
            continue
        target = wanted or target_of(memory, config, older=rung)
        if not target:
            break
        rolled = replace(
            memory,
            phase="rolling",
            overrides=overrides,
            tried=(*memory.tried, (fingerprint, remedy)),
            rolled=(*memory.rolled, (memory.stage, memory.step)),
            checkpoints=_quarantine(memory, target),
            reason=reason,
            plan=Plan(str(len(memory.tried) + 1), target, remedy, reason),
        )
        return rolled, Decision("rollback_planned", f"back to {target} ({remedy}): {reason}")
    return pause(memory, f"{reason}; nothing new is left to try for {fingerprint}")


def resumed(memory: Memory, epoch: int, step: int, config: HealthConfig) -> Memory:
    """The learner works again: what was seen before counts no more, and probation begins."""
    took = max(0, memory.step - memory.shift_step)
    return replace(
        memory, phase="probation", plan=None, epoch=epoch, step=step, shift_step=step, onset=-1, onset_signal="",
        calm=0, failed=(), rejects=(), probation_until=step + max(config.probation_updates, 2 * took),
    )  # fmt: skip


def pause(memory: Memory, reason: str) -> tuple[Memory, Decision]:
    """Rung 6: a person is asked."""
    return replace(memory, phase="paused", plan=None, reason=reason), Decision("paused_by_health", reason, pause=True)


def released(memory: Memory) -> Memory:
    """A person has resumed the run: evidence from before is forgotten, what was tried is not."""
    if memory.phase != "paused":
        return memory
    return replace(memory, phase="healthy", onset=-1, onset_signal="", failed=(), rejects=(), calm=0, rolled=())


def promote(memory: Memory, name: str) -> Memory:
    """A person vouches for a checkpoint: it is kept for good. Raises LookupError for one that is unknown."""
    states = dict(memory.checkpoints)
    if name not in states:
        raise LookupError(f"no checkpoint {name!r} is known; there are {', '.join(states) or 'none'}")
    states[name] = "pinned"
    return replace(memory, checkpoints=tuple(states.items()))


def refusal(memory: Memory, name: str, config: HealthConfig) -> str:
    """Why an alert of this rule is not followed; empty if the controller has seen the same itself."""
    rule = next((one for one in load_rules() if one.name == name), None)
    if rule is None or rule.verdict == "suspect":
        return f"{name} is no rule for which one rolls back"
    if memory.phase in ("rolling", "paused"):
        return f"{memory.phase} already"
    if _cooling(memory, config):
        return "training has only just been rolled back"
    signals = sorted({signal for signal, step in memory.failed if step > memory.step - TOGETHER_UPDATES})
    if rule.signal not in signals:
        return f"no evidence of {name} here (seen: {', '.join(signals) or 'nothing'})"
    return ""


def fingerprint_of(memory: Memory) -> str:
    """Which collapse this is: stage, first signal, and how long after the last shift, within a factor of two."""
    since = max(1, (memory.onset if memory.onset >= 0 else memory.step) - memory.shift_step)
    return f"{memory.stage or 'all'}/{memory.onset_signal or 'none'}/{int(log2(since))}"


def step_of(checkpoint: str) -> int:
    return int(checkpoint.partition("-")[2])


def _note(memory: Memory, look: Look, config: HealthConfig) -> Memory:
    """Take the look into the memory: position, evidence, checkpoints."""
    shifted = look.stage != memory.stage
    breached = look.rejected or bool(look.firings)
    onset, signal = memory.onset, memory.onset_signal
    if breached and onset < 0:
        onset, signal = look.step, look.firings[0].rule.signal if look.firings else "rejected"
    attempt = look.step + look.undone
    rejects = tuple(one for one in memory.rejects if one > attempt - REJECT_WINDOW)
    recent = tuple((name, step) for name, step in memory.failed if step > look.step - TOGETHER_UPDATES)
    failed = tuple((one.rule.signal, look.step) for one in look.firings if one.rule.verdict != "suspect")
    memory = replace(
        memory, step=look.step, epoch=look.epoch, stage=look.stage,
        shift_step=look.step if shifted else memory.shift_step, onset=onset, onset_signal=signal,
        calm=0 if breached else memory.calm + 1,
        rejects=(*rejects, attempt) if look.rejected else rejects, failed=(*recent, *failed),
    )  # fmt: skip
    return replace(memory, checkpoints=_grade(memory, look.checkpoint, config))


def _grade(memory: Memory, newest: str, config: HealthConfig) -> tuple[tuple[str, CheckpointState], ...]:
    """candidate → probation while clean updates follow → healthy after enough of them."""
    states: dict[str, CheckpointState] = dict(memory.checkpoints)
    if newest and newest not in states and _is_apart(newest, states, config):
        states[newest] = "pinned" if step_of(newest) == 0 else "candidate"
    for name, state in states.items():
        age = memory.step - step_of(name)
        clean = memory.onset < 0 or memory.onset - step_of(name) >= config.survive_updates
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


def _act_now(memory: Memory, look: Look, config: HealthConfig) -> str:
    """Why a rollback is due; empty if it is not."""
    if hard := [one for one in look.firings if one.rule.verdict == "hard"]:
        one = hard[0]
        return f"{one.rule.name}: {one.rule.metric} is {one.value:.3g}, the limit {one.limit:.3g}"
    if _cooling(memory, config):
        return ""
    signals = sorted({signal for signal, _ in memory.failed})
    if len(signals) >= 2 and memory.failed[-1][1] == look.step:
        return f"independent signals of one collapse: {', '.join(signals)}"
    if len(memory.rejects) >= REJECTS and memory.phase == "softened" and look.rejected:
        return f"{len(memory.rejects)} of {REJECT_WINDOW} updates were taken back although training was softened"
    return ""


def _cooling(memory: Memory, config: HealthConfig) -> bool:
    return bool(memory.rolled) and memory.step - memory.shift_step < config.cool_down_updates


def _suspicious(memory: Memory, look: Look) -> bool:
    drifting = any(one.rule.verdict == "suspect" and one.rule.signal == "kl" for one in look.firings)
    return drifting or (look.rejected and len(memory.rejects) >= REJECTS)


def _soften(memory: Memory) -> tuple[Memory, Decision]:
    """Rung 2: smaller steps. Once for one piece of evidence: the window must fill again before the next."""
    now = memory.overrides
    gentler = Overrides(max(LEAST_RATE, now.rate / SOFTER), min(16.0, now.kl * SOFTER), max(0.5, now.epochs / SOFTER))
    softened = replace(memory, phase="softened", overrides=gentler, rejects=(), calm=0)
    if gentler == now:
        return softened, Decision()
    return softened, Decision("softened", f"learning rate x{gentler.rate:.2g}, KL penalty x{gentler.kl:.2g}")


def _calm_down(memory: Memory, look: Look, config: HealthConfig) -> tuple[Memory, Decision]:
    """Hysteresis: only after a row of clean updates does the onset lapse and do overrides go back, a little each."""
    if memory.calm < config.calm_updates:
        return memory, Decision()
    memory = replace(memory, onset=-1, onset_signal="")
    if memory.phase == "probation" and look.step < memory.probation_until:
        return memory, Decision()
    if memory.calm % config.calm_updates == 0 and not memory.overrides.neutral:
        now = memory.overrides
        memory = replace(memory, overrides=Overrides(min(1.0, now.rate * RECOVERY), max(1.0, now.kl / RECOVERY),
                                                     min(1.0, now.epochs * RECOVERY)))  # fmt: skip
    if memory.phase == "healthy" or (memory.phase == "softened" and not memory.overrides.neutral):
        return memory, Decision()
    return replace(memory, phase="healthy"), Decision("healthy", f"healthy again at step {look.step}")


def _budget_spent(memory: Memory, config: HealthConfig) -> str:
    here = sum(stage == memory.stage for stage, _ in memory.rolled)
    if here >= config.rollbacks_per_stage:
        return f"{here} rollbacks in stage {memory.stage or 'all'} are enough"
    if len(memory.rolled) >= config.rollbacks:
        return f"{len(memory.rolled)} rollbacks are enough"
    return ""


def target_of(memory: Memory, config: HealthConfig, older: int = 0) -> str:
    """The newest good checkpoint well before the onset; `older` of them are passed over, as far as there are more."""
    onset = memory.onset if memory.onset >= 0 else memory.step
    good = [
        name for name, state in memory.checkpoints
        if state == "pinned" or (state == "healthy" and step_of(name) <= onset - config.margin_updates)
    ]  # fmt: skip
    good.sort(key=step_of)
    return good[max(0, len(good) - 1 - older)] if good else ""


def _quarantine(memory: Memory, target: str) -> tuple[tuple[str, CheckpointState], ...]:
    """Whatever came after the target is suspect; what a person has pinned stays."""
    limit = step_of(target)
    return tuple(
        (name, "quarantined" if step_of(name) > limit and state != "pinned" else state)
        for name, state in memory.checkpoints
    )
