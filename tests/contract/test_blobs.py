"""Content-addressed blobs: verified, expiring unless kept."""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import Any

import pytest

from ludus.kernel.blobs import BlobMissing, get_blob, keep_blob, put_blob
from ludus.kernel.topology import BLOBS, LIVE_BLOB_SECONDS

Make = Any


@pytest.fixture
def short_lived(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ludus.kernel.blobs.LIVE_BLOB_SECONDS", 1.0)


async def gone(bus: Any, sha256: str, seconds: float = 6.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            await get_blob(bus, sha256)
        except BlobMissing:
            return True
        await asyncio.sleep(0.1)
    return False


@pytest.mark.parametrize("size", [0, 1, 600_000, 4 * 1024 * 1024, 4 * 1024 * 1024 + 1, 9_000_000])
async def test_what_goes_in_comes_out(bus: Make, size: int) -> None:
    b = await bus()
    data = bytes(i % 251 for i in range(1000)) * (size // 1000 + 1)
    data = data[:size]
    sha256 = await put_blob(b, data, keep=True)
    assert sha256 == hashlib.sha256(data).hexdigest()
    assert await get_blob(await bus("reader"), sha256) == data


async def test_the_same_bytes_are_stored_once(bus: Make) -> None:
    b = await bus()
    for _ in range(3):
        await put_blob(b, b"weights", keep=True)
    assert await b.waiting(BLOBS) == 1


async def test_a_missing_blob_says_so(bus: Make) -> None:
    with pytest.raises(BlobMissing, match="never published, or it expired"):
        await get_blob(await bus(), "0" * 64)


@pytest.mark.usefixtures("short_lived")
async def test_a_blob_not_kept_expires(bus: Make) -> None:
    b = await bus()
    sha256 = await put_blob(b, b"live", keep=False)
    assert await get_blob(b, sha256) == b"live"
    assert await gone(b, sha256)
    with pytest.raises(BlobMissing):
        await keep_blob(b, sha256)


@pytest.mark.usefixtures("short_lived")
async def test_a_kept_blob_stays(bus: Make) -> None:
    b = await bus()
    small = await put_blob(b, b"live", keep=False)
    large = await put_blob(b, bytes(9_000_000), keep=False)
    for sha256 in (small, large):
        await keep_blob(await bus("league"), sha256)
    pinned = await put_blob(b, b"pinned", keep=True)
    assert await put_blob(b, b"pinned", keep=False) == pinned, "does not undo the keeping"
    assert not await gone(b, small, 2.5)
    assert await get_blob(b, large) == bytes(9_000_000)
    assert await get_blob(b, pinned) == b"pinned"


@pytest.mark.usefixtures("short_lived")
async def test_publishing_again_extends_the_life(bus: Make) -> None:
    b = await bus()
    for _ in range(4):
        sha256 = await put_blob(b, b"live", keep=False)
        await asyncio.sleep(0.6)
    assert await get_blob(b, sha256) == b"live"


async def test_a_race_of_keep_and_publish_ends_kept(bus: Make) -> None:
    learner, league = await bus("learner"), await bus("league")
    for i in range(10):
        data = f"weights {i}".encode()
        sha256 = await put_blob(learner, data, keep=False)
        await asyncio.gather(put_blob(learner, data, keep=False), keep_blob(league, sha256))
        message = await league.last_message(BLOBS.stream_name(league.run), BLOBS.subject_for(league.run, sha256))
        assert "Nats-TTL" not in message.headers


async def test_the_real_life_time_is_asked_for(bus: Make) -> None:
    b = await bus()
    sha256 = await put_blob(b, b"live", keep=False)
    message = await b.last_message(BLOBS.stream_name(b.run), BLOBS.subject_for(b.run, sha256))
    assert message.headers["Nats-TTL"] == f"{LIVE_BLOB_SECONDS:.0f}s"


async def test_damage_is_noticed_and_repaired_by_publishing_again(bus: Make) -> None:
    b = await bus()
    data = b"the true weights"
    sha256 = await put_blob(b, data, keep=True)
    await b.publish(BLOBS, b"the false weights", token=sha256, msg_id="attack")
    with pytest.raises(BlobMissing, match="damaged"):
        await get_blob(b, sha256)
    await put_blob(b, data, keep=True)
    assert await get_blob(b, sha256) == data


async def test_a_missing_piece_is_noticed(bus: Make) -> None:
    b = await bus()
    sha256 = await put_blob(b, bytes(9_000_000), keep=True)
    await b.publish(BLOBS, b"", token=f"{sha256}.1", msg_id="attack")
    with pytest.raises(BlobMissing, match="damaged"):
        await get_blob(b, sha256)
