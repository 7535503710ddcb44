from ludus.api.v1 import policy_pb2 as _policy_pb2
from ludus.api.v1 import tensor_pb2 as _tensor_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Rollout(_message.Message):
    __slots__ = ("rollout_id", "run", "behaviour", "observations", "actions", "log_probs", "rewards", "terminated", "truncated", "last_observations", "simulator", "final_observations")
    ROLLOUT_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    BEHAVIOUR_FIELD_NUMBER: _ClassVar[int]
    OBSERVATIONS_FIELD_NUMBER: _ClassVar[int]
    ACTIONS_FIELD_NUMBER: _ClassVar[int]
    LOG_PROBS_FIELD_NUMBER: _ClassVar[int]
    REWARDS_FIELD_NUMBER: _ClassVar[int]
    TERMINATED_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    LAST_OBSERVATIONS_FIELD_NUMBER: _ClassVar[int]
    SIMULATOR_FIELD_NUMBER: _ClassVar[int]
    FINAL_OBSERVATIONS_FIELD_NUMBER: _ClassVar[int]
    rollout_id: str
    run: str
    behaviour: _policy_pb2.PolicyRef
    observations: _tensor_pb2.Tensor
    actions: _tensor_pb2.Tensor
    log_probs: _tensor_pb2.Tensor
    rewards: _tensor_pb2.Tensor
    terminated: _tensor_pb2.Tensor
    truncated: _tensor_pb2.Tensor
    last_observations: _tensor_pb2.Tensor
    simulator: str
    final_observations: _tensor_pb2.Tensor
    def __init__(self, rollout_id: _Optional[str] = ..., run: _Optional[str] = ..., behaviour: _Optional[_Union[_policy_pb2.PolicyRef, _Mapping]] = ..., observations: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., actions: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., log_probs: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., rewards: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., terminated: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., truncated: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., last_observations: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., simulator: _Optional[str] = ..., final_observations: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ...) -> None: ...
