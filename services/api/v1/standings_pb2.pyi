from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Standings(_message.Message):
    __slots__ = ("position", "applied", "players", "pairs", "refused", "results", "solos", "epochs", "prior_milli_elo", "fold_version")
    class RefusedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class EpochsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class PriorMilliEloEntry(_message.Message):
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
    SOLOS_FIELD_NUMBER: _ClassVar[int]
    EPOCHS_FIELD_NUMBER: _ClassVar[int]
    PRIOR_MILLI_ELO_FIELD_NUMBER: _ClassVar[int]
    FOLD_VERSION_FIELD_NUMBER: _ClassVar[int]
    position: int
    applied: _containers.RepeatedCompositeFieldContainer[MatchRange]
    players: _containers.RepeatedCompositeFieldContainer[PlayerRow]
    pairs: _containers.RepeatedCompositeFieldContainer[PairRow]
    refused: _containers.ScalarMap[str, int]
    results: int
    solos: _containers.RepeatedCompositeFieldContainer[SoloRow]
    epochs: _containers.ScalarMap[str, int]
    prior_milli_elo: _containers.ScalarMap[str, int]
    fold_version: int
    def __init__(self, position: _Optional[int] = ..., applied: _Optional[_Iterable[_Union[MatchRange, _Mapping]]] = ..., players: _Optional[_Iterable[_Union[PlayerRow, _Mapping]]] = ..., pairs: _Optional[_Iterable[_Union[PairRow, _Mapping]]] = ..., refused: _Optional[_Mapping[str, int]] = ..., results: _Optional[int] = ..., solos: _Optional[_Iterable[_Union[SoloRow, _Mapping]]] = ..., epochs: _Optional[_Mapping[str, int]] = ..., prior_milli_elo: _Optional[_Mapping[str, int]] = ..., fold_version: _Optional[int] = ...) -> None: ...

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

class SoloRow(_message.Message):
    __slots__ = ("purpose", "player", "episodes", "return_mean", "return_m2", "recent_return", "decisions", "regime", "judged", "successes", "recent_success")
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    PLAYER_FIELD_NUMBER: _ClassVar[int]
    EPISODES_FIELD_NUMBER: _ClassVar[int]
    RETURN_MEAN_FIELD_NUMBER: _ClassVar[int]
    RETURN_M2_FIELD_NUMBER: _ClassVar[int]
    RECENT_RETURN_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    REGIME_FIELD_NUMBER: _ClassVar[int]
    JUDGED_FIELD_NUMBER: _ClassVar[int]
    SUCCESSES_FIELD_NUMBER: _ClassVar[int]
    RECENT_SUCCESS_FIELD_NUMBER: _ClassVar[int]
    purpose: str
    player: str
    episodes: int
    return_mean: float
    return_m2: float
    recent_return: float
    decisions: int
    regime: str
    judged: int
    successes: int
    recent_success: float
    def __init__(self, purpose: _Optional[str] = ..., player: _Optional[str] = ..., episodes: _Optional[int] = ..., return_mean: _Optional[float] = ..., return_m2: _Optional[float] = ..., recent_return: _Optional[float] = ..., decisions: _Optional[int] = ..., regime: _Optional[str] = ..., judged: _Optional[int] = ..., successes: _Optional[int] = ..., recent_success: _Optional[float] = ...) -> None: ...

class PairRow(_message.Message):
    __slots__ = ("purpose", "first", "second", "wins", "draws", "losses", "recent_score", "wins_in_seat_0", "matches_in_seat_0", "draws_in_seat_0", "regime")
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
    REGIME_FIELD_NUMBER: _ClassVar[int]
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
    regime: str
    def __init__(self, purpose: _Optional[str] = ..., first: _Optional[str] = ..., second: _Optional[str] = ..., wins: _Optional[int] = ..., draws: _Optional[int] = ..., losses: _Optional[int] = ..., recent_score: _Optional[float] = ..., wins_in_seat_0: _Optional[int] = ..., matches_in_seat_0: _Optional[int] = ..., draws_in_seat_0: _Optional[int] = ..., regime: _Optional[str] = ...) -> None: ...

class Ratings(_message.Message):
    __slots__ = ("position", "players", "seat_elo", "seat_error", "cyclic_share")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    PLAYERS_FIELD_NUMBER: _ClassVar[int]
    SEAT_ELO_FIELD_NUMBER: _ClassVar[int]
    SEAT_ERROR_FIELD_NUMBER: _ClassVar[int]
    CYCLIC_SHARE_FIELD_NUMBER: _ClassVar[int]
    position: int
    players: _containers.RepeatedCompositeFieldContainer[RatingRow]
    seat_elo: float
    seat_error: float
    cyclic_share: float
    def __init__(self, position: _Optional[int] = ..., players: _Optional[_Iterable[_Union[RatingRow, _Mapping]]] = ..., seat_elo: _Optional[float] = ..., seat_error: _Optional[float] = ..., cyclic_share: _Optional[float] = ...) -> None: ...

class RatingRow(_message.Message):
    __slots__ = ("player", "elo", "error", "first_move_elo", "matches", "nash_share", "alpha_rank_share")
    PLAYER_FIELD_NUMBER: _ClassVar[int]
    ELO_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    FIRST_MOVE_ELO_FIELD_NUMBER: _ClassVar[int]
    MATCHES_FIELD_NUMBER: _ClassVar[int]
    NASH_SHARE_FIELD_NUMBER: _ClassVar[int]
    ALPHA_RANK_SHARE_FIELD_NUMBER: _ClassVar[int]
    player: str
    elo: float
    error: float
    first_move_elo: float
    matches: int
    nash_share: float
    alpha_rank_share: float
    def __init__(self, player: _Optional[str] = ..., elo: _Optional[float] = ..., error: _Optional[float] = ..., first_move_elo: _Optional[float] = ..., matches: _Optional[int] = ..., nash_share: _Optional[float] = ..., alpha_rank_share: _Optional[float] = ...) -> None: ...
