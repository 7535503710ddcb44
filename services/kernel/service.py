"""One process of Ludus: command line, configuration, bus, heartbeat, signals, exit code.

A service is crash-only: whatever happens to the process, starting it again is the recovery. Exit codes: 0 the run is
over or the service was told to stop, 1 it crashed (start it again), 2 a person has to act (starting it again would not
help).
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from .address import without_credentials
from .blackbox import BlackBox
from .bus import Bus, Unsupported
from .config import ConfigError, RunConfig, load
from .context import Context
from .heartbeat import BEAT_SECONDS, STALLED_SECONDS, Heartbeat
from .http import HealthServer, PortTaken, Post
from .logs import set_up
from .metrics import Metrics
from .rpc_door import Listening

__all__ = ["Context", "Fatal", "main"]

Build = Callable[[Context], Awaitable[None]]

DEFAULT_URL = "nats://127.0.0.1:4222"
DRAIN_SECONDS = 10.0
#: The same when the run is over and nobody is in a hurry: reports are still being written.
FINISH_SECONDS = 120.0
#: Threads that still compute after the loop has ended are given this long.
EXIT_SECONDS = 5.0

log = logging.getLogger("ludus")


class Fatal(Exception):
    """The user must act; not restarted. exit code 2."""


def main(service: str, build: Build, argv: Sequence[str] | None = None) -> int:
    """Run one service until it is done; returns its exit code."""
    options = _parser(service).parse_args(argv)
    try:
        config = _configuration(options.config)
        if service == "learner" and not options.agent and len(config.agent_names) > 1:
            raise Fatal(f"the run has several agents: add --agent, one of {', '.join(config.agent_names)}")
        config = config.for_agent(options.agent or config.agent_names[0])
    except (ConfigError, Fatal) as error:
        print(f"ludus-{service}: {error}", file=sys.stderr)
        return 2
    return _Process(service, build, config, options).run()


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"expected a port from 0 (a free one) to 65535, found {port}")
    return port


def _parser(service: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"ludus-{service}",
        description=f"The {service} of one run. `ludus up` starts it for you; start it alone to spread it.",
        epilog="Endpoints: /healthz, /readyz, /metrics on the HTTP port. The heartbeat is in services/NAME.json of the "
        "run's folder. "
        "Exit codes: 0 done or told to stop, 1 crashed (restart it), 2 wrong set-up (the message says what to do).",
    )
    parser.add_argument("--config", required=True, type=Path, metavar="FILE", help="the run's config.json, or TOML")
    parser.add_argument("--http-port", type=_port, default=0, metavar="N", help="of health and metrics; 0: a free one")
    parser.add_argument("--grpc-port", type=_port, default=0, metavar="N", help="of the gRPC API; 0: a free one")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="default %(default)s; beyond loopback bus.credentials is needed",
    )
    parser.add_argument(
        "--nats-url", metavar="URL", help=f"default: bus.url of the configuration, $NATS_URL, or {DEFAULT_URL}"
    )
    parser.add_argument("--worker", type=int, metavar="N", help="number of this worker, or rank; its name gets -N")
    parser.add_argument(
        "--agent", metavar="NAME", help="of a run with several: the one to serve; the name becomes SERVICE-NAME"
    )
    parser.add_argument("--resume", action="store_true", help="the run was stopped before and goes on")
    return parser


def _configuration(path: Path) -> RunConfig:
    config = load(path)
    if not config.run:
        raise Fatal(f'{path} names no run: add `run = "NAME"` to it, or set LUDUS__RUN=NAME.')
    if config.directory:
        return config
    home = Path(os.environ.get("LUDUS_HOME") or Path.home() / ".ludus")
    return config.model_copy(update={"directory": str(home / "runs" / config.run)})


class _Process:
    """Everything around the service proper."""

    def __init__(self, service: str, build: Build, config: RunConfig, options: argparse.Namespace) -> None:
        self.service = service
        self.build = build
        self.config = config
        self.options = options
        parts = [str(part) for part in (options.agent, options.worker) if part is not None]
        self.name = "-".join((service, *parts))
        self.url = options.nats_url or config.bus.url or os.environ.get("NATS_URL") or DEFAULT_URL
        self.metrics = Metrics(service)
        self.heartbeat = Heartbeat(
            Path(config.directory) / "services" / f"{self.name}.json",
            service=service,
            name=self.name,
            run=config.run,
            http_port=0,
            grpc_port=options.grpc_port,
        )
        self.listening: Listening | None = None
        self.posts: dict[str, Post] = {}
        self.box: BlackBox | None = None
        self.ctx: Context | None = None
        self.work: asyncio.Task[None] | None = None
        self.signals = 0
        self.cut_off_after = 0.0

    def run(self) -> int:
        """Until the end. The last heartbeat is written before threads still computing are waited for."""
        set_up(self.name, self.config.run)
        runner = asyncio.Runner(loop_factory=_loop_factory())
        code = self._attempt(runner)
        self._leave_soon(code)
        runner.close()
        return code

    def _attempt(self, runner: asyncio.Runner) -> int:
        cause: Exception | None = None
        try:
            self._listen()
            runner.run(self._serve())
            code, state, error = 0, "finished" if self.ctx and self.ctx.finished else "stopped", ""
        except (Fatal, ConfigError, Unsupported) as problem:
            code, state, error, cause = 2, "failed", str(problem), problem
            log.error("%s", problem)
        except Exception as problem:
            code, state, error, cause = 1, "crashed", f"{type(problem).__name__}: {problem}", problem
            log.exception("crashed")
        if self.cut_off_after:
            error = f"did not stop within {self.cut_off_after:.0f} s and was cut off"
        self._last_word(cause, state=state, reason="", error=error, exit_code=code)
        return code

    def _last_word(self, cause: Exception | None = None, **fields: Any) -> None:
        self.heartbeat.update(**fields)
        self.heartbeat.beat()
        if self.box:
            self.box.write(self.heartbeat.fields, cause)
            self.box.close()

    def _leave_soon(self, code: int) -> None:
        """A thread stuck in a computation must not keep the process: nothing of value is in it any more."""
        timer = threading.Timer(EXIT_SECONDS, os._exit, (code,))
        timer.daemon = True
        timer.start()

    def _listen(self) -> None:
        host, port = self.options.host, self.options.http_port
        self.listening = Listening.on(host, self.config.run, self.name, self.config.bus.credentials)
        try:
            self.heartbeat.path.parent.mkdir(parents=True, exist_ok=True)
            self.box = BlackBox(Path(self.config.directory), self.name, self.metrics.samples)
            server = HealthServer(
                host,
                port,
                alive=self.heartbeat.alive,
                ready=self._readiness,
                metrics=self.metrics.render,
                listening=self.listening,
                posts=self.posts,
            )
        except PortTaken as error:
            raise Fatal(f"{error}. Give another --http-port, or 0 for a free one.") from error
        except OSError as error:
            raise Fatal(f"the run's folder {self.config.directory} cannot be written: {error.strerror}") from error
        self.heartbeat.update(http_port=server.port)

    def _readiness(self) -> str:
        if self.heartbeat.state == "ready":
            return ""
        return self.heartbeat.reason or self.heartbeat.state

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._on_signal, number)
        self.work = asyncio.create_task(self._work(), name=self.service)
        beating = asyncio.create_task(self._beat(), name="heartbeat")
        try:
            done, _ = await asyncio.wait((self.work, beating), return_when=asyncio.FIRST_COMPLETED)
            if self.work.cancelled():
                return
            for task in done:
                task.result()
        finally:
            for task in (self.work, beating):
                task.cancel()
            await asyncio.gather(self.work, beating, return_exceptions=True)

    async def _work(self) -> None:
        self.heartbeat.update(reason=f"connecting to NATS at {without_credentials(self.url)}")
        settings = self.config.bus
        bus = await Bus.connect(
            self.url,
            self.config.run,
            self.name,
            patience_seconds=settings.patience_seconds,
            credentials=settings.credentials,
            replicas=settings.replicas,
        )
        try:
            await bus.declare(rollout_depth=self.config.rollout_depth)
            await self._run_service(bus)
        finally:
            await bus.close()

    async def _run_service(self, bus: Bus) -> None:
        options = self.options
        self.ctx = ctx = Context(
            config=self.config,
            name=self.name,
            service=self.service,
            worker=options.worker or 0,
            resume=options.resume,
            grpc_port=options.grpc_port,
            host=options.host,
            listening=self.listening,
            bus=bus,
            metrics=self.metrics,
            heartbeat=self.heartbeat,
            posts=self.posts,
            log=log,
        )
        self.metrics.info(
            f"ludus_{self.service}_info",
            run=self.config.run,
            name=self.name,
            version=_version(),
            game=self.config.game,
        )
        await ctx.look()
        ctx.not_ready("starting")
        await ctx.event("service_started", f"{self.name} started (pid {os.getpid()})", resume=options.resume)
        watching = asyncio.create_task(ctx.watch(), name="run-record")
        building = asyncio.ensure_future(self.build(ctx))
        ending = asyncio.create_task(self._limit_the_end(ctx), name="end")
        try:
            await asyncio.wait((watching, building), return_when=asyncio.FIRST_COMPLETED)
            if watching.done():
                watching.result()
            building.result()
        finally:
            for task in (watching, building, ending):
                task.cancel()
            await asyncio.gather(watching, building, ending, return_exceptions=True)
        await ctx.event("service_stopped", f"{self.name} is done")

    async def _limit_the_end(self, ctx: Context) -> None:
        await ctx.stopping.wait()
        await asyncio.sleep(FINISH_SECONDS)
        self._too_slow(FINISH_SECONDS)

    async def _beat(self) -> None:
        prefix = f"ludus_{self.service}"
        last = time.monotonic() - BEAT_SECONDS
        connections = 0
        while True:
            now = time.monotonic()
            late = max(0.0, now - last - BEAT_SECONDS)
            self.metrics.set(f"{prefix}_event_loop_lag_seconds", late)
            if late > STALLED_SECONDS:
                log.warning("the event loop stood still for %.0f s: stacks are in the black box", late)
            self.metrics.set(f"{prefix}_heartbeat_timestamp_seconds", time.time())
            last = now
            if self.ctx:
                self.heartbeat.update(grpc_port=self.ctx.grpc_port)
                self.metrics.inc(f"{prefix}_bus_connections_total", self.ctx.bus.link.generation - connections)
                connections = self.ctx.bus.link.generation
            self.heartbeat.beat()
            if self.box:
                self.box.beat(self.heartbeat.fields, self._rounds())
            await asyncio.sleep(BEAT_SECONDS)

    def _rounds(self) -> int:
        """Of the work; 0 before it begins and when it has to end: there are limits of their own for that."""
        return self.ctx.rounds if self.ctx and not self.ctx.stopping.is_set() else 0

    def _on_signal(self, number: int) -> None:
        self.signals += 1
        name = signal.Signals(number).name
        if self.signals > 1:
            log.warning("%s again: leaving at once", name)
            self._last_word(state="stopped", reason="", error=f"{name} twice: left without finishing")
            os._exit(1)
        log.info("%s: finishing what is in hand, %.0f s at most", name, DRAIN_SECONDS)
        self.heartbeat.update(state="stopping", reason=name)
        self.heartbeat.beat()
        loop = asyncio.get_running_loop()
        if self.ctx is None:
            self._cut_off()
        else:
            self.ctx.stopping.set()
            loop.call_later(DRAIN_SECONDS, self._too_slow, DRAIN_SECONDS)

    def _too_slow(self, seconds: float) -> None:
        self.cut_off_after = seconds
        log.warning("not done after %.0f s: cut off", seconds)
        self._cut_off()

    def _cut_off(self) -> None:
        if self.work:
            self.work.cancel()


def _version() -> str:
    # Looked up instead of imported: the package names `games`, which the kernel must not depend on.
    return str(sys.modules[__name__.partition(".")[0]].__version__)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    with suppress(ImportError):
        import uvloop

        factory: Any = uvloop.new_event_loop
        return factory  # type: ignore[no-any-return]
    return None
