"""A run in lockstep ends bit for bit the same, whatever is killed on the way."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ludus.kernel.nats_server import NatsServer

from .lockstep_kit import SERVICES, Processes, config, differences, end_of

UPDATES = 24


@pytest.mark.timeout(120)
async def test_killed_and_resumed_equals_uninterrupted(nats_server: NatsServer, tmp_path: Path) -> None:
    straight = Processes(nats_server, config("straight", tmp_path / "straight", UPDATES))
    killed = Processes(nats_server, config("killed", tmp_path / "killed", UPDATES))
    async with straight, killed:
        await killed.until(UPDATES // 2)
        await killed.kill(*SERVICES)
        one, other = await asyncio.gather(end_of(straight), end_of(killed))
    assert killed.kills == len(SERVICES)
    assert differences(one, other) == []
    assert len(one["matches"]) > 50
    assert len(one["pool"]) > 2
    assert {player for told in one["matches"] for player in told[7] if isinstance(player, tuple) and not player[1]}
