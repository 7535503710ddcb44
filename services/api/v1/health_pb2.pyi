from ludus.api.v1 import policy_pb2 as _policy_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LearnerHealth(_message.Message):
    __slots__ = ("policy", "run", "total_steps", "decisions", "decisions_per_second", "metrics", "finished", "checkpoint_step", "warning", "checkpoint_epoch", "rejected")
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    POLICY_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_STEPS_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_STEP_FIELD_NUMBER: _ClassVar[int]
    WARNING_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_EPOCH_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    policy: _policy_pb2.PolicyRef
    run: str
    total_steps: int
    decisions: int
    decisions_per_second: float
    metrics: _containers.ScalarMap[str, float]
    finished: bool
    checkpoint_step: int
    warning: str
    checkpoint_epoch: int
    rejected: bool
    def __init__(self, policy: _Optional[_Union[_policy_pb2.PolicyRef, _Mapping]] = ..., run: _Optional[str] = ..., total_steps: _Optional[int] = ..., decisions: _Optional[int] = ..., decisions_per_second: _Optional[float] = ..., metrics: _Optional[_Mapping[str, float]] = ..., finished: bool = ..., checkpoint_step: _Optional[int] = ..., warning: _Optional[str] = ..., checkpoint_epoch: _Optional[int] = ..., rejected: bool = ...) -> None: ...
