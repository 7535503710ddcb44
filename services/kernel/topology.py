"""THE table of subjects, streams, consumers and buckets: every publisher and consumer is declared here, nowhere else.

`permissions.py` makes from it what each service may do on a server with locked doors.

Each run has streams of its own (`RESULTS_<run>`), so that the sequence numbers of its ledger have no gaps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: Largest message the server accepts; slabs and policies stay below it.
MAX_PAYLOAD_BYTES = 8 * 1024 * 1024
DEDUPE_SECONDS = 120.0
MIN_SERVER_VERSION = (2, 12, 3)


@dataclass(frozen=True, slots=True)
class Stream:
    """One JetStream stream. `producers` and `consumers` name the services that may write and read."""

    name: str
    subject: str
    """with one `{token}` for what follows the run, or none"""
    storage: Literal["memory", "file"]
    retention: Literal["limits", "workqueue"]
    discard: Literal["old", "new"]
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    message: str
    """protobuf message carried"""
    max_messages: int = -1
    max_age_seconds: float = 0.0
    max_messages_per_subject: int = -1
    deny_delete: bool = False
    deny_purge: bool = False
    allow_direct: bool = False
    allow_message_ttl: bool = False
    """single messages may expire"""
    declarers: tuple[str, ...] = ("league",)
    """services that may create the stream; with permissions, the others wait until it is there"""
    purgers: tuple[str, ...] = ()

    def stream_name(self, run: str) -> str:
        return f"{self.name}_{run}"

    def subject_for(self, run: str, token: str = "") -> str:
        """Subject of one message. `token` fills what follows the noun (agent, pool, event kind, hash)."""
        return self.subject.format(run=run, token=token)

    def filter_for(self, run: str) -> str:
        """Subject the stream binds."""
        return self.subject.format(run=run, token=">")  # noqa: S106 no password


@dataclass(frozen=True, slots=True)
class Consumer:
    """A durable pull consumer."""

    name: str
    stream: Stream
    ack_wait_seconds: float
    max_ack_pending: int
    max_deliver: int = -1


ROLLOUTS = Stream(
    "ROLLOUTS", "ludus.{run}.rollout.{token}", "memory", "workqueue", "new",
    producers=("simulator",), consumers=("learner",), message="Rollout",
    max_messages=4,  # learner.buffer_slabs of the run instead, where a service declares it
    declarers=("league", "learner"), purgers=("learner",),
)  # fmt: skip
TICKETS = Stream(
    "TICKETS", "ludus.{run}.ticket.{token}", "file", "workqueue", "old",
    producers=("league",), consumers=("simulator", "evaluator"), message="Ticket",
)  # fmt: skip
RESULTS = Stream(
    "RESULTS", "ludus.{run}.result", "file", "limits", "old",
    producers=("simulator", "evaluator"), consumers=("league", "evaluator", "console"), message="MatchResult",
    deny_delete=True, deny_purge=True, allow_direct=True,
)  # fmt: skip
HEALTH = Stream(
    "HEALTH", "ludus.{run}.health.{token}", "file", "limits", "old",
    producers=("learner", "evaluator"), consumers=("league", "evaluator"), message="LearnerHealth",
    max_messages=20_000, allow_direct=True,
)  # fmt: skip
EVENTS = Stream(
    "EVENTS", "ludus.{run}.event.{token}", "file", "limits", "old",
    producers=("simulator", "learner", "league", "evaluator"), consumers=("evaluator", "console"), message="Event",
    max_messages=100_000, allow_direct=True,
)  # fmt: skip
BLOBS = Stream(
    "BLOBS", "ludus.{run}.blob.{token}", "file", "limits", "old",
    producers=("learner", "league"), consumers=("simulator", "learner", "evaluator", "league"),
    message="raw bytes named by their sha256",
    max_messages_per_subject=1, allow_direct=True, allow_message_ttl=True,
)  # fmt: skip

#: Messages that nobody could read, as they came, with their cause: `ludus deadletter` shows them. Bounded by their
#: number: a bound in bytes would be set aside on the server for every run.
DEADLETTERS = Stream(
    "DEADLETTERS", "ludus.{run}.deadletter.{token}", "file", "limits", "old",
    producers=("simulator", "learner", "league", "evaluator"), consumers=("console",), message="DeadLetter",
    max_messages=250, allow_direct=True,
)  # fmt: skip

STREAMS = (ROLLOUTS, TICKETS, RESULTS, HEALTH, EVENTS, BLOBS, DEADLETTERS)

CONSUMERS = {
    "learner": Consumer("learner", ROLLOUTS, ack_wait_seconds=60, max_ack_pending=256),
    "simulator": Consumer("simulator", TICKETS, ack_wait_seconds=20, max_ack_pending=4096),
    "evaluator": Consumer("evaluator", TICKETS, ack_wait_seconds=20, max_ack_pending=4096),
}

#: Everybody who connects: with permissions, one credential each. The console is a person's, and reads alone.
IDENTITIES = ("simulator", "learner", "league", "evaluator", "console")

#: Key-value buckets per run, with history for audit; writes that matter are compare-and-set.
POLICIES_BUCKET = "POLICIES"
RUN_BUCKET = "RUN"
BUCKETS = (POLICIES_BUCKET, RUN_BUCKET)
#: Which keys who may write; everybody may read all.
BUCKET_WRITERS: dict[str, dict[str, tuple[str, ...]]] = {
    POLICIES_BUCKET: {"learner": (">",), "league": (">",)},
    RUN_BUCKET: {"league": (">",), "learner": ("epoch.*", "rollback.*", "checkpoints.*")},
}
#: The service that creates the buckets.
BUCKET_DECLARER = "league"
KV_HISTORY = 16

TRAIN_POOL = "train"
EVALUATE_POOL = "evaluate"
#: How long the blob of a version that was never pinned is kept.
LIVE_BLOB_SECONDS = 900.0


def orders_key(window: int) -> str:
    """Key of the RUN bucket with the league's Orders for one window of a run in lockstep."""
    return f"orders.{window}"


def bucket_name(bucket: str, run: str) -> str:
    return f"{bucket}_{run}"
