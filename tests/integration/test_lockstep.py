"""A run in lockstep ends bit for bit the same, whatever is killed on the way."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ludus.kernel.config import ConfigError, RunConfig, load
from ludus.kernel.nats_server import NatsServer

from .lockstep_kit import CONFIG, SERVICES, Processes, config, differences, end_of, second_server

ALL = (*SERVICES, "evaluator")
EVERYTHING = (*ALL, "nats-server")


@pytest.fixture
def other_server(nats_binary: Path, tmp_path: Path) -> Iterator[NatsServer]:
    server = second_server(tmp_path / "nats", nats_binary)
    yield server
    server.stop()


def assert_equal(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Everything is the same, and there was something to compare: a pool that grew, and matches against it."""
    assert differences(one, other) == []
    assert len(one["pool"]) > 2
    assert {player for told in one["matches"] for player in told[7] if isinstance(player, tuple) and not player[1]}


@pytest.mark.timeout(180)
async def test_killed_and_resumed_equals_uninterrupted(nats_server: NatsServer, tmp_path: Path) -> None:
    straight = Processes(nats_server, config(tmp_path / "straight", 24))
    killed = Processes(nats_server, config(tmp_path / "killed", 24))
    async with straight, killed:
        await killed.until(12)
        await killed.kill(*SERVICES)
        one, other = await asyncio.gather(end_of(straight), end_of(killed))
    assert_equal(one, other)
    assert len(one["matches"]) > 50


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_200_updates_equal_100_and_kill_9_and_100_more(
    nats_server: NatsServer, other_server: NatsServer, tmp_path: Path
) -> None:
    """All four services and the nats-server die at once."""
    straight = Processes(nats_server, config(tmp_path / "straight", 200), ALL)
    killed = Processes(other_server, config(tmp_path / "killed", 200), ALL)
    async with straight, killed:
        await killed.until(100)
        await killed.kill(*EVERYTHING)
        one, other = await asyncio.gather(end_of(straight), end_of(killed))
    assert_equal(one, other)
    assert len(one["matches"]) > 500


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(2))
async def test_any_of_them_may_die_at_any_time(
    nats_server: NatsServer, other_server: NatsServer, tmp_path: Path, seed: int
) -> None:
    """Fifteen kills at random instants: of one process, of two, of everything."""
    rng = random.Random(seed)
    straight = Processes(nats_server, config(tmp_path / "straight", 200), ALL)
    killed = Processes(other_server, config(tmp_path / "killed", 200), ALL)
    async with straight, killed:
        for kill in range(15):
            await killed.until(12 * kill + rng.randrange(12))
            await asyncio.sleep(rng.random())
            await killed.kill(*rng.sample(EVERYTHING, rng.choice((1, 1, 2, len(EVERYTHING)))))
        assert not killed.finished, "the kills came too late to matter"
        one, other = await asyncio.gather(end_of(straight), end_of(killed))
    assert_equal(one, other)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("simulator.workers", 2),
        ("learner.batch_decisions", 2 * 128 * 128),
        ("simulator.device", "cuda"),
        ("learner.device", "cuda"),
    ],
)
def test_what_cannot_be_deterministic_is_refused(key: str, value: object) -> None:
    settings = {"lockstep": True, "learner.buffer_slabs": 8}
    assert isinstance(load(CONFIG, settings.items(), environment={}), RunConfig)
    with pytest.raises(ConfigError, match=rf"lockstep: {key} must be"):
        load(CONFIG, (settings | {key: value}).items(), environment={})
