from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PolicyRef(_message.Message):
    __slots__ = ("agent", "epoch", "step", "sha256")
    AGENT_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    agent: str
    epoch: int
    step: int
    sha256: str
    def __init__(self, agent: _Optional[str] = ..., epoch: _Optional[int] = ..., step: _Optional[int] = ..., sha256: _Optional[str] = ...) -> None: ...

class PolicyHead(_message.Message):
    __slots__ = ("policy", "size_bytes", "architecture_json", "architecture_sha256", "game", "rules", "observation", "decisions", "code_version", "parent", "pinned", "format")
    POLICY_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURE_JSON_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURE_SHA256_FIELD_NUMBER: _ClassVar[int]
    GAME_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    OBSERVATION_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    CODE_VERSION_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PINNED_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    policy: PolicyRef
    size_bytes: int
    architecture_json: str
    architecture_sha256: str
    game: str
    rules: str
    observation: str
    decisions: int
    code_version: str
    parent: PolicyRef
    pinned: bool
    format: str
    def __init__(self, policy: _Optional[_Union[PolicyRef, _Mapping]] = ..., size_bytes: _Optional[int] = ..., architecture_json: _Optional[str] = ..., architecture_sha256: _Optional[str] = ..., game: _Optional[str] = ..., rules: _Optional[str] = ..., observation: _Optional[str] = ..., decisions: _Optional[int] = ..., code_version: _Optional[str] = ..., parent: _Optional[_Union[PolicyRef, _Mapping]] = ..., pinned: bool = ..., format: _Optional[str] = ...) -> None: ...
