from ludus.api.v1 import policy_pb2 as _policy_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Purpose(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PURPOSE_UNSPECIFIED: _ClassVar[Purpose]
    PURPOSE_TRAIN: _ClassVar[Purpose]
    PURPOSE_EVALUATE: _ClassVar[Purpose]
    PURPOSE_PROBE: _ClassVar[Purpose]

class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_UNSPECIFIED: _ClassVar[Outcome]
    OUTCOME_FIRST_WINS: _ClassVar[Outcome]
    OUTCOME_DRAW: _ClassVar[Outcome]
    OUTCOME_SECOND_WINS: _ClassVar[Outcome]
    OUTCOME_VOID: _ClassVar[Outcome]
    OUTCOME_SCORED: _ClassVar[Outcome]
PURPOSE_UNSPECIFIED: Purpose
PURPOSE_TRAIN: Purpose
PURPOSE_EVALUATE: Purpose
PURPOSE_PROBE: Purpose
OUTCOME_UNSPECIFIED: Outcome
OUTCOME_FIRST_WINS: Outcome
OUTCOME_DRAW: Outcome
OUTCOME_SECOND_WINS: Outcome
OUTCOME_VOID: Outcome
OUTCOME_SCORED: Outcome

class Player(_message.Message):
    __slots__ = ("policy", "bot", "live")
    POLICY_FIELD_NUMBER: _ClassVar[int]
    BOT_FIELD_NUMBER: _ClassVar[int]
    LIVE_FIELD_NUMBER: _ClassVar[int]
    policy: _policy_pb2.PolicyRef
    bot: str
    live: bool
    def __init__(self, policy: _Optional[_Union[_policy_pb2.PolicyRef, _Mapping]] = ..., bot: _Optional[str] = ..., live: bool = ...) -> None: ...

class Ticket(_message.Message):
    __slots__ = ("ticket_id", "run", "pool", "purpose", "game", "rules", "parameters_json", "players", "first_match", "matches", "seeds", "deterministic", "phase", "randomisation", "regime", "seals", "fixed_seats")
    TICKET_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    GAME_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_JSON_FIELD_NUMBER: _ClassVar[int]
    PLAYERS_FIELD_NUMBER: _ClassVar[int]
    FIRST_MATCH_FIELD_NUMBER: _ClassVar[int]
    MATCHES_FIELD_NUMBER: _ClassVar[int]
    SEEDS_FIELD_NUMBER: _ClassVar[int]
    DETERMINISTIC_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    RANDOMISATION_FIELD_NUMBER: _ClassVar[int]
    REGIME_FIELD_NUMBER: _ClassVar[int]
    SEALS_FIELD_NUMBER: _ClassVar[int]
    FIXED_SEATS_FIELD_NUMBER: _ClassVar[int]
    ticket_id: str
    run: str
    pool: str
    purpose: Purpose
    game: str
    rules: str
    parameters_json: str
    players: _containers.RepeatedCompositeFieldContainer[Player]
    first_match: int
    matches: int
    seeds: _containers.RepeatedScalarFieldContainer[int]
    deterministic: bool
    phase: str
    randomisation: str
    regime: str
    seals: _containers.RepeatedScalarFieldContainer[bytes]
    fixed_seats: bool
    def __init__(self, ticket_id: _Optional[str] = ..., run: _Optional[str] = ..., pool: _Optional[str] = ..., purpose: _Optional[_Union[Purpose, str]] = ..., game: _Optional[str] = ..., rules: _Optional[str] = ..., parameters_json: _Optional[str] = ..., players: _Optional[_Iterable[_Union[Player, _Mapping]]] = ..., first_match: _Optional[int] = ..., matches: _Optional[int] = ..., seeds: _Optional[_Iterable[int]] = ..., deterministic: bool = ..., phase: _Optional[str] = ..., randomisation: _Optional[str] = ..., regime: _Optional[str] = ..., seals: _Optional[_Iterable[bytes]] = ..., fixed_seats: bool = ...) -> None: ...

class MatchResult(_message.Message):
    __slots__ = ("match", "ticket_id", "run", "purpose", "players", "first_seat", "outcome", "ending", "seed", "decisions", "policies_at_end", "scores", "worker", "void_reason", "randomisation", "regime", "seal", "success")
    MATCH_FIELD_NUMBER: _ClassVar[int]
    TICKET_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    PLAYERS_FIELD_NUMBER: _ClassVar[int]
    FIRST_SEAT_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    ENDING_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    POLICIES_AT_END_FIELD_NUMBER: _ClassVar[int]
    SCORES_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    VOID_REASON_FIELD_NUMBER: _ClassVar[int]
    RANDOMISATION_FIELD_NUMBER: _ClassVar[int]
    REGIME_FIELD_NUMBER: _ClassVar[int]
    SEAL_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    match: int
    ticket_id: str
    run: str
    purpose: Purpose
    players: _containers.RepeatedCompositeFieldContainer[Player]
    first_seat: int
    outcome: Outcome
    ending: str
    seed: int
    decisions: int
    policies_at_end: _containers.RepeatedCompositeFieldContainer[_policy_pb2.PolicyRef]
    scores: _containers.RepeatedScalarFieldContainer[float]
    worker: str
    void_reason: str
    randomisation: str
    regime: str
    seal: bytes
    success: bool
    def __init__(self, match: _Optional[int] = ..., ticket_id: _Optional[str] = ..., run: _Optional[str] = ..., purpose: _Optional[_Union[Purpose, str]] = ..., players: _Optional[_Iterable[_Union[Player, _Mapping]]] = ..., first_seat: _Optional[int] = ..., outcome: _Optional[_Union[Outcome, str]] = ..., ending: _Optional[str] = ..., seed: _Optional[int] = ..., decisions: _Optional[int] = ..., policies_at_end: _Optional[_Iterable[_Union[_policy_pb2.PolicyRef, _Mapping]]] = ..., scores: _Optional[_Iterable[float]] = ..., worker: _Optional[str] = ..., void_reason: _Optional[str] = ..., randomisation: _Optional[str] = ..., regime: _Optional[str] = ..., seal: _Optional[bytes] = ..., success: bool = ...) -> None: ...
