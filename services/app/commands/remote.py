"""`ludus remote`: a run whose league is on another machine."""

from __future__ import annotations

import argparse

import grpc
from rich.console import Console

from ...api.v1 import services_pb2 as api
from ...api.v1 import services_pb2_grpc as stubs
from ...api.v1.run_pb2 import RunState, RunStatus
from ..client import OPTIONS, ask, command_request
from ..home import Home
from ..people import channel_credentials


def remote(options: argparse.Namespace, home: Home, console: Console) -> int:
    credentials = channel_credentials(options.credentials)
    with grpc.secure_channel(options.league, credentials, options=OPTIONS) as channel:
        control = stubs.ControlServiceStub(channel)  # type: ignore[no-untyped-call]
        if options.verb == "status":
            answer = ask(control, "GetStatus", api.GetStatusRequest(run=options.run))
            console.print(_line(answer.status), highlight=False, markup=False)
            return 0
        state = ask(control, *command_request(options.run, options.verb, options.reason)).state
    console.print(f"{options.run}: {_name(state)}", highlight=False, markup=False)
    return 0


def _name(state: RunState) -> str:
    return RunState.Name(state).removeprefix("RUN_STATE_").lower()


def _line(status: RunStatus) -> str:
    record = status.record
    warnings = "".join(f"\nwarning: {warning}" for warning in status.warnings)
    return (
        f"{status.run}: {_name(record.state)}, {record.phase or 'no phase'}, {status.progress:.0%}, "
        f"{status.health.decisions_per_second:,.0f} decisions/s{warnings}"
    )
