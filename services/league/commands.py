"""What a person may ask of a run, as pure changes of its record. A command id that was seen before changes nothing."""

from __future__ import annotations

from typing import Literal

from ..api.v1 import run_pb2 as run

Command = Literal["pause", "resume", "stop"]
#: How many command ids are remembered. A client retries within seconds, not after hundreds of other commands.
REMEMBERED = 256

_OVER = (run.RUN_STATE_FINISHED, run.RUN_STATE_STOPPED, run.RUN_STATE_FAILED)


class NotPossible(ValueError):
    """The run is in a state in which this command makes no sense. The message says what to do instead."""


def carry_out(record: run.RunRecord, command: Command, command_id: str, reason: str = "") -> run.RunRecord:
    """The record after the command. Raises NotPossible; the id is then not remembered."""
    changed = run.RunRecord()
    changed.CopyFrom(record)
    if command_id in record.commands_done:
        return changed
    changed.state = _next_state(record.state, command)
    changed.reason = reason if command == "stop" else ""
    return remember(changed, command_id)


def remember(record: run.RunRecord, command_id: str) -> run.RunRecord:
    """The record with one more command that has been carried out."""
    changed = run.RunRecord()
    changed.CopyFrom(record)
    if command_id not in record.commands_done:
        changed.commands_done[:] = [*record.commands_done, command_id][-REMEMBERED:]
    return changed


def revived(record: run.RunRecord) -> run.RunRecord:
    """The record of a run that was stopped, or gave up, and is started again."""
    changed = run.RunRecord()
    changed.CopyFrom(record)
    if record.state in (run.RUN_STATE_STOPPED, run.RUN_STATE_FAILED):
        changed.state = _training_or_starting(record)
        changed.reason = ""
    return changed


def is_over(record: run.RunRecord) -> bool:
    return record.state in _OVER


def state_name(state: run.RunState) -> str:
    """`RUN_STATE_TRAINING` -> "TRAINING"."""
    return run.RunState.Name(state).removeprefix("RUN_STATE_")


def _next_state(state: run.RunState, command: Command) -> run.RunState:
    name = state_name(state)
    if state in _OVER:
        hint = " Start it again with `ludus resume`." if state == run.RUN_STATE_STOPPED else ""
        raise NotPossible(f"cannot {command} a run that is {name}.{hint}")
    if command == "stop":
        return run.RUN_STATE_STOPPED
    if command == "pause":
        if state not in (run.RUN_STATE_TRAINING, run.RUN_STATE_PAUSED):
            raise NotPossible(f"cannot pause a run that is {name}: only a run that is TRAINING can be paused.")
        return run.RUN_STATE_PAUSED
    return run.RUN_STATE_TRAINING if state == run.RUN_STATE_PAUSED else state


def _training_or_starting(record: run.RunRecord) -> run.RunState:
    """A run that had its step-0 version goes on training; the director finds out itself when training is over."""
    return run.RUN_STATE_TRAINING if record.pool else run.RUN_STATE_STARTING
