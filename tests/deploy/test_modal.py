"""The app for Modal: its functions run here by `.local()`, with a real nats-server."""

from __future__ import annotations

import importlib.util
import sys
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ludus.kernel.certificates import Pair, authority, issue
from ludus.kernel.config import check
from ludus.kernel.nats_lock import CREDENTIALS, Lock, copy_ca, folder_of
from ludus.kernel.nats_server import NatsServer

FOLDER = Path(__file__).parents[2] / "deploy" / "modal"


def _module(name: str) -> ModuleType:
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


shift: Any = _module("shift")


@pytest.fixture
def app() -> Any:
    pytest.importorskip("modal", reason="modal is not installed: pip install modal")
    return _module("app")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"gpu": "H1000"}, "gpu 'H1000'"),
        ({"gpu": "A100:9"}, "gpu 'A100:9'"),
        ({"cpu": 0.0}, "cpu 0.0"),
        ({"memory_mebibytes": 1}, "memory 1"),
        ({"limit_seconds": 90_000}, "limit 90000"),
        ({"limit_seconds": 60}, "limit 60"),
    ],
)
def test_what_modal_would_find_out_late_is_said_at_once(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        shift.Resources(**wrong)


@pytest.mark.parametrize("gpu", ["", "L4", "A100-80GB:2", "H100:8", "H100!"])
def test_gpus_that_there_are(gpu: str) -> None:
    assert shift.Resources(gpu=gpu).gpu == gpu


def _program(text: str) -> list[str]:
    return [sys.executable, "-c", text]


@pytest.mark.parametrize(("code", "verdict"), [(0, "over"), (1, "again"), (2, "stuck"), (137, "again")])
def test_exit_codes_decide_what_follows(code: int, verdict: str) -> None:
    assert shift.work(_program(f"raise SystemExit({code})"), 30) == verdict


def test_before_the_limit_a_service_is_asked_to_end_and_its_work_is_kept(tmp_path: Path) -> None:
    saved = tmp_path / "checkpoint"
    text = (
        "import pathlib, signal, sys, time\n"
        f"signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path({str(saved)!r}).write_text('kept'), sys.exit(0)))\n"
        "time.sleep(60)"
    )
    started = time.monotonic()
    assert shift.work(_program(text), 2.0) == "again"
    assert time.monotonic() - started < 2.0 + shift.DRAIN_SECONDS
    assert saved.read_text() == "kept"


def test_the_services_and_their_limits(app: Any) -> None:
    assert set(app.functions) == {"simulator", "learner", "league", "evaluator"}
    assert all(asked.limit_seconds > 2 * shift.RESERVE_SECONDS for asked in app.SERVICES.values())


def test_a_sweep_changes_the_seed_alone(app: Any) -> None:
    import tomllib

    text = (FOLDER.parents[1] / "configs" / "dogfight-quick.toml").read_text()
    changed = tomllib.loads(app.with_seed(text, 7))
    assert changed["seed"] == 7
    assert {**changed, "seed": 0} == {**tomllib.loads(text), "seed": 0}
    assert check({**changed, "run": "a"}, "sweep").seed == 7


@pytest.mark.timeout(120)
def test_a_league_works_a_shift_and_hands_over(
    app: Any, nats_binary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through locked doors, as from there; the next shift is asked for, the volume committed."""
    ca = authority(tmp_path)
    pair = issue(ca, Pair(tmp_path / "server.pem", tmp_path / "server.key"), "nats", ["127.0.0.1", "localhost"])
    lock = Lock(tmp_path / CREDENTIALS, {"duel": ["main"]}, pair.certificate, pair.key)
    server = NatsServer(tmp_path / "nats", binary=nats_binary, lock=lock)
    server.start()
    keys = folder_of(lock.credentials, "duel")
    copy_ca(ca.certificate, keys)
    monkeypatch.setenv("NATS_URL", server.url)
    monkeypatch.setenv("CA_PEM", (keys / "ca.pem").read_text())
    monkeypatch.setenv("LEAGUE_NK", (keys / "league.nk").read_text())
    monkeypatch.setattr(app, "HOME", tmp_path / "home")
    monkeypatch.setattr(app, "KEYS", tmp_path / "keys")
    monkeypatch.setattr(app, "RESERVE_SECONDS", 0.0)
    said: list[str] = []
    monkeypatch.setattr(app, "volume", type("Volume", (), {"commit": lambda _self: said.append("commit")})())
    spawned = type("Spawned", (), {"spawn": lambda _self, run, _config: said.append(f"spawn {run}")})()
    function = app.functions["league"]
    monkeypatch.setitem(app.functions, "league", spawned)
    config = (FOLDER.parents[1] / "configs" / "dogfight-quick.toml").read_text()
    verdicts: list[str] = []
    monkeypatch.setattr(app.shift, "__defaults__", (sys.executable,))
    worker = threading.Thread(target=lambda: verdicts.append(function.local("duel", config, 8.0)))
    worker.start()
    worker.join(60)
    server.stop()
    assert verdicts == ["again"]
    assert said == ["commit", "spawn duel"]
    assert (tmp_path / "home" / "runs" / "duel" / "services" / "league.json").exists()
