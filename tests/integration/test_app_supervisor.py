"""The supervisor with real processes: it restarts what dies, says why, and can itself be killed.

The services are small stand-ins (a heartbeat, an exit on demand), so that each test takes a second or two; the
real ones are killed in tests/e2e.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ludus.app import keeper
from ludus.app.child import find_strays
from ludus.app.cli import run as cli
from ludus.app.deaths import MemoryKills
from ludus.app.home import Home, RunFolder, read_json, read_rows, write_json
from ludus.app.processes import Identity
from ludus.app.stack import down
from ludus.kernel.nats_server import NatsServer

SERVICES = ["league", "learner", "simulator-0", "simulator-1", "evaluator"]

STAND_IN = """
import json, os, signal, sys, time
folder, name, url, *rest = sys.argv[1:]
if os.path.exists(f"{folder}/do/{name}.stubborn"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
step = 0
def beat(**fields):
    kept = {"pid": os.getpid(), "beat": time.time(), "state": "ready", "step": step, "durable_step": step // 2,
            **fields, "url": url, "rest": rest, "threads": os.environ["OMP_NUM_THREADS"],
            "overrides": [key for key in os.environ if key.startswith("LUDUS__")]}
    with open(f"{folder}/services/.{name}", "w") as file:
        json.dump(kept, file)
    os.replace(f"{folder}/services/.{name}", f"{folder}/services/{name}.json")
while True:
    step += 2
    beat()
    order = f"{folder}/do/{name}"
    if os.path.exists(f"{order}.grow"):
        os.remove(f"{order}.grow")
        hoard = bytearray(400_000_000)
    if os.path.exists(order):
        code = int(open(order).read())
        if not os.path.exists(order + ".always"):
            os.remove(order)
        beat(error="the stand-in was told to fail" if code else "", exit_code=code)
        sys.exit(code)
    time.sleep(0.05)
"""

DAEMON = """
import logging, sys
from pathlib import Path
from ludus.app.daemon import serve
from ludus.app.cli import run as cli
from ludus.app.home import Home
from ludus.kernel.nats_server import find
logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
home, stand_in = Path(sys.argv[1]), sys.argv[2]
def argv(run, name, resume, url):
    return [sys.executable, "-S", stand_in, str(run.path), name, url, *(["--resume"] if resume else [])]
sys.exit(serve(Home(home), find, argv))
"""


def wait_for(what: str, condition: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.02)


@dataclass
class Stack:
    """A home with a run of stand-ins, and supervisors on it."""

    home: Home
    scripts: Path
    daemons: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def make_run(self, name: str = "one", bus_url: str = "nats://127.0.0.1:9") -> RunFolder:
        """A run that brings its own (here absent) bus, so that no nats-server is needed."""
        run = self.home.run(name)
        for folder in ("services", "logs", "do"):
            (run.path / folder).mkdir(parents=True)
        threads = {"simulator": {"workers": 2, "threads": 1}, "learner": {"threads": 2}}
        write_json(run.config_file, {"game": "none", "bus": {"url": bus_url}, **threads})
        run.want("running")
        return run

    def supervise(self) -> subprocess.Popen[bytes]:
        self.home.root.mkdir(parents=True, exist_ok=True)
        with (self.home.root / "daemon.log").open("ab") as log:
            argv = [
                sys.executable,
                str(self.scripts / "daemon.py"),
                str(self.home.root),
                str(self.scripts / "stand_in.py"),
            ]
            environment = {**os.environ, "LUDUS__LEARNER__CLIP": "0.9"}
            process = subprocess.Popen(argv, stderr=log, stdout=log, env=environment, start_new_session=True)
        self.daemons.append(process)
        wait_for("the supervisor", lambda: read_json(self.home.stack_file).get("pid") == process.pid)
        return process

    def order(self, run: RunFolder, service: str, code: int) -> None:
        """Tell a stand-in to end with this exit code."""
        (run.path / "do" / service).write_text(str(code))

    def marked(self) -> dict[str, Identity]:
        """Every process of this home, whoever is responsible for it."""
        return {mark: one for mark, one in find_strays().items() if mark.startswith(str(self.home.root))}


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    (tmp_path / "stand_in.py").write_text(STAND_IN)
    (tmp_path / "daemon.py").write_text(DAEMON)
    made = Stack(Home(tmp_path / "home"), tmp_path)
    yield made
    for process in made.daemons:
        if process.poll() is None:
            process.kill()
        process.wait()
    for identity in made.marked().values():
        identity.kill_session()


def pid_of(run: RunFolder, service: str) -> int:
    """Of a live stand-in that has beaten; 0 while there is none."""
    pid = int(run.heartbeat(service).get("pid", 0))
    return pid if pid and Identity.of(pid) else 0


def pids(run: RunFolder) -> dict[str, int]:
    return {service: pid_of(run, service) for service in SERVICES}


def all_alive(run: RunFolder) -> bool:
    return all(pids(run).values())


def test_every_service_is_started_detached_with_its_threads(stack: Stack) -> None:
    run = stack.make_run()
    daemon = stack.supervise()
    wait_for("all services", lambda: all_alive(run))
    beats = {service: run.heartbeat(service) for service in SERVICES}
    assert {service: beat["threads"] for service, beat in beats.items()} == {
        "league": "1", "learner": "2", "simulator-0": "1", "simulator-1": "1", "evaluator": "1",
    }  # fmt: skip
    assert all(beat["url"] == "nats://127.0.0.1:9" and beat["rest"] == [] for beat in beats.values())
    assert all(beat["overrides"] == [] for beat in beats.values()), "config.json already holds what was overridden"
    sessions = {os.getsid(beat["pid"]) for beat in beats.values()}
    assert len(sessions) == len(SERVICES)
    assert os.getsid(daemon.pid) not in sessions


def test_kill_9_is_restarted_and_written_down(stack: Stack) -> None:
    run = stack.make_run()
    stack.supervise()
    wait_for("all services", lambda: all_alive(run))
    before = pids(run)
    for victim in ("learner", "simulator-1"):
        os.kill(before[victim], signal.SIGKILL)
    for victim in ("learner", "simulator-1"):
        wait_for(f"{victim} again", lambda victim=victim: pid_of(run, victim) not in (0, before[victim]))
    after = pids(run)
    untouched = ("league", "simulator-0", "evaluator")
    assert [after[name] for name in untouched] == [before[name] for name in untouched]
    deaths = {row["service"]: row for row in read_rows(run.deaths_file)}
    assert set(deaths) == {"learner", "simulator-1"}
    row = deaths["learner"]
    assert row["cause"].startswith("killed by SIGKILL")
    assert row["pid"] == before["learner"]
    assert row["restarted"] is True
    assert row["step"] >= 2
    assert row["durable_step"] == row["step"] // 2
    assert 0 <= row["heartbeat_age_seconds"] < 5
    assert abs(row["time"] - time.time()) < 10
    assert read_json(run.process_file("learner"))["restarts"] == 1


@contextmanager
def memory_limit(limit_bytes: int) -> Iterator[Path]:
    """A control group of the kernel's; skips where this process may not make one."""
    for root, name in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")):
        group = Path(root) / f"ludus-test-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            if (group / name).exists():
                (group / name).write_text(str(limit_bytes))
                yield group
                return
        finally:
            wait_for("the group to be empty", lambda group=group: not (group / "cgroup.procs").read_text().strip())
            group.rmdir()
    pytest.skip("no control group for memory can be made here (it takes root)")


def test_a_kill_for_memory_is_called_that(stack: Stack) -> None:
    run = stack.make_run()
    with memory_limit(100_000_000) as group:
        stack.supervise()
        wait_for("all services", lambda: all_alive(run))
        victim = pid_of(run, "learner")
        (group / "cgroup.procs").write_text(str(victim))
        (run.path / "do" / "learner.grow").touch()
        wait_for("the death", lambda: read_rows(run.deaths_file))
        (row,) = read_rows(run.deaths_file)
        assert (row["service"], row["pid"]) == ("learner", victim)
        assert row["cause"] == "killed by SIGKILL (the machine ran out of memory at that time)"


def test_a_crash_loop_is_slowed_down_and_carries_its_error(stack: Stack) -> None:
    run = stack.make_run()
    (run.path / "do" / "league.always").touch()
    stack.order(run, "league", 1)
    stack.supervise()
    wait_for("four deaths", lambda: len(read_rows(run.deaths_file)) >= 4)
    rows = read_rows(run.deaths_file)[:4]
    assert {row["cause"] for row in rows} == {"exit code 1: the stand-in was told to fail"}
    gaps = [later["time"] - earlier["time"] for earlier, later in pairwise(rows)]
    assert gaps[0] >= 0.2
    assert gaps[1] >= 0.4
    assert gaps[2] >= 0.8


def test_exit_code_2_fails_the_run_and_ends_the_others(stack: Stack) -> None:
    run = stack.make_run()
    stack.supervise()
    wait_for("all services", lambda: all_alive(run))
    stack.order(run, "learner", 2)
    wait_for("the end of all", lambda: not stack.marked())
    assert run.outcome() == {"state": "failed", "reason": "learner: the stand-in was told to fail"}
    (row,) = read_rows(run.deaths_file)
    assert (row["service"], row["restarted"]) == ("learner", False)
    time.sleep(0.6)
    assert not stack.marked(), "a failed run stays down"

    run.want("stopped")
    run.outcome_file.unlink()
    run.want("running")
    wait_for("all services again", lambda: all_alive(run))
    assert all(run.heartbeat(service)["rest"] == ["--resume"] for service in SERVICES)


def test_leaving_in_peace_is_the_end_only_when_the_run_is_over(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    run = stack.make_run()
    stack.supervise()
    wait_for("all services", lambda: all_alive(run))
    first = pid_of(run, "simulator-0")
    os.kill(first, signal.SIGTERM)
    wait_for("the simulator again", lambda: pid_of(run, "simulator-0") not in (0, first))
    (row,) = read_rows(run.deaths_file)
    assert row["cause"] == "exit code 0 while the run went on"

    write_json(run.outcome_file, {"state": "FINISHED", "reason": ""})
    evaluator = pid_of(run, "evaluator")
    os.kill(evaluator, signal.SIGKILL)
    wait_for("the evaluator again: its report may be missing", lambda: pid_of(run, "evaluator") not in (0, evaluator))
    for service in SERVICES:
        stack.order(run, service, 0)
    wait_for("the end of all", lambda: not stack.marked())
    time.sleep(0.6)
    assert not stack.marked(), "who left after the end is not started again"


def test_stop_ends_a_run_and_leaves_the_other(stack: Stack) -> None:
    one, two = stack.make_run("one"), stack.make_run("two")
    stack.supervise()
    wait_for("both runs", lambda: all_alive(one) and all_alive(two))
    kept = pids(two)
    one.want("stopped")
    wait_for("the end of one", lambda: not any(pids(one).values()))
    assert pids(two) == kept
    assert not read_rows(one.deaths_file), "who was asked to end has not died"
    one.want("running")
    wait_for("one again", lambda: all_alive(one))
    assert one.heartbeat("league")["rest"] == ["--resume"]


def test_the_supervisor_may_be_killed(stack: Stack) -> None:
    run = stack.make_run()
    first = stack.supervise()
    wait_for("all services", lambda: all_alive(run))
    before = pids(run)
    first.kill()
    first.wait()
    # One dies unseen; one loses its process file, as if the supervisor had been killed while starting it.
    os.kill(before["evaluator"], signal.SIGKILL)
    run.process_file("league").unlink()
    time.sleep(0.3)
    assert pid_of(run, "learner") == before["learner"], "services go on without a supervisor"

    second = stack.supervise()
    wait_for("the evaluator again", lambda: pid_of(run, "evaluator") not in (0, before["evaluator"]))
    time.sleep(0.5)
    adopted = ("league", "learner", "simulator-0", "simulator-1")
    assert [pid_of(run, name) for name in adopted] == [before[name] for name in adopted]
    assert len(stack.marked()) == len(SERVICES), "nothing runs twice"
    (unseen,) = read_rows(run.deaths_file)
    assert unseen["service"] == "evaluator"
    assert "not seen" in unseen["cause"]
    (own,) = read_rows(stack.home.deaths_file)
    assert (own["service"], own["pid"]) == ("supervisor", first.pid)

    os.kill(before["learner"], signal.SIGKILL)
    wait_for("the adopted learner again", lambda: pid_of(run, "learner") not in (0, before["learner"]))
    second.terminate()
    assert second.wait(20) == 0
    assert not stack.marked(), "no orphan after a proper end"
    assert read_json(stack.home.stack_file)["state"] == "down"
    assert run.wanted, "the run goes on with the next supervisor"


def test_down_ends_what_a_killed_supervisor_left(stack: Stack) -> None:
    run = stack.make_run()
    first = stack.supervise()
    wait_for("all services", lambda: all_alive(run))
    first.kill()
    first.wait()
    assert down(stack.home) is True
    assert not stack.marked()
    assert down(stack.home) is False


def test_a_stubborn_service_is_killed_in_the_end(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "STOP_SECONDS", 0.5)
    run = stack.make_run()
    (run.path / "do" / "learner.stubborn").touch()
    stand_in = str(stack.scripts / "stand_in.py")
    one = keeper.RunKeeper(
        run,
        lambda run, name, resume: [sys.executable, "-S", stand_in, str(run.path), name, ""],
        lambda run, name: {"OMP_NUM_THREADS": "1"},
        MemoryKills(),
    )

    def until(condition: Callable[[], object], seconds: float) -> float:
        began = time.monotonic()
        while not condition():
            one.tick(may_start=True)
            assert time.monotonic() - began < seconds
            time.sleep(0.02)
        return time.monotonic() - began

    until(lambda: all_alive(run), 10)
    run.want("stopped")
    assert until(lambda: sum(child.alive for child in one.children) == 1, 5) < 0.5
    assert until(lambda: not one.alive, 5) > 0.4
    assert not stack.marked()


def test_one_supervisor_per_home(stack: Stack) -> None:
    run = stack.make_run()
    first = stack.supervise()
    wait_for("all services", lambda: all_alive(run))
    script = [str(stack.scripts / "daemon.py"), str(stack.home.root), str(stack.scripts / "stand_in.py")]
    second = subprocess.run([sys.executable, *script], capture_output=True, text=True, timeout=20, check=False)
    assert second.returncode == 0
    assert "supervised by another process" in second.stderr
    assert first.poll() is None
    assert len(stack.marked()) == len(SERVICES)


def test_a_hangup_changes_nothing(stack: Stack) -> None:
    run = stack.make_run()
    daemon = stack.supervise()
    wait_for("all services", lambda: all_alive(run))
    before = pids(run)
    daemon.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    assert daemon.poll() is None
    assert pids(run) == before


def test_nats_server_comes_back_on_its_port_with_its_store(stack: Stack, nats_binary: Path) -> None:
    run = stack.make_run(bus_url="")
    stack.supervise()
    wait_for("the bus and the services", lambda: stack_of(stack)["nats_ready"] and all_alive(run))
    before = stack_of(stack)
    assert run.heartbeat("learner")["url"] == before["nats_url"]
    services = pids(run)
    os.kill(before["nats_pid"], signal.SIGKILL)
    wait_for("the bus again", lambda: stack_of(stack)["nats_pid"] not in (None, before["nats_pid"]))
    wait_for("it to answer", lambda: stack_of(stack)["nats_ready"])
    after = stack_of(stack)
    assert after["nats_url"] == before["nats_url"]
    assert after["nats_restarts"] == 1
    assert pids(run) == services, "services ride through it"
    (row,) = read_rows(stack.home.deaths_file)
    assert (row["service"], row["pid"], row["restarted"]) == ("nats-server", before["nats_pid"], True)
    assert row["cause"].startswith("killed by SIGKILL")
    assert (stack.home.nats_folder / "jetstream").is_dir()
    assert down(stack.home) is True
    assert Identity.of(after["nats_pid"]) is None


def test_a_run_with_a_bus_of_its_own_needs_no_other(stack: Stack, nats_server: NatsServer) -> None:
    if nats_server.pid() is None:
        nats_server.start()
    run = stack.make_run(bus_url=nats_server.url)
    stack.supervise()
    wait_for("all services", lambda: all_alive(run))
    assert run.heartbeat("learner")["url"] == nats_server.url
    assert stack_of(stack)["nats_pid"] is None
    assert cli(["--home", str(stack.home.root), "up", "--nats-url", nats_server.url]) == 2, "own bus or none so far"
    assert down(stack.home) is True
    assert nats_server.pid() is not None, "somebody else's server is left alone"
    assert cli(["--home", str(stack.home.root), "up", "--nats-url", nats_server.url]) == 0
    assert stack_of(stack)["nats_url"] == nats_server.url
    assert stack_of(stack)["nats_pid"] is None
    assert down(stack.home) is True


def test_a_nats_server_that_cannot_work_says_why(stack: Stack, nats_binary: Path) -> None:
    stack.home.nats_folder.mkdir(parents=True)
    (stack.home.nats_folder / "jetstream").write_text("this should be a folder")
    stack.make_run(bus_url="")
    stack.supervise()
    wait_for("the reason", lambda: stack_of(stack).get("error"))
    assert "ends at once" in stack_of(stack)["error"]
    cause = read_rows(stack.home.deaths_file)[0]["cause"]
    assert cause.startswith("exit code 1: ")
    assert "jetstream" in cause.lower()


def stack_of(stack: Stack) -> dict[str, Any]:
    found = read_json(stack.home.stack_file)
    return {"nats_ready": False, "nats_pid": None, **found}


def test_deaths_are_whole_lines(stack: Stack) -> None:
    run = stack.make_run()
    stack.supervise()
    wait_for("all services", lambda: all_alive(run))
    for _ in range(3):
        victims = pids(run)
        for pid in victims.values():
            os.kill(pid, signal.SIGKILL)
        wait_for("all again", lambda victims=victims: all(pid_of(run, n) not in (0, victims[n]) for n in SERVICES))
    lines = run.deaths_file.read_text().splitlines()
    assert len(lines) == 3 * len(SERVICES)
    assert all(json.loads(text)["restarted"] for text in lines)
