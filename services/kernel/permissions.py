"""What each identity may do on the NATS server, made from the topology table: everything else is refused.

NATS matches whole tokens only, and stream names hold the run (`RESULTS_<run>`), so permissions are those of one run.
A service that may write a stream may not thereby read it, delete from it or change it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .door import inbox_prefix
from .jetstream import consumer_config
from .topology import (
    BUCKET_DECLARER,
    BUCKET_WRITERS,
    BUCKETS,
    CONSUMERS,
    EVALUATE_POOL,
    IDENTITIES,
    ROLLOUTS,
    STREAMS,
    TRAIN_POOL,
    Consumer,
    Stream,
    bucket_name,
)

API = "$JS.API"
_POOLS = {"simulator": TRAIN_POOL, "evaluator": EVALUATE_POOL}


@dataclass(frozen=True, slots=True)
class Permissions:
    """Subjects, with NATS's wildcards. JetStream is asked by publishing to `$JS.API.…`."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]

    def as_config(self) -> dict[str, Any]:
        """As nats-server's configuration writes them; a list of what is allowed refuses the rest."""
        return {"publish": {"allow": list(self.publish)}, "subscribe": {"allow": list(self.subscribe)}}


def permissions(identity: str, run: str, agents: Sequence[str]) -> Permissions:
    """Of one identity in one run, whose agents decide the names of the learners' consumers."""
    if identity not in IDENTITIES:
        raise ValueError(f"unknown identity {identity!r}: expected one of {', '.join(IDENTITIES)}")
    publish, subscribe = [f"{API}.INFO"], [f"{inbox_prefix(run, identity)}.>"]
    for stream in STREAMS:
        publish += _stream(stream, identity, run, agents)
        if identity in stream.consumers and stream.allow_direct and stream.name != "BLOBS":
            subscribe.append(stream.filter_for(run))  # the bell of a reader that waits
    for bucket in BUCKETS:
        publish += _bucket(bucket, identity, run)
    return Permissions(tuple(publish), tuple(subscribe))


def _stream(stream: Stream, identity: str, run: str, agents: Sequence[str]) -> list[str]:
    name, found = stream.stream_name(run), []
    found.append(f"{API}.STREAM.INFO.{name}")
    if identity in stream.producers:
        found.append(stream.filter_for(run))
    if identity in stream.declarers:
        found += _declaring(name)
    if identity in stream.purgers:
        found.append(f"{API}.STREAM.PURGE.{name}")
    if identity in stream.consumers and stream.allow_direct:
        found += _reading(name)
    for owner, consumer in CONSUMERS.items():
        if consumer.stream is stream:
            found += _consuming(consumer, owner, identity, run, agents)
    return found


def _consuming(consumer: Consumer, owner: str, identity: str, run: str, agents: Sequence[str]) -> list[str]:
    tokens = agents if consumer.stream is ROLLOUTS else (_POOLS[owner],)
    name = consumer.stream.stream_name(run)
    found = []
    for durable in (consumer_config(consumer, run, token)["durable_name"] for token in tokens):
        if identity == owner:
            found.append(f"{API}.CONSUMER.DURABLE.CREATE.{name}.{durable}")
            found.append(f"{API}.CONSUMER.MSG.NEXT.{name}.{durable}")
            found.append(f"$JS.ACK.{name}.{durable}.>")
        if identity in consumer.stream.producers:  # how much of it is taken
            found.append(f"{API}.CONSUMER.INFO.{name}.{durable}")
    return found


def _bucket(bucket: str, identity: str, run: str) -> list[str]:
    name = bucket_name(bucket, run)
    found = [f"{API}.STREAM.INFO.KV_{name}", *_reading(f"KV_{name}")]
    found += [f"$KV.{name}.{keys}" for keys in BUCKET_WRITERS[bucket].get(identity, ())]
    if identity == BUCKET_DECLARER:
        found += _declaring(f"KV_{name}")
    return found


def _declaring(stream_name: str) -> list[str]:
    return [f"{API}.STREAM.CREATE.{stream_name}", f"{API}.STREAM.UPDATE.{stream_name}"]


def _reading(stream_name: str) -> list[str]:
    return [f"{API}.DIRECT.GET.{stream_name}", f"{API}.DIRECT.GET.{stream_name}.>"]
