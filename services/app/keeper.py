"""Keeps the processes of one run as its desired.json says.

A run that should run has every service alive until the league writes its outcome. Whoever dies is started again, except
for exit code 2: then the user must act, the run has failed and the other services are ended.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from .child import Child, ChildSpec, Exit
from .deaths import MemoryKills, cause_of, record_death
from .errors import CommandError
from .hangs import HangWatch
from .home import Json, RunFolder, write_json
from .processes import Identity

log = logging.getLogger(__name__)

FATAL = 2
#: A service is given this long to end by itself; it drains within 10 s.
STOP_SECONDS = 15.0
#: A service that left in peace is started again after this pause, unless the outcome of the run arrives until then. One
#: that saw the run's end knows more than the supervisor: the league folds late results before it writes the outcome.
SENT_AWAY_SECONDS, SAW_THE_END_SECONDS = 1.0, 60.0
#: After the end of a run (its report may still be missing) a service is started again so often and no more.
RESTARTS_AFTER_THE_END = 5
#: Whoever is still there this long after the outcome is asked to end.
LINGER_SECONDS = 120.0

#: On shared cores the learner goes first, since all else waits: its threads meet after every step, and one that has
#: to queue behind a game holds up the other. Measuring takes what is left.
NICENESS = {"simulator": 3, "evaluator": 5}

#: (run, service, resume) -> command line
Argv = Callable[[RunFolder, str, bool], Sequence[str]]
#: (run, service) -> environment
Environment = Callable[[RunFolder, str], Mapping[str, str]]


class RunKeeper:
    """The services of one run. Call `tick` often."""

    def __init__(self, run: RunFolder, argv: Argv, environment: Environment, memory_kills: MemoryKills) -> None:
        self.run = run
        self._memory_kills = memory_kills
        self.children = [self._child(name, argv, environment) for name in run.services()]
        self._generation = int(run.desired().get("generation", 0))
        self._hangs = HangWatch(run)
        self._left_early: dict[str, Exit] = {}
        self._restarts_after_the_end = 0
        self._over_since: float | None = None
        self.stamp = run.stamp

    def _child(self, name: str, argv: Argv, environment: Environment) -> Child:
        return Child(
            ChildSpec(
                name=name,
                argv=lambda resume: argv(self.run, name, resume),
                process_file=self.run.process_file(name),
                log_file=self.run.log_file(name),
                environment=environment(self.run, name),
                folder=self.run.path,
                niceness=NICENESS.get(name.partition("-")[0], 0),
            )
        )

    @property
    def alive(self) -> bool:
        return any(child.alive for child in self.children)

    @property
    def unfinished(self) -> bool:
        """Somebody has to be started now or later."""
        outcome = self.run.outcome()
        if self.run.desired().get("state") != "running" or outcome.get("state") in ("failed", "stopped"):
            return False
        return not outcome or any(not self._done(child) for child in self.children)

    def adopt(self, strays: Mapping[str, Identity]) -> None:
        """Go on with what an earlier supervisor left."""
        for child in self.children:
            if exit_ := child.adopt(strays):
                self._bury(child, exit_)

    def tick(self, *, may_start: bool) -> None:
        """Look once and do what is needed. `may_start`: the bus is there."""
        self.stamp = self.run.stamp
        desired = self.run.desired()
        self._follow(int(desired.get("generation", 0)))
        self.poll()
        self._hangs.look(self.children)
        outcome = self.run.outcome()
        if (
            desired.get("state") != "running"
            or outcome.get("state") in ("failed", "stopped")
            or (outcome and self._lingers())
        ):
            self.stop()
        elif may_start:
            self._start_missing(bool(outcome))

    def poll(self) -> None:
        """Notice who has ended."""
        for child in self.children:
            if exit_ := child.poll():
                self._bury(child, exit_)

    def _lingers(self) -> bool:
        now = time.monotonic()
        self._over_since = now if self._over_since is None else self._over_since
        return now - self._over_since > LINGER_SECONDS

    def stop(self) -> None:
        """Ask everybody to end; insist with those who do not."""
        for child in self.children:
            if child.stop(STOP_SECONDS):
                log.warning("%s/%s did not end within %.0f s: killed", self.run.name, child.name, STOP_SECONDS)

    def _follow(self, generation: int) -> None:
        """A person changed what is desired: whoever ended before may start afresh."""
        if generation != self._generation:
            self._generation, self._restarts_after_the_end, self._over_since = generation, 0, None
            self._left_early.clear()
            for child in self.children:
                child.now()

    def _start_missing(self, over: bool) -> None:
        for child in self.children:
            if not child.due or (over and self._done(child)):
                continue
            early = self._left_early.pop(child.name, None)
            if early:
                self._record(child, early, "exit code 0 while the run went on", restarted=True)
            self._restarts_after_the_end += int(over)
            again = child.generation == self._generation and (early is not None or child.exit_code != 0)
            child.start(self._generation, resume=self._generation > 1, again=again)

    def _done(self, child: Child) -> bool:
        """After the end of a run: it left in peace, or there is no point in starting it again."""
        left = child.exit_code == 0 and child.generation == self._generation
        return not child.alive and (left or self._restarts_after_the_end >= RESTARTS_AFTER_THE_END)

    def _bury(self, child: Child, exit_: Exit) -> None:
        desired, outcome = self.run.desired(), self.run.outcome()
        if exit_.code is None:
            # An adopted process: only what it wrote down itself is known.
            exit_ = replace(exit_, code=self._heartbeat(child, exit_).get("exit_code"))
        peaceful = exit_.code == 0 or (exit_.code is None and bool(outcome))
        if child.asked_to_stop or desired.get("state") != "running" or peaceful:
            child.settle(exit_.code or 0)
            log.info("%s/%s has ended", self.run.name, child.name)
            if peaceful and not outcome and not child.asked_to_stop:
                self._left_early[child.name] = exit_
                saw_the_end = self._heartbeat(child, exit_).get("state") == "finished"
                child.delay(SAW_THE_END_SECONDS if saw_the_end else SENT_AWAY_SECONDS)
            return
        heartbeat = self._heartbeat(child, exit_)
        cause = cause_of(exit_.code, heartbeat, memory_kills=self._memory_kills.fresh)
        fatal = exit_.code == FATAL
        self._record(child, exit_, cause, restarted=not fatal)
        if fatal:
            child.settle(FATAL)
            child.delay()
            self._fail(f"{child.name}: {heartbeat.get('error') or self._last_words(child)}")
        else:
            child.settle(1 if exit_.code is None else exit_.code)
            child.delay()

    def _heartbeat(self, child: Child, exit_: Exit) -> Json:
        """The last one of the process that ended; an older one of the same service says nothing about it."""
        heartbeat = self.run.heartbeat(child.name)
        return heartbeat if heartbeat.get("pid") == exit_.pid else {}

    def _last_words(self, child: Child) -> str:
        try:
            lines = self.run.log_file(child.name).read_text(errors="replace").strip().splitlines()
        except OSError:
            lines = []
        return lines[-1] if lines else "ended with exit code 2 and said nothing"

    def _record(self, child: Child, exit_: Exit, cause: str, *, restarted: bool) -> None:
        record_death(
            self.run.deaths_file, child.name, exit_.pid, cause, self._heartbeat(child, exit_), restarted=restarted
        )

    def _fail(self, reason: str) -> None:
        if not self.run.outcome():
            try:
                write_json(self.run.outcome_file, {"state": "failed", "reason": reason})
            except CommandError as error:
                log.error("%s", error)
