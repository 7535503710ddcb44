"""Two hosts: a simulator in a network namespace of its own, with nothing but a cable, its key and the configuration.

The cable is cut for a while; the simulator comes back by itself, and the ledger is whole.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ludus.api.v1.match_pb2 import MatchResult
from ludus.kernel.bus import Bus
from ludus.kernel.nats_server import answers, free_port
from ludus.kernel.topology import RESULTS

from .conftest import Cli  # type: ignore[import-untyped]

RUN, WORKER = "far", 7
SMALL = (
    *("--set", "simulator.matches=32", "--set", "simulator.steps=64", "--set", "learner.batch_decisions=2048"),
    *("--set", "learner.minibatch=1024", "--set", "network.hidden=32", "--set", "evaluator.every_updates=1000"),
    *("--set", "evaluator.final_matches_per_opponent=2"),
)


def ip(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)


@dataclass
class Host:
    """A namespace at the other end of a cable."""

    name: str = field(default_factory=lambda: f"lud{secrets.token_hex(3)}")
    subnet: str = field(default_factory=lambda: f"10.213.{secrets.randbelow(256)}")

    @property
    def here(self) -> str:
        return f"{self.subnet}.1"

    def connect(self) -> str:
        """What is in the way, if anything."""
        near, far = f"{self.name}a", f"{self.name}b"
        for line in (
            f"netns add {self.name}",
            f"link add {near} type veth peer name {far} netns {self.name}",
            f"addr add {self.here}/24 dev {near}",
            f"link set {near} up",
            f"-n {self.name} addr add {self.subnet}.2/24 dev {far}",
            f"-n {self.name} link set {far} up",
            f"-n {self.name} link set lo up",
        ):
            if (done := ip(*line.split())).returncode:
                return f"ip {line}: {done.stderr.strip()}"
        return ""

    def cable(self, state: str) -> None:
        assert ip("link", "set", f"{self.name}a", state).returncode == 0

    def remove(self) -> None:
        ip("link", "del", f"{self.name}a")
        ip("netns", "del", self.name)


@pytest.fixture
def host() -> Iterator[Host]:
    if sys.platform != "linux" or not shutil.which("ip"):
        pytest.skip("network namespaces are Linux's, made by `ip` (iproute2)")
    made = Host()
    try:
        if problem := made.connect():
            pytest.skip(f"no network namespaces here: {problem}")
        yield made
    finally:
        made.remove()


def simulator_elsewhere(host: Host, keys: Path, config: Path, folder: Path, url: str) -> subprocess.Popen[bytes]:
    """What one would do on another machine: its own key and ca.pem, the run's configuration, a folder of its own."""
    (folder / "keys").mkdir(parents=True)
    for name in ("simulator.nk", "ca.pem"):
        shutil.copy(keys / name, folder / "keys" / name)
    shutil.copy(config, folder / "config.json")
    environment = os.environ | {
        "LUDUS__DIRECTORY": str(folder / "run"),
        "LUDUS__BUS__CREDENTIALS": str(folder / "keys"),
        "LUDUS__BUS__URL": url,
    }
    command = ["ip", "netns", "exec", host.name, sys.executable, "-P", "-m", "ludus.simulator"]
    command += ["--config", str(folder / "config.json"), "--worker", str(WORKER)]
    with (folder / "simulator.log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, env=environment)


async def played(url: str, keys: Path) -> Counter[str]:
    """Matches of the ledger by who played them."""
    bus = await Bus.connect(url, RUN, "console", credentials=str(keys))
    try:
        records = await bus.read(RESULTS, 1, 1_000_000, 10.0)
        return Counter(MatchResult.FromString(record.data).worker for record in records)
    finally:
        await bus.close()


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_simulator_on_another_host(ludus: Cli, host: Host, nats_binary: Path, tmp_path: Path) -> None:
    port, folder, far = free_port(), tmp_path / "locked", tmp_path / "far"
    url, keys = f"tls://{host.here}:{port}", folder / "credentials" / RUN
    ludus(
        *("nats", "config", "--run", RUN, "--listen", host.here, "--host", host.here, "--port", str(port)),
        *("--output", str(folder)),
    )
    with (tmp_path / "nats.log").open("wb") as log:
        server = subprocess.Popen([str(nats_binary), "--config", str(folder / "nats.conf")], stdout=log, stderr=log)
    simulator: subprocess.Popen[bytes] | None = None
    try:
        ludus.wait_for("the server", lambda: answers(host.here, port), 10)
        ludus(
            *("train", "dogfight", "--preset", "quick", "--run", RUN, "--detach", "--decisions", "40000000", *SMALL),
            *("--nats-url", url, "--set", f"bus.credentials={keys}"),
        )
        ludus.wait_for("training", lambda: (ludus.heartbeat(RUN, "learner").get("step") or 0) >= 2, 180)
        simulator = simulator_elsewhere(host, keys, ludus.run_folder(RUN) / "config.json", far, url)

        def beat(name: str) -> object:
            file = far / "run" / "services" / f"simulator-{WORKER}.json"
            return json.loads(file.read_text()).get(name) if file.exists() else None

        ludus.wait_for("the other host", lambda: beat("state") == "ready", 120)
        assert not (far / "run" / "checkpoints").exists(), "nothing is shared but the network"
        before = await played(url, keys)
        host.cable("down")
        await asyncio.sleep(6.0)
        host.cable("up")
        seen = (await played(url, keys))[f"simulator-{WORKER}"]
        async with asyncio.timeout(120):
            while (await played(url, keys))[f"simulator-{WORKER}"] <= seen:
                await asyncio.sleep(1.0)
        assert simulator.poll() is None, "it came back by itself"
        simulator.terminate()
        assert simulator.wait(30) == 0
        ludus("stop", RUN)
        counts = await played(url, keys)
        assert min(counts["simulator-0"] - before["simulator-0"], counts[f"simulator-{WORKER}"]) > 0
        assert ludus("league", "replay", RUN).stdout.strip().endswith("identical")
        assert "no dead letters" in ludus("deadletter", "list", RUN).stdout
    finally:
        if simulator:
            simulator.kill()
            simulator.wait(10)
        ludus("down", check=False)
        server.terminate()
        server.wait(10)
    assert "Permissions Violation" not in (tmp_path / "nats.log").read_text()
