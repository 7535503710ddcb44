from ludus.api.v1 import match_pb2 as _match_pb2
from ludus.api.v1 import policy_pb2 as _policy_pb2
from ludus.api.v1 import tensor_pb2 as _tensor_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Orders(_message.Message):
    __slots__ = ("window", "tickets", "next_match", "next_ticket")
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    TICKETS_FIELD_NUMBER: _ClassVar[int]
    NEXT_MATCH_FIELD_NUMBER: _ClassVar[int]
    NEXT_TICKET_FIELD_NUMBER: _ClassVar[int]
    window: int
    tickets: _containers.RepeatedCompositeFieldContainer[_match_pb2.Ticket]
    next_match: int
    next_ticket: int
    def __init__(self, window: _Optional[int] = ..., tickets: _Optional[_Iterable[_Union[_match_pb2.Ticket, _Mapping]]] = ..., next_match: _Optional[int] = ..., next_ticket: _Optional[int] = ...) -> None: ...

class ArenaState(_message.Message):
    __slots__ = ("game", "arrays", "tickets", "slots", "queue", "arena_generator_json", "bank_generator", "decisions", "unrated_matches")
    GAME_FIELD_NUMBER: _ClassVar[int]
    ARRAYS_FIELD_NUMBER: _ClassVar[int]
    TICKETS_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    ARENA_GENERATOR_JSON_FIELD_NUMBER: _ClassVar[int]
    BANK_GENERATOR_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    UNRATED_MATCHES_FIELD_NUMBER: _ClassVar[int]
    game: _containers.RepeatedCompositeFieldContainer[NamedTensor]
    arrays: _containers.RepeatedCompositeFieldContainer[NamedTensor]
    tickets: _containers.RepeatedCompositeFieldContainer[_match_pb2.Ticket]
    slots: _containers.RepeatedCompositeFieldContainer[MatchState]
    queue: _containers.RepeatedCompositeFieldContainer[MatchState]
    arena_generator_json: str
    bank_generator: bytes
    decisions: int
    unrated_matches: int
    def __init__(self, game: _Optional[_Iterable[_Union[NamedTensor, _Mapping]]] = ..., arrays: _Optional[_Iterable[_Union[NamedTensor, _Mapping]]] = ..., tickets: _Optional[_Iterable[_Union[_match_pb2.Ticket, _Mapping]]] = ..., slots: _Optional[_Iterable[_Union[MatchState, _Mapping]]] = ..., queue: _Optional[_Iterable[_Union[MatchState, _Mapping]]] = ..., arena_generator_json: _Optional[str] = ..., bank_generator: _Optional[bytes] = ..., decisions: _Optional[int] = ..., unrated_matches: _Optional[int] = ...) -> None: ...

class NamedTensor(_message.Message):
    __slots__ = ("name", "tensor")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TENSOR_FIELD_NUMBER: _ClassVar[int]
    name: str
    tensor: _tensor_pb2.Tensor
    def __init__(self, name: _Optional[str] = ..., tensor: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ...) -> None: ...

class MatchState(_message.Message):
    __slots__ = ("ticket", "number", "seed", "first_seat", "rated", "players")
    TICKET_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    FIRST_SEAT_FIELD_NUMBER: _ClassVar[int]
    RATED_FIELD_NUMBER: _ClassVar[int]
    PLAYERS_FIELD_NUMBER: _ClassVar[int]
    ticket: int
    number: int
    seed: int
    first_seat: int
    rated: bool
    players: _containers.RepeatedCompositeFieldContainer[_policy_pb2.PolicyRef]
    def __init__(self, ticket: _Optional[int] = ..., number: _Optional[int] = ..., seed: _Optional[int] = ..., first_seat: _Optional[int] = ..., rated: bool = ..., players: _Optional[_Iterable[_Union[_policy_pb2.PolicyRef, _Mapping]]] = ...) -> None: ...
