"""The learner: rollouts in, better weights out.

Start: take a new epoch, load the newest valid checkpoint or begin at step 0 with a durable, verified and pinned one,
announce the weights. Loop: a batch of rollouts, one transactional update in a thread, publish. End: final checkpoint
and export.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from ..api.v1.health_pb2 import LearnerHealth
from ..api.v1.policy_pb2 import PolicyRef
from ..kernel.blobs import get_blob
from ..kernel.epochs import next_epoch
from ..kernel.intent import Intent
from ..kernel.service import Context, Fatal
from ..kernel.topology import ROLLOUTS
from ..play.tuning import tune_process, tune_thread
from ..play.weights import Manifest, to_bytes
from . import tools
from .account import Report
from .archive import Archive
from .beginning import begin_with
from .checkpoint import CheckpointError, Saved
from .collector import Collector
from .company import serve_together
from .export import export_final
from .publisher import Publisher, Turn
from .ranks import Ranks
from .recovery import Recovery, settle
from .reference import WrongReference
from .reporter import Reporter
from .setup import components_of, inherit, manifest_of, state_of, threads_per_operation
from .signing import Signer
from .slab import Slab
from .state import State, Versions
from .track import open_tracks
from .update import Updater
from .vault import Vault

T = TypeVar("T")

WAIT_SECONDS = 0.5
#: So many updates taken back in a row mean that the settings cannot work.
MAX_UNDONE = 20


async def serve(ctx: Context) -> None:
    """Run until the training is done and the run is over, or until told to stop."""
    per_operation = threads_per_operation(ctx.config)
    tune_process(per_operation)
    threads = ThreadPoolExecutor(1, "update", initializer=tune_thread, initargs=(per_operation,))
    try:
        if ctx.config.learner.ranks == 1:
            await Learner(ctx, threads).run()
        else:
            await serve_together(ctx, threads, lambda ranks: Learner(ctx, threads, ranks).run())
    finally:
        threads.shutdown(wait=False, cancel_futures=True)


class Learner:
    """One agent's training. Everything that computes runs in the one thread of `threads`. Drills put their own updater
    and publisher in the place of the usual ones."""

    def __init__(self, ctx: Context, threads: ThreadPoolExecutor, ranks: Ranks | None = None) -> None:
        config = ctx.config
        self._ctx = ctx
        self._threads = threads
        self._config = config.learner
        self._total = config.total_updates
        self._identity = manifest_of(config)
        self.state = self._fresh()
        self._folder = config.folder_of(config.learner.agent)
        self._folder.mkdir(parents=True, exist_ok=True)
        kept, signer = config.learner.checkpoints_kept, Signer.of(config)
        self._vault = Vault(self._folder / "checkpoints", self.state, self._identity, kept, signer)
        self.versions = Versions(config.learner.max_lag)
        self.updater = Updater(config, self.state, self.versions, ranks)
        self.publisher = Publisher(ctx.bus, config.learner.agent)
        components = components_of(config)
        self._reporter = Reporter(ctx.metrics, self._folder / "metrics.jsonl", components, open_tracks(config))
        self._collector = Collector(
            ctx.bus,
            ctx.metrics,
            config.learner.agent,
            self._identity.architecture,
            self.versions,
            lambda: self.state.counters,
            max_lag=config.learner.max_lag,
            buffer_slabs=config.learner.buffer_slabs,
            window_slabs=config.simulator.slabs,
            lockstep=config.lockstep,
        )
        self._saved_at = time.monotonic()
        self._clock = time.monotonic()
        self._undone = 0
        self._recovery: Recovery
        self._archive: Archive

    async def run(self) -> None:
        self._recovery = await Recovery.open(self._ctx.bus, self._config.agent)
        self._archive = await Archive.open(
            self._ctx, self._vault, self._compute, lambda: self._reporter.checkpointed(self.state.counters)
        )
        await self._start()
        collecting = asyncio.create_task(self._collector.run(), name="collector")
        try:
            await self._train(collecting)
        finally:
            collecting.cancel()
            await asyncio.gather(collecting, return_exceptions=True)
            self._reporter.close()
        if self.state.counters.step < self._total:
            await self._save()
            return
        self._ctx.ready()
        self._ctx.rest()
        await self._ctx.stopping.wait()

    # -- start ---------------------------------------------------------------------------------------------------

    async def _start(self) -> None:
        """Recover or begin, and announce the version that training starts from."""
        ctx = self._ctx
        self._reporter.constants(target_kl=self._config.target_kl, total_updates=self._total)
        epoch = await next_epoch(ctx.bus, self._config.agent)
        # Rollouts of earlier epochs are of no use, and those a killed learner held would block the buffer until the
        # server's patience with it ends.
        await ctx.bus.purge(ROLLOUTS, self._config.agent)
        await self._heed()
        pending = await self._recovery.pending()
        saved = await self._archive.recover()
        if pending is not None:
            await self._roll_back(pending, epoch)
            self._reporter.started(self.state.counters, self._vault.durable_step)
            await self._pin_start()
            self._ctx.ready()
            return
        if saved is None and ctx.config.parent:
            await self._compute(lambda: inherit(ctx.config, self.state))
            await ctx.event("inherited", f"step 0 is {ctx.config.parent}")
        counters = self.state.counters
        if saved and counters.step >= self._total and await self._announced(saved):
            self._reporter.started(counters, self._vault.durable_step)
            await self._finish()
            return
        counters.epoch = epoch
        if saved is None:
            tools.begin(self.state, ctx.config, "start")
        self.versions.add(counters.step, self.state.actor)
        if saved is None:
            saved = await self._archive.write(pinned=True)
            await ctx.event("checkpoint", f"step 0 is durable and pinned in {saved.path}")
        else:
            await ctx.event("resumed", f"going on at step {counters.step} as epoch {epoch}", checkpoint=saved.path.name)
        self._clock = self._saved_at = time.monotonic()
        await self._pin_start()
        parent = PolicyRef(agent=self._config.agent, epoch=saved.epoch, step=saved.step) if counters.step else None
        data = await self._compute(self._pack)
        await self.publisher.publish(data, self._manifest(), parent, self._turn())
        self._reporter.started(counters, self._vault.durable_step)
        if counters.step >= self._total:
            await self._finish()
            return
        await self.publisher.health(self._health({}))
        self._beat()
        ctx.ready()

    async def _announced(self, saved: Saved) -> bool:
        """Whether exactly this version is the head already: then nothing new is to be said about it."""
        head = await self.publisher.head()
        if head is None or (head.policy.epoch, head.policy.step) != (saved.epoch, saved.step):
            return False
        self.publisher.ref = head.policy
        return True

    async def _pin_start(self) -> None:
        """Step 0 is kept for good, whichever epoch began the run, even if that one died before it could say so."""
        if await self.publisher.has_pinned_start():
            return
        found = await self._compute(lambda: self._vault.start_weights(self._fresh))
        if found is None:
            message = "the checkpoint of step 0 is gone: there is no untrained version to compare with"
            await self._ctx.event("warning", message)
            return
        await self.publisher.pin(*found)

    def _fresh(self) -> State:
        return state_of(self._ctx.config, self._identity.architecture)

    # -- training ------------------------------------------------------------------------------------------------

    async def _train(self, collecting: asyncio.Task[None]) -> None:
        """Updates until the last one, or until the service has to stop."""
        ctx, waited = self._ctx, time.monotonic()
        while self.state.counters.step < self._total and not ctx.stopping.is_set():
            ctx.round()
            if collecting.done():
                collecting.result()
            if self._recovery.due() or self._undone:  # whoever cannot go on asks at once
                await self._heed()
                if intent := await self._recovery.pending():
                    await self._roll_back(intent, intent.epoch)
            await self._begin_anew()
            slabs = [] if ctx.paused else await self._collector.take(self._config.batch_decisions, WAIT_SECONDS)
            if slabs:
                waiting = time.monotonic() - waited
                await self._learn(slabs, waiting)
                waited = time.monotonic()
            elif ctx.paused:
                await asyncio.sleep(WAIT_SECONDS)
                self._clock += WAIT_SECONDS  # a pause is not training time

    async def _heed(self) -> None:
        """Take over what the controller has written."""
        guidance = await self._recovery.guidance()
        self.updater.overrides, self._vault.protected = guidance.overrides, guidance.protected

    async def _roll_back(self, intent: Intent, epoch: int) -> None:
        """Carry out a fenced rollback. If the target cannot be loaded the state stays as it is."""
        ctx, counters = self._ctx, self.state.counters
        try:
            await self._compute(lambda: self._vault.load(intent.checkpoint, epoch))
        except CheckpointError as error:
            await self._recovery.aborted(str(error))
            await ctx.event("rollback_aborted", str(error))
            counters.epoch = epoch
            return
        await self._recovery.loaded(epoch)
        await self._recovery.verified()
        undone, seconds = counters.undone, counters.seconds
        counters = self.state.counters
        counters.undone, counters.seconds = undone, seconds
        settle(self.state, intent, lambda: tools.begin(self.state, ctx.config, "rollback"))
        await self._heed()
        await self._announce_epoch(None, self._turn())
        await self._recovery.resumed()
        self._undone = 0
        await ctx.event("restored", f"going on at step {counters.step} as epoch {epoch}", checkpoint=intent.checkpoint)
        self._beat()

    async def _begin_anew(self) -> None:
        """What the league wants of an exploiter: other weights, in an epoch of their own."""
        record, counters, agent = await self._ctx.run_record(), self.state.counters, self._config.agent
        if record is None or agent not in record.exploiters:
            return
        order = record.exploiters[agent]
        if order.beginnings <= counters.beginnings:
            return
        data = await get_blob(self._ctx.bus, order.start.sha256)
        await self._compute(lambda: begin_with(self.state, self._fresh(), data, self._ctx.config))
        counters.epoch = await next_epoch(self._ctx.bus, agent)
        counters.beginnings = order.beginnings
        await self._announce_epoch(order.start)
        await self._ctx.event("exploiter", f"{agent} begins anew as epoch {counters.epoch}")

    async def _announce_epoch(self, parent: PolicyRef | None, turn: Turn | None = None) -> None:
        """The state has been replaced within a run: nothing of the epoch before counts, and all others are told."""
        self.versions.forget()
        self.versions.add(self.state.counters.step, self.state.actor)
        await self._ctx.bus.purge(ROLLOUTS, self._config.agent)
        await self._archive.write(pinned=False)
        self._saved_at = time.monotonic()
        await self.publisher.publish(await self._compute(self._pack), self._manifest(), parent, turn)
        await self.publisher.health(self._health({}))

    async def _learn(self, slabs: list[Slab], waiting: float) -> None:
        """One update; if it is committed it is published before anything else happens."""
        try:
            report, data = await self._compute(lambda: self._update(slabs))
        except WrongReference as error:
            raise Fatal(str(error)) from error
        if data is None:
            await self._rejected(report)
            return
        self._undone = 0
        counters = self.state.counters
        self._lap()
        self._reporter.committed(report, counters)
        report.wall_seconds["wait"] = waiting
        started = time.monotonic()
        await self.publisher.publish(data, self._manifest(), self.publisher.ref, self._turn())
        report.wall_seconds["publish"] = time.monotonic() - started
        if counters.step < self._total:
            await self.publisher.health(self._health(report.metrics))
            overdue = time.monotonic() - self._saved_at >= self._config.checkpoint_seconds
            if overdue or await self._archive.asked(counters.step):
                report.wall_seconds["checkpoint"] = await self._save()
        self._reporter.published(report, counters, self._vault.durable_step)
        self._beat()
        if counters.step >= self._total:
            await self._finish(report)

    def _update(self, slabs: list[Slab]) -> tuple[Report, bytes | None]:
        report = self.updater.update(slabs)
        self.state.simulator_state = slabs[-1].simulator_state
        return report, self._pack() if report.committed else None

    async def _rejected(self, report: Report) -> None:
        self._undone += 1
        self._reporter.rejected(report)
        await self._ctx.event("update_undone", report.detail, reason=report.reason, step=self.state.counters.step)
        health = self._health(report.metrics)
        health.rejected = True
        await self.publisher.health(health)
        if self._undone >= MAX_UNDONE:
            raise Fatal(
                f"{self._undone} updates in a row had to be taken back (last: {report.detail}). Lower "
                "learner.learning_rate or raise learner.target_kl, then resume the run."
            )
        if turn := self._turn():
            head = await self.publisher.head()
            parent = head.parent if head and head.HasField("parent") else None
            await self.publisher.publish(await self._compute(self._pack), self._manifest(), parent, turn)

    # -- end -----------------------------------------------------------------------------------------------------

    async def _finish(self, report: Report | None = None) -> None:
        """The last update is written down, durable and exported; only then does the learner say that it is done."""
        if self._vault.durable_step < self.state.counters.step:
            await self._save()
        try:
            path = await self._compute(lambda: export_final(self._folder, self._pack(), self._manifest()))
        except OSError as error:
            raise Fatal(
                f"the final weights cannot be written to {self._folder}: {error.strerror}. Make room, resume."
            ) from error
        health = self._health(report.metrics if report else {})
        health.finished = True
        await self.publisher.health(health)
        self._beat()
        await self._ctx.event("learner_finished", f"{self._total} updates are done; the final weights are in {path}")

    async def _save(self) -> float:
        """Write a checkpoint unless the newest is this very step; returns the seconds it took."""
        started = time.monotonic()
        if self._vault.durable_step < self.state.counters.step:
            self._lap()
            await self._archive.write(pinned=False)
        self._saved_at = time.monotonic()
        return self._saved_at - started

    def _manifest(self) -> Manifest:
        counters = self.state.counters
        return replace(
            self._identity,
            epoch=counters.epoch,
            step=counters.step,
            decisions=counters.decisions,
            precision=self.state.precision,
        )

    def _turn(self) -> Turn | None:
        """Lockstep: what the simulator is to do next."""
        state = self.state
        return Turn(state.counters.window, state.simulator_state) if self._ctx.config.lockstep else None

    def _pack(self) -> bytes:
        return to_bytes(self.state.actor, self._manifest())

    def _health(self, metrics: dict[str, float]) -> LearnerHealth:
        counters = self.state.counters
        return LearnerHealth(
            policy=self.publisher.ref,
            run=self._ctx.config.run,
            total_steps=self._total,
            decisions=counters.decisions,
            decisions_per_second=self._reporter.decisions_per_second,
            metrics=metrics | {"elapsed_seconds": counters.seconds, "undone": counters.undone},
            checkpoint_step=self._vault.durable_step,
            checkpoint_epoch=self._vault.durable_epoch,
        )

    def _beat(self) -> None:
        counters = self.state.counters
        self._ctx.beat(
            epoch=counters.epoch,
            step=counters.step,
            total_steps=self._total,
            durable_step=self._vault.durable_step,
            decisions=counters.decisions,
            decisions_per_second=round(self._reporter.decisions_per_second),
        )

    def _lap(self) -> None:
        """Add the time since the last call to the run's clock."""
        now = time.monotonic()
        self.state.counters.seconds += now - self._clock
        self._clock = now

    async def _compute(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
