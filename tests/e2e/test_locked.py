"""A short training run through locked doors: TLS, one nkey per service, permissions of `ludus nats config`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ludus.kernel.nats_server import answers, free_port

from .conftest import Cli  # type: ignore[import-untyped]

SMALL = (
    *("--decisions", "20480", "--set", "simulator.matches=32", "--set", "simulator.steps=64"),
    *("--set", "learner.batch_decisions=2048", "--set", "learner.minibatch=1024", "--set", "network.hidden=32"),
    *("--set", "evaluator.every_updates=100", "--set", "evaluator.final_matches_per_opponent=2"),
)


@pytest.mark.timeout(200)
def test_a_run_through_locked_doors(ludus: Cli, nats_binary: Path, tmp_path: Path) -> None:
    port, folder = free_port(), tmp_path / "locked"
    ludus("nats", "config", "--run", "locked", "--listen", "127.0.0.1", "--port", str(port), "--output", str(folder))
    command = [str(nats_binary), "--config", str(folder / "nats.conf")]
    with (tmp_path / "nats.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        ludus.wait_for("the server", lambda: answers("127.0.0.1", port), 10)
        credentials = folder / "credentials" / "locked"
        ludus(
            *("train", "dogfight", "--preset", "quick", "--run", "locked", *SMALL),
            *("--nats-url", f"tls://127.0.0.1:{port}", "--set", f"bus.credentials={credentials}"),
        )
        assert ludus("league", "replay", "locked").stdout.strip().endswith("identical")
        assert "no dead letters" in ludus("deadletter", "list", "locked").stdout
    finally:
        ludus("down", check=False)
        server.terminate()
        server.wait(10)
    assert "Permissions Violation" not in (tmp_path / "nats.log").read_text()
    assert list((ludus.run_folder("locked") / "checkpoints").glob("1-10"))
