from ludus.api.v1 import health_pb2 as _health_pb2
from ludus.api.v1 import lockstep_pb2 as _lockstep_pb2
from ludus.api.v1 import policy_pb2 as _policy_pb2
from ludus.api.v1 import standings_pb2 as _standings_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RunState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RUN_STATE_UNSPECIFIED: _ClassVar[RunState]
    RUN_STATE_STARTING: _ClassVar[RunState]
    RUN_STATE_TRAINING: _ClassVar[RunState]
    RUN_STATE_PAUSED: _ClassVar[RunState]
    RUN_STATE_EVALUATING: _ClassVar[RunState]
    RUN_STATE_FINISHED: _ClassVar[RunState]
    RUN_STATE_STOPPED: _ClassVar[RunState]
    RUN_STATE_FAILED: _ClassVar[RunState]
RUN_STATE_UNSPECIFIED: RunState
RUN_STATE_STARTING: RunState
RUN_STATE_TRAINING: RunState
RUN_STATE_PAUSED: RunState
RUN_STATE_EVALUATING: RunState
RUN_STATE_FINISHED: RunState
RUN_STATE_STOPPED: RunState
RUN_STATE_FAILED: RunState

class RunRecord(_message.Message):
    __slots__ = ("state", "phase", "reason", "next_match", "next_ticket", "pool", "last_snapshot_step", "last_evaluation_step", "commands_done", "epoch", "evaluation_matches", "orders", "randomisation", "learning", "snapshot_steps", "curriculum", "champions", "gate", "regressed", "exploiters", "stage_step", "reentry", "balance", "stages", "checkpoint_step", "trial_failure")
    class EvaluationMatchesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class SnapshotStepsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class RegressedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class ExploitersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: ExploiterState
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[ExploiterState, _Mapping]] = ...) -> None: ...
    STATE_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    NEXT_MATCH_FIELD_NUMBER: _ClassVar[int]
    NEXT_TICKET_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    LAST_SNAPSHOT_STEP_FIELD_NUMBER: _ClassVar[int]
    LAST_EVALUATION_STEP_FIELD_NUMBER: _ClassVar[int]
    COMMANDS_DONE_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    EVALUATION_MATCHES_FIELD_NUMBER: _ClassVar[int]
    ORDERS_FIELD_NUMBER: _ClassVar[int]
    RANDOMISATION_FIELD_NUMBER: _ClassVar[int]
    LEARNING_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_STEPS_FIELD_NUMBER: _ClassVar[int]
    CURRICULUM_FIELD_NUMBER: _ClassVar[int]
    CHAMPIONS_FIELD_NUMBER: _ClassVar[int]
    GATE_FIELD_NUMBER: _ClassVar[int]
    REGRESSED_FIELD_NUMBER: _ClassVar[int]
    EXPLOITERS_FIELD_NUMBER: _ClassVar[int]
    STAGE_STEP_FIELD_NUMBER: _ClassVar[int]
    REENTRY_FIELD_NUMBER: _ClassVar[int]
    BALANCE_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_STEP_FIELD_NUMBER: _ClassVar[int]
    TRIAL_FAILURE_FIELD_NUMBER: _ClassVar[int]
    state: RunState
    phase: str
    reason: str
    next_match: int
    next_ticket: int
    pool: _containers.RepeatedScalarFieldContainer[str]
    last_snapshot_step: int
    last_evaluation_step: int
    commands_done: _containers.RepeatedScalarFieldContainer[str]
    epoch: int
    evaluation_matches: _containers.ScalarMap[str, int]
    orders: _lockstep_pb2.Orders
    randomisation: str
    learning: _containers.RepeatedScalarFieldContainer[str]
    snapshot_steps: _containers.ScalarMap[str, int]
    curriculum: CurriculumState
    champions: _containers.RepeatedScalarFieldContainer[str]
    gate: GateState
    regressed: _containers.ScalarMap[str, str]
    exploiters: _containers.MessageMap[str, ExploiterState]
    stage_step: int
    reentry: Reentry
    balance: BalanceState
    stages: StageState
    checkpoint_step: int
    trial_failure: str
    def __init__(self, state: _Optional[_Union[RunState, str]] = ..., phase: _Optional[str] = ..., reason: _Optional[str] = ..., next_match: _Optional[int] = ..., next_ticket: _Optional[int] = ..., pool: _Optional[_Iterable[str]] = ..., last_snapshot_step: _Optional[int] = ..., last_evaluation_step: _Optional[int] = ..., commands_done: _Optional[_Iterable[str]] = ..., epoch: _Optional[int] = ..., evaluation_matches: _Optional[_Mapping[str, int]] = ..., orders: _Optional[_Union[_lockstep_pb2.Orders, _Mapping]] = ..., randomisation: _Optional[str] = ..., learning: _Optional[_Iterable[str]] = ..., snapshot_steps: _Optional[_Mapping[str, int]] = ..., curriculum: _Optional[_Union[CurriculumState, _Mapping]] = ..., champions: _Optional[_Iterable[str]] = ..., gate: _Optional[_Union[GateState, _Mapping]] = ..., regressed: _Optional[_Mapping[str, str]] = ..., exploiters: _Optional[_Mapping[str, ExploiterState]] = ..., stage_step: _Optional[int] = ..., reentry: _Optional[_Union[Reentry, _Mapping]] = ..., balance: _Optional[_Union[BalanceState, _Mapping]] = ..., stages: _Optional[_Union[StageState, _Mapping]] = ..., checkpoint_step: _Optional[int] = ..., trial_failure: _Optional[str] = ...) -> None: ...

class Trial(_message.Message):
    __slots__ = ("on", "begun", "failures", "hold")
    ON_FIELD_NUMBER: _ClassVar[int]
    BEGUN_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    HOLD_FIELD_NUMBER: _ClassVar[int]
    on: bool
    begun: float
    failures: int
    hold: int
    def __init__(self, on: bool = ..., begun: _Optional[float] = ..., failures: _Optional[int] = ..., hold: _Optional[int] = ...) -> None: ...

class StageState(_message.Message):
    __slots__ = ("trial", "trying", "looked")
    TRIAL_FIELD_NUMBER: _ClassVar[int]
    TRYING_FIELD_NUMBER: _ClassVar[int]
    LOOKED_FIELD_NUMBER: _ClassVar[int]
    trial: Trial
    trying: int
    looked: int
    def __init__(self, trial: _Optional[_Union[Trial, _Mapping]] = ..., trying: _Optional[int] = ..., looked: _Optional[int] = ...) -> None: ...

class Reentry(_message.Message):
    __slots__ = ("step", "updates")
    STEP_FIELD_NUMBER: _ClassVar[int]
    UPDATES_FIELD_NUMBER: _ClassVar[int]
    step: int
    updates: int
    def __init__(self, step: _Optional[int] = ..., updates: _Optional[int] = ...) -> None: ...

class BalanceState(_message.Message):
    __slots__ = ("weak", "began", "stronger", "streak", "looked", "futile")
    WEAK_FIELD_NUMBER: _ClassVar[int]
    BEGAN_FIELD_NUMBER: _ClassVar[int]
    STRONGER_FIELD_NUMBER: _ClassVar[int]
    STREAK_FIELD_NUMBER: _ClassVar[int]
    LOOKED_FIELD_NUMBER: _ClassVar[int]
    FUTILE_FIELD_NUMBER: _ClassVar[int]
    weak: str
    began: int
    stronger: str
    streak: int
    looked: int
    futile: bool
    def __init__(self, weak: _Optional[str] = ..., began: _Optional[int] = ..., stronger: _Optional[str] = ..., streak: _Optional[int] = ..., looked: _Optional[int] = ..., futile: bool = ...) -> None: ...

class ExploiterState(_message.Message):
    __slots__ = ("beginnings", "start", "epoch", "begin_step", "wins", "matches", "promoted")
    BEGINNINGS_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    BEGIN_STEP_FIELD_NUMBER: _ClassVar[int]
    WINS_FIELD_NUMBER: _ClassVar[int]
    MATCHES_FIELD_NUMBER: _ClassVar[int]
    PROMOTED_FIELD_NUMBER: _ClassVar[int]
    beginnings: int
    start: _policy_pb2.PolicyRef
    epoch: int
    begin_step: int
    wins: int
    matches: int
    promoted: int
    def __init__(self, beginnings: _Optional[int] = ..., start: _Optional[_Union[_policy_pb2.PolicyRef, _Mapping]] = ..., epoch: _Optional[int] = ..., begin_step: _Optional[int] = ..., wins: _Optional[int] = ..., matches: _Optional[int] = ..., promoted: _Optional[int] = ...) -> None: ...

class GateState(_message.Message):
    __slots__ = ("candidate", "ordered")
    CANDIDATE_FIELD_NUMBER: _ClassVar[int]
    ORDERED_FIELD_NUMBER: _ClassVar[int]
    candidate: str
    ordered: int
    def __init__(self, candidate: _Optional[str] = ..., ordered: _Optional[int] = ...) -> None: ...

class CurriculumState(_message.Message):
    __slots__ = ("level", "level_step", "canary", "canary_step", "base", "calm", "hold", "looked", "panel", "warming", "warm_until", "turn", "phase", "phase_begin", "trial")
    class BaseEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class PanelEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    LEVEL_STEP_FIELD_NUMBER: _ClassVar[int]
    CANARY_FIELD_NUMBER: _ClassVar[int]
    CANARY_STEP_FIELD_NUMBER: _ClassVar[int]
    BASE_FIELD_NUMBER: _ClassVar[int]
    CALM_FIELD_NUMBER: _ClassVar[int]
    HOLD_FIELD_NUMBER: _ClassVar[int]
    LOOKED_FIELD_NUMBER: _ClassVar[int]
    PANEL_FIELD_NUMBER: _ClassVar[int]
    WARMING_FIELD_NUMBER: _ClassVar[int]
    WARM_UNTIL_FIELD_NUMBER: _ClassVar[int]
    TURN_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    PHASE_BEGIN_FIELD_NUMBER: _ClassVar[int]
    TRIAL_FIELD_NUMBER: _ClassVar[int]
    level: int
    level_step: float
    canary: bool
    canary_step: float
    base: _containers.ScalarMap[str, float]
    calm: int
    hold: int
    looked: int
    panel: _containers.ScalarMap[str, float]
    warming: str
    warm_until: int
    turn: str
    phase: int
    phase_begin: int
    trial: Trial
    def __init__(self, level: _Optional[int] = ..., level_step: _Optional[float] = ..., canary: bool = ..., canary_step: _Optional[float] = ..., base: _Optional[_Mapping[str, float]] = ..., calm: _Optional[int] = ..., hold: _Optional[int] = ..., looked: _Optional[int] = ..., panel: _Optional[_Mapping[str, float]] = ..., warming: _Optional[str] = ..., warm_until: _Optional[int] = ..., turn: _Optional[str] = ..., phase: _Optional[int] = ..., phase_begin: _Optional[int] = ..., trial: _Optional[_Union[Trial, _Mapping]] = ...) -> None: ...

class ServiceStatus(_message.Message):
    __slots__ = ("service", "state", "heartbeat_age_milliseconds", "restarts")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_AGE_MILLISECONDS_FIELD_NUMBER: _ClassVar[int]
    RESTARTS_FIELD_NUMBER: _ClassVar[int]
    service: str
    state: str
    heartbeat_age_milliseconds: int
    restarts: int
    def __init__(self, service: _Optional[str] = ..., state: _Optional[str] = ..., heartbeat_age_milliseconds: _Optional[int] = ..., restarts: _Optional[int] = ...) -> None: ...

class RunStatus(_message.Message):
    __slots__ = ("run", "game", "record", "health", "progress", "eta_seconds", "standings", "warnings", "tickets_waiting", "scripted_share", "elapsed_seconds", "randomisation", "agents")
    RUN_FIELD_NUMBER: _ClassVar[int]
    GAME_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    ETA_SECONDS_FIELD_NUMBER: _ClassVar[int]
    STANDINGS_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    TICKETS_WAITING_FIELD_NUMBER: _ClassVar[int]
    SCRIPTED_SHARE_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_SECONDS_FIELD_NUMBER: _ClassVar[int]
    RANDOMISATION_FIELD_NUMBER: _ClassVar[int]
    AGENTS_FIELD_NUMBER: _ClassVar[int]
    run: str
    game: str
    record: RunRecord
    health: _health_pb2.LearnerHealth
    progress: float
    eta_seconds: float
    standings: _standings_pb2.Standings
    warnings: _containers.RepeatedScalarFieldContainer[str]
    tickets_waiting: int
    scripted_share: float
    elapsed_seconds: float
    randomisation: str
    agents: _containers.RepeatedCompositeFieldContainer[_health_pb2.LearnerHealth]
    def __init__(self, run: _Optional[str] = ..., game: _Optional[str] = ..., record: _Optional[_Union[RunRecord, _Mapping]] = ..., health: _Optional[_Union[_health_pb2.LearnerHealth, _Mapping]] = ..., progress: _Optional[float] = ..., eta_seconds: _Optional[float] = ..., standings: _Optional[_Union[_standings_pb2.Standings, _Mapping]] = ..., warnings: _Optional[_Iterable[str]] = ..., tickets_waiting: _Optional[int] = ..., scripted_share: _Optional[float] = ..., elapsed_seconds: _Optional[float] = ..., randomisation: _Optional[str] = ..., agents: _Optional[_Iterable[_Union[_health_pb2.LearnerHealth, _Mapping]]] = ...) -> None: ...
