"""Plane 1 of health as a pure state machine: what is known of one agent, one look at it, what follows.

    HEALTHY → (suspect, 3 updates taken back of 10)                  → SOFTENED   rung 2
    any     → (hard limit, 2 independent signals, rejects go on)     → ROLLING    rungs 3, 4, 5
    ROLLING → (the learner has resumed)                              → PROBATION  → HEALTHY
    any     → (budget spent, nothing new to try, no target)          → PAUSED     rung 6

Rungs 0 and 1, rejecting an update and stopping its epochs, are the learner's guard. The same remedy is never tried
twice for the same fingerprint of a collapse: a pure restore replays it.
"""

from __future__ import annotations

from dataclasses import replace
from math import log2

from ..kernel.health import load_rules
from ..kernel.intent import Overrides
from ..kernel.remedies import HealthConfig
from . import onset
from .memory import Decision, Look, Memory, Plan, Remedy
from .targets import condemned, grade, quarantine, target_of

#: Rungs 3 to 5: what is tried in this order, and with what the learner goes on.
LADDER: tuple[tuple[Remedy, Overrides], ...] = (
    ("restore", Overrides(rate=0.5, kl=2.0)),
    ("older_reset", Overrides(rate=0.25, kl=4.0, epochs=0.5)),
    ("bilateral", Overrides(rate=0.1, kl=4.0, epochs=0.5)),
)
SOFTER = 1.5
LEAST_RATE = 0.01
RECOVERY = 1.25
REJECTS, REJECT_WINDOW = 3, 10
#: Two signals are of one event if they fire within so many updates.
TOGETHER_UPDATES = 5


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
            checkpoints=quarantine(memory, target),
            reason=reason,
            plan=Plan(str(len(memory.tried) + 1), target, remedy, reason, onset.cause_of(memory)),
        )
        return rolled, Decision("rollback_planned", f"back to {target} ({remedy}): {reason}")
    return pause(memory, f"{reason}; nothing new is left to try for {fingerprint}")


def resumed(memory: Memory, epoch: int, step: int, config: HealthConfig) -> Memory:
    """The learner works again: what was seen before counts no more, and probation begins."""
    took = max(0, memory.step - memory.shift_step)
    return replace(
        memory, phase="probation", plan=None, epoch=epoch, step=step, shift_step=step, back_step=step, breaches=(),
        calm=0, failed=(), rejects=(), probation_until=step + max(config.probation_updates, 2 * took),
    )  # fmt: skip


def unloadable(memory: Memory, reason: str, config: HealthConfig) -> tuple[Memory, Decision]:
    """The target of the plan is gone or broken: the same remedy with the next one, as long as there is one."""
    failed = memory.plan
    assert failed is not None
    memory = condemned(memory, failed.checkpoint)
    target = target_of(memory, config)
    if not target:
        return pause(memory, reason)
    plan = failed._replace(id=f"{failed.id}+", checkpoint=target)
    memory = replace(memory, plan=plan, checkpoints=quarantine(memory, target))
    return memory, Decision("rollback_planned", f"back to {target} ({plan.remedy}) instead: {reason}")


def pause(memory: Memory, reason: str) -> tuple[Memory, Decision]:
    """Rung 6: a person is asked."""
    return replace(memory, phase="paused", plan=None, reason=reason), Decision("paused_by_health", reason, pause=True)


def released(memory: Memory) -> Memory:
    """A person has resumed the run: evidence from before is forgotten, what was tried is not."""
    if memory.phase != "paused":
        return memory
    return replace(memory, phase="healthy", breaches=(), failed=(), rejects=(), calm=0, rolled=())


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
    since = max(1, onset.step_of_onset(memory) - memory.shift_step)
    return f"{memory.stage or 'all'}/{onset.cause_of(memory)}/{int(log2(since))}"


def _note(memory: Memory, look: Look, config: HealthConfig) -> Memory:
    """Take the look into the memory: position, evidence, checkpoints."""
    shifted = look.stage != memory.stage
    breached = look.rejected or bool(look.firings)
    attempt = look.step + look.undone
    rejects = tuple(one for one in memory.rejects if one > attempt - REJECT_WINDOW)
    recent = tuple((name, step) for name, step in memory.failed if step > look.step - TOGETHER_UPDATES)
    failed = tuple((one.rule.signal, look.step) for one in look.firings if one.rule.verdict != "suspect")
    memory = replace(
        memory, step=look.step, epoch=look.epoch, stage=look.stage,
        shift_step=look.step if shifted else memory.shift_step,
        breaches=onset.noted(memory.breaches, look, config.calm_updates), calm=0 if breached else memory.calm + 1,
        rejects=(*rejects, attempt) if look.rejected else rejects, failed=(*recent, *failed),
    )  # fmt: skip
    return replace(memory, checkpoints=grade(memory, look.checkpoint, config))


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
    return memory.back_step >= 0 and memory.step - memory.back_step < config.cool_down_updates


def _suspicious(memory: Memory, look: Look) -> bool:
    since = look.step - memory.soft_step if memory.soft_step >= 0 else -1
    drifting = any(
        one.rule.verdict == "suspect" and one.rule.signal == "kl" and not 0 <= since < one.rule.window
        for one in look.firings
    )
    return drifting or (look.rejected and len(memory.rejects) >= REJECTS)


def _soften(memory: Memory) -> tuple[Memory, Decision]:
    """Rung 2: smaller steps. Once for one piece of evidence: the window must fill again before the next."""
    now = memory.overrides
    gentler = Overrides(max(LEAST_RATE, now.rate / SOFTER), min(16.0, now.kl * SOFTER), max(0.5, now.epochs / SOFTER))
    softened = replace(memory, phase="softened", overrides=gentler, rejects=(), calm=0, soft_step=memory.step)
    if gentler == now:
        return softened, Decision()
    return softened, Decision("softened", f"learning rate x{gentler.rate:.2g}, KL penalty x{gentler.kl:.2g}")


def _calm_down(memory: Memory, look: Look, config: HealthConfig) -> tuple[Memory, Decision]:
    """Hysteresis: only after a row of clean updates do overrides go back, a little each."""
    if memory.calm < config.calm_updates:
        return memory, Decision()
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
