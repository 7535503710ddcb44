"""Talking to the league of a run by gRPC. Its port is in its heartbeat and changes with every restart."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc

from ..api.v1 import services_pb2 as api
from ..api.v1 import services_pb2_grpc as stubs
from ..api.v1.run_pb2 import RunState, RunStatus
from .errors import CommandError
from .home import RunFolder
from .processes import Identity

CALL_SECONDS = 3.0
RETRY_SECONDS = 0.5
#: Consoles of runs with many results: the standings of a long run are some hundred kilobytes.
OPTIONS = [("grpc.max_receive_message_length", 64 * 1024 * 1024)]


def league_address(run: RunFolder) -> str:
    """host:port of a live league, or "" when there is none."""
    heartbeat = run.heartbeat("league")
    port, pid = heartbeat.get("grpc_port"), heartbeat.get("pid")
    if not port or not isinstance(pid, int) or Identity.of(pid) is None:
        return ""
    return f"127.0.0.1:{port}"


#: Asking again would not help.
_REFUSALS = (
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.PERMISSION_DENIED,
)


class Refused(CommandError):
    """The league has understood, and will not."""


@contextmanager
def _control(run: RunFolder) -> Iterator[Any]:
    address = league_address(run)
    if not address:
        raise CommandError(f"the league of {run.name!r} is not running")
    with grpc.insecure_channel(address, options=OPTIONS) as channel:
        connect: Any = stubs.ControlServiceStub
        yield connect(channel)


def fetch_status(run: RunFolder, timeout_seconds: float = CALL_SECONDS) -> RunStatus | None:
    """None when the league cannot be asked at the moment."""
    try:
        with _control(run) as control:
            response = control.GetStatus(api.GetStatusRequest(run=run.name), timeout=timeout_seconds)
    except (grpc.RpcError, CommandError):
        return None
    status: RunStatus = response.status
    return status


def command(run: RunFolder, verb: str, reason: str = "", patience_seconds: float = 10.0) -> RunState:
    """`pause`, `resume` or `stop`; sent again with the same id while the league restarts. Raises CommandError."""
    method, request = command_request(run.name, verb, reason)
    state: RunState = _order(run, verb, method, request, patience_seconds).state
    return state


def command_request(run: str, verb: str, reason: str = "") -> tuple[str, Any]:
    """Method and request of a command, with an id of its own."""
    command_id = secrets.token_hex(8)
    requests: dict[str, tuple[str, Any]] = {
        "pause": ("PauseRun", api.PauseRunRequest(command_id=command_id, run=run)),
        "resume": ("ResumeRun", api.ResumeRunRequest(command_id=command_id, run=run)),
        "stop": ("StopRun", api.StopRunRequest(command_id=command_id, run=run, reason=reason)),
    }
    return requests[verb]


def rollback_request(run: str, agent: str, checkpoint: str, reason: str) -> tuple[str, Any]:
    """The same for a rollback. "" leaves agent or checkpoint to the controller."""
    command_id = secrets.token_hex(8)
    fields = {"command_id": command_id, "run": run, "agent": agent, "checkpoint": checkpoint, "reason": reason}
    return "RollbackRun", api.RollbackRunRequest(**fields)


def promotion_request(run: str, agent: str, checkpoint: str) -> tuple[str, Any]:
    """The same for vouching for a checkpoint."""
    command_id = secrets.token_hex(8)
    request = api.PromoteCheckpointRequest(command_id=command_id, run=run, agent=agent, checkpoint=checkpoint)
    return "PromoteCheckpoint", request


def roll_back(run: RunFolder, agent: str, checkpoint: str, reason: str, patience_seconds: float = 10.0) -> str:
    """Ask the controller for a rollback; what it answers. Raises CommandError."""
    method, request = rollback_request(run.name, agent, checkpoint, reason)
    return str(_order(run, "roll back", method, request, patience_seconds).message)


def promote(run: RunFolder, agent: str, checkpoint: str, patience_seconds: float = 10.0) -> str:
    """Vouch for a checkpoint; what the controller answers. Raises CommandError."""
    method, request = promotion_request(run.name, agent, checkpoint)
    return str(_order(run, "promote a checkpoint of", method, request, patience_seconds).message)


def _order(run: RunFolder, verb: str, method: str, request: Any, patience_seconds: float) -> Any:
    """The same request, with the same id, until it is answered: the league may be restarting. Raises CommandError."""
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            with _control(run) as control:
                return ask(control, method, request)
        except Refused:
            raise
        except CommandError as problem:
            if time.monotonic() > deadline:
                raise CommandError(f"cannot {verb} {run.name!r}: {problem}") from problem
        time.sleep(RETRY_SECONDS)


def ask(control: Any, method: str, request: Any) -> Any:
    """One question, once. Raises Refused when asking again would not help, CommandError when nobody answers."""
    try:
        return getattr(control, method)(request, timeout=CALL_SECONDS)
    except grpc.RpcError as error:
        if error.code() in _REFUSALS:
            raise Refused(error.details()) from error
        raise CommandError(f"the league does not answer: {error.details()}") from error


class Watcher:
    """Follows a run in a thread of its own, through restarts of the league. `latest` is the newest status."""

    def __init__(self, run: RunFolder, interval_seconds: float = 0.5) -> None:
        self.latest: RunStatus | None = None
        self.connected = False
        self._first = threading.Event()
        self._run = run
        self._interval_seconds = interval_seconds
        self._stopping = threading.Event()
        self._stream: Any = None
        self._thread = threading.Thread(target=self._follow, name="watch-run", daemon=True)

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        if self._stream is not None:
            self._stream.cancel()
        self._thread.join(timeout=2.0)

    def wait(self, timeout_seconds: float) -> None:
        """Until there is a first status, or not."""
        self._first.wait(timeout_seconds)

    def _follow(self) -> None:
        request = api.WatchRunRequest(run=self._run.name, interval_seconds=self._interval_seconds)
        while not self._stopping.is_set():
            try:
                with _control(self._run) as control:
                    self._stream = control.WatchRun(request)
                    for response in self._stream:
                        self.latest, self.connected = response.status, True
                        self._first.set()
            except (grpc.RpcError, CommandError):
                self.connected = False
            self._stopping.wait(RETRY_SECONDS)
