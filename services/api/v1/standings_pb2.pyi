from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Standings(_message.Message):
    __slots__ = ("position", "applied", "players", "pairs", "refused", "results")
    class RefusedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    POSITION_FIELD_NUMBER: _ClassVar[int]
    APPLIED_FIELD_NUMBER: _ClassVar[int]
    PLAYERS_FIELD_NUMBER: _ClassVar[int]
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    position: int
    applied: _containers.RepeatedCompositeFieldContainer[MatchRange]
    players: _containers.RepeatedCompositeFieldContainer[PlayerRow]
    pairs: _containers.RepeatedCompositeFieldContainer[PairRow]
    refused: _containers.ScalarMap[str, int]
    results: int
    def __init__(self, position: _Optional[int] = ..., applied: _Optional[_Iterable[_Union[MatchRange, _Mapping]]] = ..., players: _Optional[_Iterable[_Union[PlayerRow, _Mapping]]] = ..., pairs: _Optional[_Iterable[_Union[PairRow, _Mapping]]] = ..., refused: _Optional[_Mapping[str, int]] = ..., results: _Optional[int] = ...) -> None: ...

class MatchRange(_message.Message):
    __slots__ = ("first", "last")
    FIRST_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    first: int
    last: int
    def __init__(self, first: _Optional[int] = ..., last: _Optional[int] = ...) -> None: ...

class PlayerRow(_message.Message):
    __slots__ = ("player", "milli_elo", "initial_milli_elo", "wins", "draws", "losses")
    PLAYER_FIELD_NUMBER: _ClassVar[int]
    MILLI_ELO_FIELD_NUMBER: _ClassVar[int]
    INITIAL_MILLI_ELO_FIELD_NUMBER: _ClassVar[int]
    WINS_FIELD_NUMBER: _ClassVar[int]
    DRAWS_FIELD_NUMBER: _ClassVar[int]
    LOSSES_FIELD_NUMBER: _ClassVar[int]
    player: str
    milli_elo: int
    initial_milli_elo: int
    wins: int
    draws: int
    losses: int
    def __init__(self, player: _Optional[str] = ..., milli_elo: _Optional[int] = ..., initial_milli_elo: _Optional[int] = ..., wins: _Optional[int] = ..., draws: _Optional[int] = ..., losses: _Optional[int] = ...) -> None: ...

class PairRow(_message.Message):
    __slots__ = ("purpose", "first", "second", "wins", "draws", "losses", "recent_score", "wins_in_seat_0", "matches_in_seat_0", "draws_in_seat_0")
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    SECOND_FIELD_NUMBER: _ClassVar[int]
    WINS_FIELD_NUMBER: _ClassVar[int]
    DRAWS_FIELD_NUMBER: _ClassVar[int]
    LOSSES_FIELD_NUMBER: _ClassVar[int]
    RECENT_SCORE_FIELD_NUMBER: _ClassVar[int]
    WINS_IN_SEAT_0_FIELD_NUMBER: _ClassVar[int]
    MATCHES_IN_SEAT_0_FIELD_NUMBER: _ClassVar[int]
    DRAWS_IN_SEAT_0_FIELD_NUMBER: _ClassVar[int]
    purpose: str
    first: str
    second: str
    wins: int
    draws: int
    losses: int
    recent_score: float
    wins_in_seat_0: int
    matches_in_seat_0: int
    draws_in_seat_0: int
    def __init__(self, purpose: _Optional[str] = ..., first: _Optional[str] = ..., second: _Optional[str] = ..., wins: _Optional[int] = ..., draws: _Optional[int] = ..., losses: _Optional[int] = ..., recent_score: _Optional[float] = ..., wins_in_seat_0: _Optional[int] = ..., matches_in_seat_0: _Optional[int] = ..., draws_in_seat_0: _Optional[int] = ...) -> None: ...
