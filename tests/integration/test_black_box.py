"""What a process leaves behind when it is killed, crashes, or hangs: real processes, real signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from ludus.app.cli import run as cli
from ludus.app.home import Home, RunFolder, append_row, read_rows, write_json
from ludus.app.processes import Identity
from ludus.kernel.nats_server import NatsServer

#: A learner whose trouble is chosen by an environment variable. What is 30 s in production is 1 s here.
PROGRAM = """
import asyncio, ctypes, os, time
from ludus.kernel import blackbox, service
from ludus.kernel.service import Context, main

blackbox.STALLED_SECONDS = 1.5
blackbox.WRITE_SECONDS = 0.5

def crunch() -> None:
    time.sleep(60)

async def build(ctx: Context) -> None:
    ctx.ready()
    ctx.beat(step=7, durable_step=5, decisions=100)
    ctx.metrics.set("ludus_learner_kl", 0.25)
    ctx.metrics.set("ludus_learner_entropy", float("nan"))
    await ctx.event("checkpointed", "step 5 is durable", step=5)
    await asyncio.sleep(1.3)
    match os.environ["MODE"]:
        case "crash":
            raise RuntimeError("the matrix is singular")
        case "loop":
            time.sleep(4)
        case "thread":
            ctx.round()
            await asyncio.to_thread(crunch)
        case "rest":
            ctx.round()
            ctx.rest()
            ctx.beat(resting=True)
            await asyncio.sleep(60)
        case "segfault":
            ctypes.string_at(0)
    while not ctx.stopping.is_set():
        ctx.round()
        await asyncio.sleep(0.1)

raise SystemExit(main("learner", build))
"""

Start = Callable[[str], subprocess.Popen[bytes]]


def until(what: str, condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.02)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A folder of a run with one learner that is started by hand."""
    folder = Home(tmp_path / "home").run("boxed")
    phase = {"name": "self-play", "share": 1, "scripted_share": {"start": 1, "end": 1}, "bots": [{"bots": ["ace"]}]}
    (folder.path / "logs").mkdir(parents=True)
    write_json(
        folder.config_file,
        {
            "game": "dogfight", "rules": "training", "run": "boxed", "directory": str(folder.path), "decisions": 1000,
            "bus": {"url": "nats://somebody:secret@127.0.0.1:9"}, "league": {"phases": [phase]},
        },
    )  # fmt: skip
    return folder


@pytest.fixture
def start(run: RunFolder, tmp_path: Path, nats_server: NatsServer) -> Iterator[Start]:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    started = []

    def go(mode: str) -> subprocess.Popen[bytes]:
        argv = [sys.executable, str(program), "--config", str(run.config_file), "--nats-url", nats_server.url]
        with run.log_file("learner").open("ab") as log:
            process = subprocess.Popen(argv, stderr=log, env={**os.environ, "MODE": mode})
        started.append(process)
        identity = Identity.of(process.pid)
        assert identity
        write_json(run.process_file("learner"), {"service": "learner", **identity.as_json()})
        return process

    yield go
    for process in started:
        process.kill()
        process.wait()


def box(run: RunFolder, process: subprocess.Popen[bytes]) -> Path:
    return run.path / "blackbox" / "learner" / str(process.pid)


def last(run: RunFolder, process: subprocess.Popen[bytes]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((box(run, process) / "last.json").read_text())
    return found


def stacks(run: RunFolder, process: subprocess.Popen[bytes]) -> str:
    path = box(run, process) / "stacks.txt"
    return path.read_text() if path.exists() else ""


def test_kill_9_leaves_records_numbers_and_the_durable_step(run: RunFolder, start: Start) -> None:
    process = start("idle")
    until("a box", lambda: (box(run, process) / "last.json").exists())
    process.kill()
    process.wait()
    left = last(run, process)
    assert (left["heartbeat"]["step"], left["heartbeat"]["durable_step"]) == (7, 5)
    assert left["metrics"]["ludus_learner_kl"] == 0.25
    assert left["metrics"]["ludus_learner_entropy"] == "nan"
    (event,) = [row for row in left["records"] if row["message"].startswith("checkpointed")]
    assert event["detail"] == {"step": 5}
    assert left["exception"] == ""


def test_an_exception_is_kept_with_its_stack(run: RunFolder, start: Start) -> None:
    process = start("crash")
    assert process.wait(60) == 1
    left = last(run, process)
    assert "in build" in left["exception"]
    assert left["exception"].rstrip().endswith("RuntimeError: the matrix is singular")
    assert left["heartbeat"]["exit_code"] == 1


def test_a_crash_of_the_interpreter_leaves_its_stack(run: RunFolder, start: Start) -> None:
    process = start("segfault")
    assert process.wait(60) == -signal.SIGSEGV
    assert "Segmentation fault" in stacks(run, process)
    assert "in build" in stacks(run, process)


def test_a_loop_that_stands_still_dumps_its_stacks_once(run: RunFolder, start: Start) -> None:
    process = start("loop")
    until("the dump", lambda: "in build" in stacks(run, process))
    assert stacks(run, process).count("in build") == 1
    until("the loop going on", lambda: time.time() - run.heartbeat("learner")["beat"] < 0.5)


def test_a_thread_that_hangs_is_seen_by_the_work_that_stands_still(run: RunFolder, start: Start) -> None:
    process = start("thread")
    until("the dump", lambda: "in crunch" in stacks(run, process))
    assert "no progress for" in stacks(run, process)
    assert "step 7" in stacks(run, process)
    time.sleep(1.5)
    assert stacks(run, process).count("no progress for") == 1


def test_a_learner_that_rests_while_another_has_its_turn_does_not_hang(run: RunFolder, start: Start) -> None:
    process = start("rest")
    until("its rest", lambda: run.heartbeat("learner").get("resting"))
    time.sleep(3)
    assert "no progress for" not in stacks(run, process)


def test_sigusr1_shows_where_a_process_is(run: RunFolder, start: Start) -> None:
    process = start("idle")
    until("a box", lambda: (box(run, process) / "last.json").exists())
    process.send_signal(signal.SIGUSR1)
    until("the dump", lambda: "Current thread" in stacks(run, process))
    assert process.poll() is None


def test_only_the_boxes_of_the_last_processes_are_kept(run: RunFolder, start: Start) -> None:
    for k in range(8):
        folder = run.path / "blackbox" / "learner" / str(10_000_000 + k)
        folder.mkdir(parents=True)
        os.utime(folder, (k, k))
    process = start("idle")
    until("a box", lambda: (box(run, process) / "last.json").exists())
    kept = {path.name for path in (run.path / "blackbox" / "learner").iterdir()}
    assert kept == {str(process.pid), *(str(10_000_000 + k) for k in range(4, 8))}


def test_the_post_mortem_tells_of_the_crash_and_packs_everything(
    run: RunFolder, start: Start, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    process = start("crash")
    process.wait(60)
    append_row(run.deaths_file, {
        "time": time.time(), "service": "learner", "pid": process.pid, "cause": "exit code 1: the matrix is singular",
        "heartbeat_age_seconds": 0.2, "step": 7, "durable_step": 5, "restarted": True,
    })  # fmt: skip
    packed = tmp_path / "post.tar.gz"
    assert cli(["--home", str(run.path.parents[1]), "postmortem", "boxed", "--output", str(packed)]) == 0
    text = capsys.readouterr().out
    for wanted in ("exit code 1: the matrix is singular", "in build", "checkpointed", f"process {process.pid}"):
        assert wanted in text
    with tarfile.open(packed) as tar:
        names = {name.removeprefix("boxed-postmortem/") for name in tar.getnames()}
        config = tar.extractfile("boxed-postmortem/config.json")
        assert config
        assert "secret" not in config.read().decode()
    wanted_files = {"postmortem.md", "config.json", "deaths.jsonl", "logs/learner.log", "services/learner.json"}
    assert wanted_files | {f"blackbox/learner/{process.pid}/last.json"} <= names


def test_a_stopped_process_is_described_from_outside(
    run: RunFolder, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ludus.app import hangs
    from ludus.app.child import Child, ChildSpec

    monkeypatch.setattr(hangs, "STALLED_SECONDS", 1.5)
    process = start("idle")
    until("a box", lambda: (box(run, process) / "last.json").exists())
    spec = ChildSpec("learner", lambda resume: [], run.process_file("learner"), run.log_file("learner"), {}, run.path)
    child = Child(spec)
    child.adopt({})
    watch = hangs.HangWatch(run)
    process.send_signal(signal.SIGSTOP)
    until("its being stopped", lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED)
    monkeypatch.setattr(hangs, "LOOK_SECONDS", 0.0)

    def told() -> list[dict[str, Any]]:
        watch.look([child])
        return read_rows(run.hangs_file)

    until("the row", told)
    time.sleep(0.3)
    (row,) = told()
    assert (row["service"], row["pid"], row["state"], row["step"]) == ("learner", process.pid, "stopped", 7)
    assert row["memory_bytes"] > 1_000_000
    assert any("signal" in place or "stop" in place or "running" in place for place in row["waits_in"])
    beat = run.heartbeat("learner")["beat"]
    process.send_signal(signal.SIGCONT)
    until("its going on", lambda: run.heartbeat("learner")["beat"] > beat)
