"""The JetStream requests Ludus makes: configurations, errors, and the check that the server kept what was asked.

Old servers drop fields they do not know without a word, so every configuration that comes back is compared.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from .errors import Away, BusError, Conflict, StreamFull, Unsupported
from .link import Link
from .topology import DEDUPE_SECONDS, KV_HISTORY, Consumer, Stream, bucket_name

Config = dict[str, Any]

NANOSECONDS = 1_000_000_000
API_TIMEOUT_SECONDS = 5.0

# https://github.com/nats-io/nats-server/blob/main/server/errors.json
STREAM_NOT_FOUND = 10059
CONSUMER_NOT_FOUND = 10014
NAME_IN_USE = 10058
WRONG_LAST_SEQUENCE = (10071, 10164)  # the second where the other write is still on its way through a cluster
STORE_FAILED = 10077
NO_ROOM = (10023, 10028, 10047)
NO_JETSTREAM = (10039, 10076)
NOT_CLUSTERED = 10074
#: Of a cluster that comes together, that has this very message id on its way, or that has too much to do.
PASSING = (10005, 10158, 10167)


class ApiError(BusError):
    """JetStream refused a request. `number` is its error code."""

    def __init__(self, subject: str, error: Mapping[str, Any]) -> None:
        self.number = int(error.get("err_code", 0))
        self.code = int(error.get("code", 0))
        self.description = str(error.get("description", "unknown error"))
        super().__init__(f"JetStream refused {subject}: {self.description} (error {self.number})")


def parse(subject: str, data: bytes) -> Config:
    """The answer of the JetStream API. Raises StreamFull, Conflict, Away (passing trouble) or ApiError."""
    answer: Config = json.loads(data)
    error = answer.get("error")
    if not error:
        return answer
    problem = ApiError(subject, error)
    if problem.number in WRONG_LAST_SEQUENCE:
        raise Conflict(f"{subject} was written by somebody else first ({problem.description})")
    if problem.number == STORE_FAILED and "maximum" in problem.description:
        raise StreamFull(f"{subject}: the stream is full ({problem.description})")
    if problem.number in NO_JETSTREAM:
        raise Unsupported(f"this server has no JetStream for this account ({problem.description}): enable it there")
    if problem.number in NO_ROOM:
        raise Away(f"{problem}. Make room on the disk (or in the memory) that nats-server stores on.") from problem
    if problem.number == NOT_CLUSTERED:
        raise Unsupported(
            "bus.replicas is above 1, and this NATS server is alone: set it to 1, or run a cluster of three"
        )
    if problem.code == 503 or problem.number in PASSING:
        raise Away(str(problem)) from problem
    raise problem


async def call(link: Link, request: str, body: Config | None = None) -> Config:
    """One request to the JetStream API."""
    subject = f"$JS.API.{request}"
    data = json.dumps(body).encode() if body is not None else b""
    return parse(subject, (await link.request(subject, data, timeout=API_TIMEOUT_SECONDS)).data)


def stream_config(stream: Stream, run: str, max_messages: int | None = None, replicas: int = 1) -> Config:
    """What is asked of the server for one stream of a run."""
    return {
        "name": stream.stream_name(run),
        "subjects": [stream.filter_for(run)],
        "storage": stream.storage,
        "retention": stream.retention,
        "discard": stream.discard,
        "max_msgs": stream.max_messages if max_messages is None else max_messages,
        "max_bytes": -1,
        "max_age": int(stream.max_age_seconds * NANOSECONDS),
        "max_msgs_per_subject": stream.max_messages_per_subject,
        "duplicate_window": int(DEDUPE_SECONDS * NANOSECONDS),
        "deny_delete": stream.deny_delete,
        "deny_purge": stream.deny_purge,
        "allow_direct": stream.allow_direct,
        "allow_msg_ttl": stream.allow_message_ttl,
        "num_replicas": replicas,
    }


def bucket_config(bucket: str, run: str, replicas: int = 1) -> Config:
    """A key-value bucket is a stream with one subject per key; this is the layout every NATS client knows."""
    name = bucket_name(bucket, run)
    return {
        "name": f"KV_{name}",
        "subjects": [f"$KV.{name}.>"],
        "storage": "file",
        "retention": "limits",
        "discard": "new",
        "max_msgs": -1,
        "max_bytes": -1,
        "max_age": 0,
        "max_msgs_per_subject": KV_HISTORY,
        "duplicate_window": int(DEDUPE_SECONDS * NANOSECONDS),
        "deny_delete": True,
        "allow_rollup_hdrs": True,
        "allow_direct": True,
        "num_replicas": replicas,
    }


def consumer_config(consumer: Consumer, run: str, token: str, replicas: int = 1) -> Config:
    """A durable pull consumer of one token's messages. What is acknowledged is kept as often as the messages are."""
    return {
        "durable_name": f"{consumer.name}-{token}" if token else consumer.name,
        "filter_subject": consumer.stream.subject_for(run, token),
        "ack_policy": "explicit",
        "deliver_policy": "all",
        "ack_wait": int(consumer.ack_wait_seconds * NANOSECONDS),
        "max_ack_pending": consumer.max_ack_pending,
        "max_deliver": consumer.max_deliver,
        "num_replicas": replicas,
    }


def differences(asked: Config, kept: Config) -> list[str]:
    """What the server did not keep, one text per field; zero values are left out of its answers."""
    return [
        f"{key}: asked for {value!r}, the server has {kept.get(key)!r}"
        for key, value in asked.items()
        if kept.get(key) != value and (value or kept.get(key))
    ]


async def declare_stream(link: Link, asked: Config, *, leave: Collection[str] = (), may_create: bool = True) -> str:
    """Create the stream, or bring the existing one to this configuration. Returns its time of creation.

    The fields in `leave` are used for a new stream, and left as they are in an existing one. Several processes may do
    this at once. Without `may_create` the stream is another service's to make: Away until it is there. Raises
    Unsupported when the server keeps something else than was asked.
    """
    name = asked["name"]
    try:
        answer = await (_create_or_update(link, name, asked, leave) if may_create else _existing(link, name))
    except ApiError as error:
        raise Unsupported(f"stream {name} cannot be set up: {error.description}. {_WHAT_TO_DO}") from error
    wrong = differences(_without(asked, leave), answer["config"])
    if wrong:
        raise Unsupported(f"stream {name} is not as declared: {'; '.join(wrong)}. {_WHAT_TO_DO}")
    return str(answer["created"])


_WHAT_TO_DO = "Another version of Ludus may have made it, or the server is too old: use a new run name or that version."


def _without(config: Config, names: Collection[str]) -> Config:
    return {key: value for key, value in config.items() if key not in names}


async def _existing(link: Link, name: str) -> Config:
    try:
        return await call(link, f"STREAM.INFO.{name}")
    except ApiError as error:
        if error.number != STREAM_NOT_FOUND:
            raise
        raise Away(f"stream {name} is not there yet; the service that makes it has to start") from error


async def _create_or_update(link: Link, name: str, asked: Config, leave: Collection[str]) -> Config:
    try:
        answer = await call(link, f"STREAM.INFO.{name}")
    except ApiError as error:
        if error.number != STREAM_NOT_FOUND:
            raise
        try:
            return await call(link, f"STREAM.CREATE.{name}", asked)
        except ApiError as lost_race:
            if lost_race.number != NAME_IN_USE:
                raise
            answer = await call(link, f"STREAM.INFO.{name}")
    wanted = _without(asked, leave)
    if differences(wanted, answer["config"]):
        return await call(link, f"STREAM.UPDATE.{name}", {**answer["config"], **wanted})
    return answer


async def declare_consumer(link: Link, stream: str, asked: Config) -> None:
    """Create or update a durable consumer; the stream must exist. Raises NoResponders/Away/ApiError/Unsupported."""
    name = asked["durable_name"]
    subject = f"CONSUMER.DURABLE.CREATE.{stream}.{name}"
    answer = await call(link, subject, {"stream_name": stream, "config": asked})
    wrong = differences(asked, answer["config"])
    if wrong:
        raise Unsupported(f"consumer {name} of {stream} is not as declared: {'; '.join(wrong)}. {_WHAT_TO_DO}")
