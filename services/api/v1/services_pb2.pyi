from ludus.api.v1 import role_pb2 as _role_pb2
from ludus.api.v1 import run_pb2 as _run_pb2
from ludus.api.v1 import standings_pb2 as _standings_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PauseRunRequest(_message.Message):
    __slots__ = ("command_id", "run")
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    command_id: str
    run: str
    def __init__(self, command_id: _Optional[str] = ..., run: _Optional[str] = ...) -> None: ...

class PauseRunResponse(_message.Message):
    __slots__ = ("state",)
    STATE_FIELD_NUMBER: _ClassVar[int]
    state: _run_pb2.RunState
    def __init__(self, state: _Optional[_Union[_run_pb2.RunState, str]] = ...) -> None: ...

class ResumeRunRequest(_message.Message):
    __slots__ = ("command_id", "run")
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    command_id: str
    run: str
    def __init__(self, command_id: _Optional[str] = ..., run: _Optional[str] = ...) -> None: ...

class ResumeRunResponse(_message.Message):
    __slots__ = ("state",)
    STATE_FIELD_NUMBER: _ClassVar[int]
    state: _run_pb2.RunState
    def __init__(self, state: _Optional[_Union[_run_pb2.RunState, str]] = ...) -> None: ...

class StopRunRequest(_message.Message):
    __slots__ = ("command_id", "run", "reason")
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    command_id: str
    run: str
    reason: str
    def __init__(self, command_id: _Optional[str] = ..., run: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class StopRunResponse(_message.Message):
    __slots__ = ("state",)
    STATE_FIELD_NUMBER: _ClassVar[int]
    state: _run_pb2.RunState
    def __init__(self, state: _Optional[_Union[_run_pb2.RunState, str]] = ...) -> None: ...

class RollbackRunRequest(_message.Message):
    __slots__ = ("command_id", "run", "agent", "checkpoint", "reason", "rule")
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    command_id: str
    run: str
    agent: str
    checkpoint: str
    reason: str
    rule: str
    def __init__(self, command_id: _Optional[str] = ..., run: _Optional[str] = ..., agent: _Optional[str] = ..., checkpoint: _Optional[str] = ..., reason: _Optional[str] = ..., rule: _Optional[str] = ...) -> None: ...

class RollbackRunResponse(_message.Message):
    __slots__ = ("message",)
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    message: str
    def __init__(self, message: _Optional[str] = ...) -> None: ...

class PromoteCheckpointRequest(_message.Message):
    __slots__ = ("command_id", "run", "agent", "checkpoint")
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    command_id: str
    run: str
    agent: str
    checkpoint: str
    def __init__(self, command_id: _Optional[str] = ..., run: _Optional[str] = ..., agent: _Optional[str] = ..., checkpoint: _Optional[str] = ...) -> None: ...

class PromoteCheckpointResponse(_message.Message):
    __slots__ = ("message",)
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    message: str
    def __init__(self, message: _Optional[str] = ...) -> None: ...

class GetStatusRequest(_message.Message):
    __slots__ = ("run",)
    RUN_FIELD_NUMBER: _ClassVar[int]
    run: str
    def __init__(self, run: _Optional[str] = ...) -> None: ...

class GetStatusResponse(_message.Message):
    __slots__ = ("status",)
    STATUS_FIELD_NUMBER: _ClassVar[int]
    status: _run_pb2.RunStatus
    def __init__(self, status: _Optional[_Union[_run_pb2.RunStatus, _Mapping]] = ...) -> None: ...

class WatchRunRequest(_message.Message):
    __slots__ = ("run", "interval_seconds")
    RUN_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    run: str
    interval_seconds: float
    def __init__(self, run: _Optional[str] = ..., interval_seconds: _Optional[float] = ...) -> None: ...

class WatchRunResponse(_message.Message):
    __slots__ = ("status",)
    STATUS_FIELD_NUMBER: _ClassVar[int]
    status: _run_pb2.RunStatus
    def __init__(self, status: _Optional[_Union[_run_pb2.RunStatus, _Mapping]] = ...) -> None: ...

class GetStandingsRequest(_message.Message):
    __slots__ = ("run",)
    RUN_FIELD_NUMBER: _ClassVar[int]
    run: str
    def __init__(self, run: _Optional[str] = ...) -> None: ...

class GetStandingsResponse(_message.Message):
    __slots__ = ("standings",)
    STANDINGS_FIELD_NUMBER: _ClassVar[int]
    standings: _standings_pb2.Standings
    def __init__(self, standings: _Optional[_Union[_standings_pb2.Standings, _Mapping]] = ...) -> None: ...

class GetPayoffRequest(_message.Message):
    __slots__ = ("run", "purpose")
    RUN_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    run: str
    purpose: str
    def __init__(self, run: _Optional[str] = ..., purpose: _Optional[str] = ...) -> None: ...

class GetPayoffResponse(_message.Message):
    __slots__ = ("pairs",)
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    pairs: _containers.RepeatedCompositeFieldContainer[_standings_pb2.PairRow]
    def __init__(self, pairs: _Optional[_Iterable[_Union[_standings_pb2.PairRow, _Mapping]]] = ...) -> None: ...
