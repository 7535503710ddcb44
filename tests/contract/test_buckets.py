"""Key-value buckets: what they keep, and compare-and-set."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ludus.kernel import jetstream
from ludus.kernel.bus import Bucket, Conflict, Entry
from ludus.kernel.topology import KV_HISTORY, POLICIES_BUCKET, RUN_BUCKET

Make = Any


async def test_put_get_and_keys(bus: Make) -> None:
    b = await bus()
    policies: Bucket = await b.bucket(POLICIES_BUCKET)
    assert await policies.get("main.head") is None
    assert await policies.keys() == []
    first = await policies.put("main.head", b"one")
    second = await policies.put("main.head", b"two")
    await policies.put("main.1.0", b"pinned")
    assert second > first
    assert await policies.get("main.head") == Entry("main.head", b"two", second)
    assert await policies.keys() == ["main.1.0", "main.head"]


async def test_an_empty_value_is_a_value(bus: Make) -> None:
    bucket = await (await bus()).bucket(RUN_BUCKET)
    revision = await bucket.put("empty", b"")
    assert await bucket.get("empty") == Entry("empty", b"", revision)


async def test_buckets_are_apart(bus: Make) -> None:
    b = await bus()
    run, policies = await b.bucket(RUN_BUCKET), await b.bucket(POLICIES_BUCKET)
    await run.put("state", b"x")
    assert await policies.get("state") is None


async def test_create_only_once(bus: Make) -> None:
    bucket = await (await bus()).bucket(RUN_BUCKET)
    revision = await bucket.create("epoch.main", b"1")
    with pytest.raises(Conflict):
        await bucket.create("epoch.main", b"1")
    assert await bucket.get("epoch.main") == Entry("epoch.main", b"1", revision)


async def test_update_needs_the_newest_revision(bus: Make) -> None:
    bucket = await (await bus()).bucket(RUN_BUCKET)
    first = await bucket.create("ledger", b"0")
    second = await bucket.update("ledger", b"1", first)
    for stale in (first, 0, second + 7):
        with pytest.raises(Conflict):
            await bucket.update("ledger", b"lost", stale)
    await bucket.put("another", b"x")
    third = await bucket.update("ledger", b"2", second)
    assert await bucket.get("ledger") == Entry("ledger", b"2", third)


async def test_of_many_writers_one_wins_each_round(bus: Make) -> None:
    buses = [await bus(f"s{i}") for i in range(4)]
    buckets = [await b.bucket(RUN_BUCKET) for b in buses]
    revision = await buckets[0].create("k", b"0")
    for round_ in range(10):
        answers = await asyncio.gather(
            *(bucket.update("k", f"{round_}.{i}".encode(), revision) for i, bucket in enumerate(buckets)),
            return_exceptions=True,
        )
        winners = [answer for answer in answers if isinstance(answer, int)]
        assert len(winners) == 1
        assert sum(isinstance(answer, Conflict) for answer in answers) == 3
        revision = winners[0]


async def test_history_is_kept_for_audit_but_bounded(bus: Make) -> None:
    b = await bus()
    bucket = await b.bucket(RUN_BUCKET)
    for i in range(KV_HISTORY + 5):
        await bucket.put("state", str(i).encode())
    info = await jetstream.call(b.link, f"STREAM.INFO.KV_RUN_{b.run}")
    assert info["state"]["messages"] == KV_HISTORY


async def test_an_unknown_bucket_is_refused(bus: Make) -> None:
    with pytest.raises(ValueError, match="expected one of POLICIES, RUN"):
        await (await bus()).bucket("SECRETS")
