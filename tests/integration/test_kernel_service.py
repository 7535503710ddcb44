"""The life of one service process: start, readiness, heartbeat, signals, failures, exit codes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ludus.api.v1.event_pb2 import Event
from ludus.api.v1.run_pb2 import (
    RUN_STATE_FINISHED,
    RUN_STATE_PAUSED,
    RUN_STATE_STOPPED,
    RUN_STATE_TRAINING,
    RunRecord,
)
from ludus.kernel.bus import Bus
from ludus.kernel.nats_server import NatsServer
from ludus.kernel.topology import EVENTS, RUN_BUCKET

#: A service whose behaviour is chosen by an environment variable.
PROGRAM = """
import asyncio, os, sys, time
from ludus.kernel.service import Context, Fatal, main

async def build(ctx: Context) -> None:
    mode = os.environ["MODE"]
    if mode == "fatal":
        raise Fatal("the checkpoint is from another game: remove it")
    if mode == "crash":
        raise RuntimeError("a bug")
    if mode == "slow":
        ctx.ready()
        await asyncio.sleep(60)
    if mode == "stuck":
        ctx.ready()
        await asyncio.to_thread(time.sleep, 60)
    ctx.not_ready("waiting for weights")
    await asyncio.sleep(0.3)
    ctx.ready()
    ctx.metrics.set("ludus_learner_kl", 0.25)
    ctx.beat(step=7, durable_step=5)
    ctx.grpc_port = 4711
    while not ctx.stopping.is_set():
        ctx.beat(paused=ctx.paused)
        await asyncio.sleep(0.05)
    record = await ctx.run_record()
    ctx.beat(drained=True, seen=record.state if record else None, finished=ctx.finished)
    await ctx.event("drained", "all in hand is done", step=7)

sys.exit(main("learner", build))
"""


class Tiny:
    """One process of the tiny service."""

    def __init__(self, folder: Path, server_url: str) -> None:
        self.folder = folder
        self.run = folder.name.replace("_", "-").lower()[:40].strip("-")
        self.url = server_url
        self.program = folder / "tiny.py"
        self.program.write_text(PROGRAM)
        self.config = folder / "config.json"
        self.config.write_text(json.dumps(self.tree()))
        self.log = folder / "log"
        self.process: subprocess.Popen[bytes] | None = None

    def tree(self) -> dict[str, Any]:
        phase = {
            "name": "self-play",
            "share": 1,
            "scripted_share": {"start": 1, "end": 1},
            "bots": [{"bots": ["ace"]}],
        }
        return {
            "game": "dogfight",
            "rules": "training",
            "run": self.run,
            "directory": str(self.folder / "run"),
            "decisions": 1000,
            "bus": {"patience_seconds": 5},
            "league": {"phases": [phase]},
        }

    def start(self, *arguments: str, mode: str = "normal") -> subprocess.Popen[bytes]:
        command = [sys.executable, str(self.program), "--config", str(self.config), "--nats-url", self.url, *arguments]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stderr=log, env={**os.environ, "MODE": mode})
        return self.process

    def heartbeat(self, name: str = "learner") -> dict[str, Any]:
        try:
            fields: dict[str, Any] = json.loads((self.folder / "run" / "services" / f"{name}.json").read_text())
        except FileNotFoundError:
            return {}
        return fields

    def until(self, condition: Callable[[], object], what: str, seconds: float = 15.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"{what}: not within {seconds} s\n{self.log.read_text()}"
            time.sleep(0.02)

    def until_state(self, state: str, name: str = "learner") -> dict[str, Any]:
        self.until(lambda: self.heartbeat(name).get("state") == state, f"state {state}")
        return self.heartbeat(name)

    def get(self, page: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.heartbeat()['http_port']}{page}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def wait(self, seconds: float = 15.0) -> int:
        assert self.process
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            pytest.fail(f"still running after {seconds} s\n{self.log.read_text()}")

    def kill(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def tiny(tmp_path: Path, nats_server: NatsServer) -> Iterator[Tiny]:
    if nats_server.pid() is None:
        nats_server.start()
    service = Tiny(tmp_path, nats_server.url)
    yield service
    service.kill()


@pytest.fixture
async def run_bus(tiny: Tiny) -> AsyncIterator[Bus]:
    made = await Bus.connect(tiny.url, tiny.run, "league")
    await made.declare()
    yield made
    await made.close()


async def write_state(bus: Bus, state: Any) -> None:
    await (await bus.bucket(RUN_BUCKET)).put("state", RunRecord(state=state).SerializeToString())


def test_readiness_metrics_and_heartbeat_follow_the_service(tiny: Tiny) -> None:
    process = tiny.start()
    tiny.until_state("waiting")
    assert tiny.get("/healthz") == (200, "ok\n")
    assert tiny.get("/readyz") == (503, "waiting for weights\n")
    assert tiny.get("/nonsense")[0] == 404
    beat = tiny.until_state("ready")
    assert tiny.get("/readyz") == (200, "ok\n")
    code, text = tiny.get("/metrics")
    assert code == 200
    assert "ludus_learner_kl 0.25" in text
    assert "ludus_learner_ready 1.0" in text
    assert f'run="{tiny.run}"' in text
    assert "ludus_league" not in text
    tiny.until(lambda: tiny.heartbeat().get("step") == 7, "progress in the heartbeat")
    beat = tiny.heartbeat()
    assert (beat["service"], beat["name"], beat["pid"], beat["run"]) == ("learner", "learner", process.pid, tiny.run)
    assert (beat["durable_step"], beat["grpc_port"]) == (5, 4711)
    first = beat["beat"]
    tiny.until(lambda: tiny.heartbeat()["beat"] > first, "the next beat", 3.0)
    assert abs(time.time() - tiny.heartbeat()["beat"]) < 3
    assert beat["started"] <= beat["beat"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_lets_the_service_finish_what_it_has_in_hand(tiny: Tiny, number: signal.Signals) -> None:
    process = tiny.start()
    tiny.until_state("ready")
    process.send_signal(number)
    assert tiny.wait() == 0
    beat = tiny.heartbeat()
    assert (beat["state"], beat["drained"], beat["exit_code"], beat["error"]) == ("stopped", True, 0, "")


def test_sigkill_leaves_the_last_heartbeat(tiny: Tiny) -> None:
    process = tiny.start()
    tiny.until_state("ready")
    tiny.until(lambda: tiny.heartbeat().get("step") == 7, "progress")
    process.kill()
    assert tiny.wait() == -signal.SIGKILL
    beat = tiny.heartbeat()
    assert (beat["pid"], beat["state"], beat["step"], beat["durable_step"]) == (process.pid, "ready", 7, 5)
    assert "exit_code" not in beat
    assert time.time() - beat["beat"] < 5
    tiny.start()
    tiny.until(lambda: tiny.heartbeat()["pid"] != process.pid, "the next process takes over the file")


def test_fatal_is_exit_code_2_with_the_message(tiny: Tiny) -> None:
    tiny.start(mode="fatal")
    assert tiny.wait() == 2
    beat = tiny.heartbeat()
    assert (beat["state"], beat["exit_code"]) == ("failed", 2)
    assert beat["error"] == "the checkpoint is from another game: remove it"
    assert "the checkpoint is from another game" in tiny.log.read_text()
    assert "Traceback" not in tiny.log.read_text()


def test_a_crash_is_exit_code_1_with_a_traceback(tiny: Tiny) -> None:
    tiny.start(mode="crash")
    assert tiny.wait() == 1
    beat = tiny.heartbeat()
    assert (beat["state"], beat["exit_code"], beat["error"]) == ("crashed", 1, "RuntimeError: a bug")
    lines = [json.loads(line) for line in tiny.log.read_text().splitlines()]
    (crash,) = [line for line in lines if "traceback" in line]
    assert "in build" in crash["traceback"]
    assert all({"time", "level", "name", "run", "message"} <= set(line) for line in lines)


@pytest.mark.parametrize("mode", ["slow", "stuck"])
def test_a_service_that_does_not_stop_is_cut_off(tiny: Tiny, mode: str) -> None:
    tiny.program.write_text(
        PROGRAM.replace("async def build", "from ludus.kernel import service\nservice.DRAIN_SECONDS = 1.0\n"
                        "service.EXIT_SECONDS = 1.0\n\nasync def build")
    )  # fmt: skip
    process = tiny.start(mode=mode)
    tiny.until_state("ready")
    started = time.monotonic()
    process.terminate()
    assert tiny.wait() == 0
    assert 0.9 < time.monotonic() - started < 6
    assert tiny.heartbeat()["error"] == "did not stop within 1 s and was cut off"


def test_a_second_signal_forces(tiny: Tiny) -> None:
    process = tiny.start(mode="slow")
    tiny.until_state("ready")
    process.terminate()
    tiny.until_state("stopping")
    started = time.monotonic()
    process.terminate()
    assert tiny.wait() == 1
    assert time.monotonic() - started < 2
    assert "SIGTERM twice" in tiny.heartbeat()["error"]


def test_a_taken_port_is_exit_code_2_with_what_to_do(tiny: Tiny) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        tiny.start("--http-port", str(port))
        assert tiny.wait() == 2
    error = tiny.heartbeat()["error"]
    assert f"127.0.0.1:{port}" in error
    assert "--http-port" in error


def test_an_absent_nats_server_is_named_and_the_service_may_be_restarted(tiny: Tiny) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        tiny.url = f"nats://127.0.0.1:{unused.getsockname()[1]}"
    tiny.config.write_text(json.dumps({**tiny.tree(), "bus": {"patience_seconds": 1}}))
    tiny.start()
    tiny.until(lambda: "connecting to NATS" in tiny.heartbeat().get("reason", ""), "what it waits for")
    assert tiny.wait() == 1
    assert f"no NATS server answers at {tiny.url}" in tiny.heartbeat()["error"]


def test_a_signal_while_waiting_for_nats_ends_at_once(tiny: Tiny) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        tiny.url = f"nats://127.0.0.1:{unused.getsockname()[1]}"
    process = tiny.start()
    tiny.until(lambda: "connecting to NATS" in tiny.heartbeat().get("reason", ""), "what it waits for")
    started = time.monotonic()
    process.terminate()
    assert tiny.wait() == 0
    assert time.monotonic() - started < 3


def test_a_preset_without_a_run_is_explained(tiny: Tiny) -> None:
    tree = tiny.tree()
    tree["run"] = ""
    tiny.config.write_text(json.dumps(tree))
    tiny.start()
    assert tiny.wait() == 2
    assert 'names no run: add `run = "NAME"`' in tiny.log.read_text()


def test_a_wrong_configuration_is_exit_code_2_in_one_line(tiny: Tiny) -> None:
    tiny.config.write_text(json.dumps({**tiny.tree(), "learner": {"clib": 1}}))
    tiny.start()
    assert tiny.wait() == 2
    (line,) = tiny.log.read_text().splitlines()
    assert line.startswith("ludus-learner: ")
    assert "Did you mean 'clip'?" in line


def test_a_folder_that_cannot_be_written_is_exit_code_2(tiny: Tiny) -> None:
    (tiny.folder / "run").write_text("a file where the folder should be")
    tiny.start()
    assert tiny.wait() == 2
    assert "cannot be written" in tiny.log.read_text()


def test_a_worker_has_a_name_of_its_own(tiny: Tiny) -> None:
    tiny.start("--worker", "3")
    assert tiny.until_state("ready", "learner-3")["name"] == "learner-3"


def test_help_is_fast_and_teaches(tiny: Tiny, cpu_seconds_of_children: Callable[[], float]) -> None:
    started = cpu_seconds_of_children()
    done = subprocess.run([sys.executable, str(tiny.program), "--help"], capture_output=True, text=True, check=True)
    assert cpu_seconds_of_children() - started < 1.5
    for word in ("--config FILE", "--http-port", "--nats-url", "--worker", "--resume", "Exit codes", "/metrics"):
        assert word in done.stdout


async def test_the_end_of_the_run_ends_the_service(tiny: Tiny, run_bus: Bus) -> None:
    await write_state(run_bus, RUN_STATE_TRAINING)
    tiny.start()
    await asyncio.to_thread(tiny.until_state, "ready")
    await write_state(run_bus, RUN_STATE_PAUSED)
    await asyncio.to_thread(tiny.until, lambda: tiny.heartbeat().get("paused") is True, "paused is seen", 4.0)
    await write_state(run_bus, RUN_STATE_TRAINING)
    await asyncio.to_thread(tiny.until, lambda: tiny.heartbeat().get("paused") is False, "resumed is seen", 4.0)
    await write_state(run_bus, RUN_STATE_FINISHED)
    assert await asyncio.to_thread(tiny.wait) == 0
    beat = tiny.heartbeat()
    assert (beat["state"], beat["finished"], beat["seen"]) == ("finished", True, RUN_STATE_FINISHED)
    kinds = [Event.FromString(r.data).kind for r in await run_bus.read(EVENTS, 1, 100, 1.0)]
    assert kinds == ["service_started", "drained", "service_stopped"]


async def test_a_service_that_does_not_end_with_its_run_is_cut_off(tiny: Tiny, run_bus: Bus) -> None:
    hurry = "from ludus.kernel import service\nservice.FINISH_SECONDS = 1.0\n\nasync def build"
    tiny.program.write_text(PROGRAM.replace("async def build", hurry))
    tiny.start(mode="slow")
    await asyncio.to_thread(tiny.until_state, "ready")
    await write_state(run_bus, RUN_STATE_FINISHED)
    assert await asyncio.to_thread(tiny.wait) == 0
    assert tiny.heartbeat()["error"] == "did not stop within 1 s and was cut off"


async def test_a_resumed_service_waits_for_the_league_to_go_on(tiny: Tiny, run_bus: Bus) -> None:
    await write_state(run_bus, RUN_STATE_STOPPED)
    tiny.start()
    assert await asyncio.to_thread(tiny.wait) == 0, "without --resume a stopped run stays stopped"
    tiny.start("--resume")
    await asyncio.to_thread(tiny.until_state, "ready")
    await write_state(run_bus, RUN_STATE_TRAINING)
    await asyncio.sleep(1.2)
    assert tiny.process
    assert tiny.process.poll() is None
    await write_state(run_bus, RUN_STATE_STOPPED)
    assert await asyncio.to_thread(tiny.wait) == 0
    assert tiny.heartbeat()["finished"] is True


async def test_a_service_outlives_a_kill_of_nats(tiny: Tiny, run_bus: Bus, nats_server: NatsServer) -> None:
    tiny.start()
    await asyncio.to_thread(tiny.until_state, "ready")
    nats_server.kill9()
    await asyncio.sleep(0.5)
    nats_server.start()
    await write_state(run_bus, RUN_STATE_FINISHED)
    assert await asyncio.to_thread(tiny.wait) == 0
    assert tiny.heartbeat()["finished"] is True
