"""A training run on three NATS servers goes on when one of them is killed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from ludus.kernel.topology import RESULTS, ROLLOUTS

from ..integration.cluster_kit import NEEDS_LINUX, RUN, Cluster, leader, three_servers
from .conftest import Cli  # type: ignore[import-untyped]
from .test_locked import SMALL  # type: ignore[import-untyped]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400), NEEDS_LINUX]


@pytest.fixture
def cluster(nats_binary: Path, tmp_path: Path) -> Iterator[Cluster]:
    with three_servers(tmp_path, nats_binary) as made:
        yield made


async def test_a_run_survives_the_loss_of_a_server(ludus: Cli, cluster: Cluster) -> None:
    longer = [word if word != "20480" else "819200" for word in SMALL]
    ludus(
        *("train", "dogfight", "--preset", "quick", "--run", RUN, "--detach", *longer, "--nats-url", cluster.url),
        *("--set", f"bus.credentials={cluster.credentials}", "--set", "bus.replicas=3"),
    )

    def step() -> int:
        return int(ludus.heartbeat(RUN, "learner").get("step") or 0)

    ludus.wait_for("training", lambda: step() >= 5, 180)
    console = await cluster.bus("console")

    async def five_more(what: str) -> None:
        before = step()
        await asyncio.to_thread(ludus.wait_for, what, lambda: step() >= before + 5, 120)

    try:
        for stream in (ROLLOUTS, RESULTS):  # one in memory, one on the disk
            victim = await leader(console, stream.stream_name(RUN))
            cluster.kill9(victim)
            await five_more("updates with two servers")
            cluster.start(victim)
            await five_more("updates with three servers")
    finally:
        await console.close()
    ludus("stop", RUN)
    assert ludus("league", "replay", RUN).stdout.strip().endswith("identical")
    assert "no dead letters" in ludus("deadletter", "list", RUN).stdout
    deaths = ludus.run_folder(RUN) / "deaths.jsonl"
    print(deaths.read_text() if deaths.exists() else "no service died")
