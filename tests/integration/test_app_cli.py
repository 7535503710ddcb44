"""Bad input: one clear line saying what was expected, exit code 2, and nothing made."""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ludus.app import checks, create
from ludus.app.cli import run
from ludus.app.errors import CommandError
from ludus.app.home import Home, read_json, write_json

LUDUS = [sys.executable, "-m", "ludus.app.cli"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nats_binary: Path) -> Home:
    """A home that does not exist yet."""
    made = Home(tmp_path / "home")
    monkeypatch.setenv("LUDUS_HOME", str(made.root))
    monkeypatch.setenv("NATS_SERVER", str(nats_binary))
    return made


def refused(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """The one line said when the command was refused with exit code 2."""
    try:
        code = run(argv)
    except SystemExit as left:
        code = int(left.code or 0)
    said = capsys.readouterr()
    assert code == 2, said.out + said.err
    assert said.out == ""
    assert said.err.startswith("ludus")
    assert said.err.count("\n") == 1
    return said.err


BAD_INPUT = {
    "game": (["train", "dogfihgt"], ["unknown game 'dogfihgt'", "'dogfight'", "Did you mean"]),
    "preset": (["train", "dogfight", "--preset", "quik"], ["unknown preset", "'default'", "Did you mean 'quick'?"]),
    "rules": (["train", "dogfight", "--set", "rules=trainig"], ["unknown rule set", "'training'"]),
    "section": (["train", "dogfight", "--set", "lerner.clip=0.1"], ["unknown key 'lerner'", "Did you mean 'learner'?"]),
    "key": (["train", "dogfight", "--set", "learner.clipp=0.1"], ["unknown key 'learner.clipp'", "'clip'"]),
    "value": (["train", "dogfight", "--set", "learner.clip=-1"], ["learner.clip", "greater than 0", "-1"]),
    "type": (["train", "dogfight", "--set", "learner.epochs=many"], ["learner.epochs", "integer", "'many'"]),
    "assignment": (["train", "dogfight", "--set", "learner.clip"], ["KEY=VALUE", "'learner.clip'"]),
    "reserved": (["train", "dogfight", "--set", "run=x"], ["--run"]),
    "observation": (
        ["train", "dogfight", "--set", "game_parameters.observation=egocentirc"],
        ["unknown observation", "'egocentric'", "'original'"],
    ),
    "parameter": (
        ["train", "dogfight", "--set", "game_parameters.bot_period=3"], ["unknown parameter", "'bot_period_ticks'"],
    ),
    "parameter value": (
        ["train", "dogfight", "--set", "game_parameters.bot_period_ticks=0"], ["bot_period_ticks", "whole number"],
    ),
    "device": (["train", "dogfight", "--set", "learner.device=tpu"], ["learner.device", "'cpu' or 'cuda'", "'tpu'"]),
    "decisions": (["train", "dogfight", "--decisions", "0"], ["decisions", "greater than or equal to 1"]),
    "number": (["train", "dogfight", "--seed", "one"], ["--seed", "'one'"]),
    "run name": (["train", "dogfight", "--run", "Duel One"], ["'Duel One'", "a-z, 0-9 and '-'"]),
    "config file": (["train", "dogfight", "--config", "/nowhere.toml"], ["/nowhere.toml", "No such file"]),
    "both": (["train", "dogfight", "--config", "x.toml", "--preset", "quick"], ["--preset and --config"]),
    "url": (["train", "dogfight", "--nats-url", "http://x"], ["'http://x'", "nats://HOST:PORT"]),
    "no server": (
        ["train", "dogfight", "--nats-url", "nats://127.0.0.1:1"], ["no NATS server answers", "2.12.3", "JetStream"],
    ),
    "url and port": (["up", "--nats-url", "nats://127.0.0.1:1", "--nats-port", "4222"], ["exclude each other"]),
    "command": (["trian", "dogfight"], ["'trian'", "train"]),
    "option": (["train", "dogfight", "--sed", "1"], ["--sed"]),
    "no command": ([], ["COMMAND"]),
    "run": (["attach", "duel"], ["unknown run 'duel'", "there is none yet"]),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input(case: str, home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    argv, expected = BAD_INPUT[case]
    message = refused(capsys, *argv)
    for part in expected:
        assert part in message
    assert not home.root.exists()


def test_unknown_bot_in_a_phase(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "dogfight"]) == 0
    config = json.loads(capsys.readouterr().out)
    config["league"]["phases"][1]["bots"][0]["bots"] = ["acee"]
    (tmp_path / "bots.json").write_text(json.dumps(config))
    message = refused(capsys, "train", "dogfight", "--config", str(tmp_path / "bots.json"))
    assert "unknown bot" in message
    assert "'brawler'" in message
    assert "Did you mean 'ace'?" in message
    assert "'transition'" in message
    assert not home.root.exists()


def test_a_configuration_of_another_game(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "dogfight"]) == 0
    config = json.loads(capsys.readouterr().out) | {"game": "chess"}
    (tmp_path / "chess.json").write_text(json.dumps(config))
    message = refused(capsys, "train", "dogfight", "--config", str(tmp_path / "chess.json"))
    assert "'chess'" in message
    assert not home.root.exists()


@pytest.mark.parametrize("answer", ["nats-server: v2.9.10", "hello"])
def test_a_server_binary_that_is_too_old_or_none(
    answer: str, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    binary = tmp_path / "nats-server"
    binary.write_text(f"#!/bin/sh\necho '{answer}'\n")
    binary.chmod(0o755)
    monkeypatch.setenv("NATS_SERVER", str(binary))
    for argv in (["train", "dogfight"], ["up"]):
        message = refused(capsys, *argv)
        assert str(binary) in message
        assert "make tools" in message
        assert ("2.12.3" in message) == ("2.9.10" in answer)
    assert not home.root.exists()


def test_a_server_binary_that_is_missing(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NATS_SERVER", "/nowhere/nats-server")
    message = refused(capsys, "train", "dogfight")
    assert "/nowhere/nats-server" in message
    assert "make tools" in message
    assert not home.root.exists()


@contextmanager
def greeting(text: str) -> Iterator[str]:
    """Something that listens and says one line to whoever connects; the URL."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.sendall(text.encode())

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"nats://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('INFO {"version": "2.9.10", "jetstream": true, "max_payload": 8388608}\r\n', "too old"),
        ('INFO {"version": "2.15.0", "max_payload": 8388608}\r\n', "without JetStream"),
        ('INFO {"version": "2.15.0", "jetstream": true, "max_payload": 1048576}\r\n', "1048576"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "not a NATS server"),
    ],
)
def test_an_unsuitable_server_at_a_url(
    text: str, expected: str, home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    with greeting(text) as url:
        assert expected in refused(capsys, "train", "dogfight", "--nats-url", url)
        assert expected in refused(capsys, "up", "--nats-url", url)
    assert not home.root.exists()


def test_a_port_that_is_taken(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        for argv in (["up", "--nats-port", port], ["train", "dogfight", "--nats-port", port]):
            message = refused(capsys, *argv)
            assert f"port {port} is taken" in message
            assert "--nats-port" in message
    assert not home.root.exists()


def test_a_disk_without_room(home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(checks, "NEEDED_BYTES", 10**18)
    for argv in (["train", "dogfight"], ["up"]):
        message = refused(capsys, *argv)
        assert "MB are free" in message
        assert "--home" in message
    assert not home.root.exists()


def test_a_run_name_that_is_taken(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    made = create.create(home, create.resolve(create.Request("dogfight", preset="quick")), "duel-1")
    before = sorted(made.path.rglob("*"))
    message = refused(capsys, "train", "dogfight", "--run", "duel-1")
    assert "'duel-1' is taken" in message
    assert "ludus resume duel-1" in message
    assert sorted(made.path.rglob("*")) == before
    message = refused(capsys, "logs", "duel-2")
    assert "Did you mean 'duel-1'?" in message
    message = refused(capsys, "logs", "duel-1", "lerner")
    assert "'learner'" in message


def test_a_run_is_made_whole_or_not_at_all(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    config = create.resolve(create.Request("dogfight", preset="quick"))

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for step in ("dump", "write_json", "sync_folder"):
        with monkeypatch.context() as broken:
            broken.setattr(create, step, full)
            with pytest.raises(CommandError, match="No space left"):
                create.create(home, config, "duel-1")
        assert list((home.root / "runs").iterdir()) == [], "neither the run nor a temporary folder"

    made = create.create(home, config, "duel-3")
    kept = json.loads(made.config_file.read_text())
    assert (kept["run"], kept["directory"], kept["preset"]) == ("duel-3", str(made.path), "quick")
    assert made.desired() == {"state": "running", "generation": 1}


def test_what_is_set_later_wins(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LUDUS__LEARNER__CLIP", "0.3")
    monkeypatch.setenv("LUDUS__LEARNER__EPOCHS", "7")
    assert run(["config", "dogfight", "--preset", "quick", "--set", "learner.epochs=5"]) == 0
    config = json.loads(capsys.readouterr().out)
    assert config["learner"]["clip"] == 0.3
    assert config["learner"]["epochs"] == 5
    assert config["preset"] == "quick"
    assert not home.root.exists()


def test_status_logs_and_runs_without_a_stack(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status"]) == 0
    assert "stack down" in capsys.readouterr().out
    assert run(["down"]) == 0
    assert "was down already" in capsys.readouterr().out
    assert not home.root.exists()
    made = create.create(home, create.resolve(create.Request("dogfight", preset="quick")), "duel-1")
    made.want("stopped")
    made.log_file("learner").write_text(
        '{"time": "2026-01-02T03:04:05.678+00:00", "level": "warning", "message": "careful"}\nplain words\n'
    )
    assert run(["logs", "learner"]) == 0
    assert capsys.readouterr().out == "03:04:05 WARNING careful\nplain words\n"
    assert run(["logs", "duel-1", "learner", "--raw", "-n", "1"]) == 0
    assert capsys.readouterr().out == "plain words\n"
    assert run(["status", "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert status["run"]["state"] == "stopped"
    assert [one["state"] for one in status["run"]["services"]] == ["not started"] * 4
    assert run(["runs"]) == 0
    assert "duel-1" in capsys.readouterr().out
    assert run(["stop"]) == 0
    assert "not running (stopped)" in capsys.readouterr().out


def test_resume_of_a_finished_run_says_so(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    made = create.create(home, create.resolve(create.Request("dogfight", preset="quick")), "duel-1")
    write_json(made.outcome_file, {"state": "FINISHED", "reason": ""})
    assert run(["resume"]) == 1
    assert "duel-1 is finished" in capsys.readouterr().err
    assert read_json(home.stack_file) == {}


def test_help_is_fast_and_teaches(cpu_seconds_of_children: Callable[[], float]) -> None:
    began = cpu_seconds_of_children()
    done = subprocess.run([*LUDUS, "--help"], capture_output=True, text=True, check=True)
    assert cpu_seconds_of_children() - began < 1.0
    assert "examples:" in done.stdout
    assert "ludus train dogfight" in done.stdout
    code = "import sys; from ludus.app.arguments import build_parser; build_parser(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "warp", "grpc", "numpy", "pydantic", "rich", "nats"} & set(loaded)


def on_a_terminal(argv: list[str], environment: dict[str, str]) -> tuple[int, int]:
    """Start a command on a new terminal: process id and the terminal's other end."""
    import pty

    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(argv[0], argv, environment)
    return pid, terminal


def read_until(terminal: int, text: str, seconds: float = 15.0) -> str:
    seen = b""
    deadline = time.monotonic() + seconds
    while text not in seen.decode(errors="replace"):
        assert time.monotonic() < deadline, seen.decode(errors="replace")
        try:
            seen += os.read(terminal, 65536)
        except OSError:
            break
    return seen.decode(errors="replace")


@pytest.mark.parametrize("way", ["Ctrl-C", "hangup"])
def test_watching_can_be_left_in_any_way(way: str, home: Home) -> None:
    made = create.create(home, create.resolve(create.Request("dogfight", preset="quick")), "duel-1")
    before = made.desired()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
    pid, terminal = on_a_terminal([*LUDUS, "attach"], environment)
    read_until(terminal, "Ctrl-C detaches")
    if way == "Ctrl-C":
        os.write(terminal, b"\x03")
        text = read_until(terminal, "ludus stop duel-1")
        assert "duel-1 goes on" in text
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        os.close(terminal)
    else:
        os.close(terminal)
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) != 0
    assert made.desired() == before
    assert not made.outcome()


def test_an_unread_pipe_is_no_error(home: Home) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f"{' '.join(LUDUS)} config dogfight | head -1"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "{"
    assert done.stderr == ""
