"""`ludus remote`: a run whose league is on another machine."""

from __future__ import annotations

import argparse
from typing import Any

import grpc
from rich.console import Console

from ...api.v1 import services_pb2 as api
from ...api.v1 import services_pb2_grpc as stubs
from ...api.v1.run_pb2 import RunState, RunStatus
from ..client import OPTIONS, ask, command_request, promotion_request, rollback_request
from ..errors import UsageError
from ..home import Home
from ..people import channel_credentials


def remote(options: argparse.Namespace, home: Home, console: Console) -> int:
    method, request = _order(options)
    credentials = channel_credentials(options.credentials)
    with grpc.secure_channel(options.league, credentials, options=OPTIONS) as channel:
        control = stubs.ControlServiceStub(channel)  # type: ignore[no-untyped-call]
        answer = ask(control, method, request)
    console.print(_said(options.run, answer), highlight=False, markup=False)
    return 0


def _order(options: argparse.Namespace) -> tuple[str, Any]:
    """Raises UsageError for one that is not complete."""
    run, verb = options.run, options.verb
    if verb == "status":
        return "GetStatus", api.GetStatusRequest(run=run)
    if verb == "rollback":
        return rollback_request(run, options.agent, options.checkpoint, options.reason)
    if verb == "promote":
        if not options.checkpoint:
            raise UsageError("promote: say which checkpoint: --checkpoint EPOCH-STEP")
        return promotion_request(run, options.agent, options.checkpoint)
    return command_request(run, verb, options.reason)


def _said(run: str, answer: Any) -> str:
    if isinstance(answer, api.GetStatusResponse):
        return _line(answer.status)
    if isinstance(answer, api.RollbackRunResponse | api.PromoteCheckpointResponse):
        return str(answer.message)
    return f"{run}: {_name(answer.state)}"


def _name(state: RunState) -> str:
    return RunState.Name(state).removeprefix("RUN_STATE_").lower()


def _line(status: RunStatus) -> str:
    record = status.record
    warnings = "".join(f"\nwarning: {warning}" for warning in status.warnings)
    return (
        f"{status.run}: {_name(record.state)}, {record.phase or 'no phase'}, {status.progress:.0%}, "
        f"{status.health.decisions_per_second:,.0f} decisions/s{warnings}"
    )
