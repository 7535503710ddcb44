"""What the league shows to Prometheus."""

from __future__ import annotations

from collections.abc import Sequence

from ..api.v1 import match_pb2 as match
from ..api.v1.run_pb2 import RunRecord
from ..kernel.metrics import Metrics
from ..kernel.players import is_bot, is_version
from ..kernel.topology import EVALUATE_POOL, TRAIN_POOL
from .commands import state_name
from .judge import REASONS
from .ledger import State
from .opponents import TRAIN
from .phases import Stage
from .view import View


class Gauges:
    """Counters begin at what was stored: a restarted process counts what it does itself."""

    def __init__(self, metrics: Metrics, state: State) -> None:
        self._metrics = metrics
        self._counted = state
        self._levels: list[str] = []

    def folded(self, state: State) -> None:
        """After results were applied."""
        before, self._counted = self._counted, state
        # Negative after the stored standings were thrown back and are folded again.
        self._metrics.inc("ludus_league_results_applied_total", max(0, state.results - before.results))
        for reason in REASONS:
            count = state.refused.get(reason, 0) - before.refused.get(reason, 0)
            self._metrics.inc("ludus_league_results_refused_total", max(0, count), reason=reason)
        self._metrics.set("ludus_league_ledger_position", state.position)

    def issued(self, tickets: Sequence[match.Ticket]) -> None:
        for ticket in tickets:
            self._metrics.inc("ludus_league_tickets_issued_total", pool=ticket.pool)

    def directed(self, record: RunRecord, view: View, stage: Stage, total_updates: int, snapshots: int) -> None:
        """After a turn of the director."""
        metrics = self._metrics
        metrics.set("ludus_league_tickets_waiting", view.training_waiting, pool=TRAIN_POOL)
        metrics.set("ludus_league_tickets_waiting", view.evaluation_waiting, pool=EVALUATE_POOL)
        metrics.set("ludus_league_pool_size", len(record.pool))
        metrics.inc("ludus_league_snapshots_total", snapshots)
        metrics.state("ludus_league_run_state", state_name(record.state).lower())
        metrics.state("ludus_league_phase", record.phase)
        metrics.set("ludus_league_scripted_share_ratio", stage.scripted_share)
        self._level(record.randomisation)
        metrics.set("ludus_league_progress_ratio", min(view.step / total_updates, 1.0))
        self._ratings(view.standings)

    def _level(self, level: str) -> None:
        """1 for the level in force, 0 for those before it."""
        if level:
            self._levels = list(dict.fromkeys([*self._levels, level]))
        for known in self._levels:
            self._metrics.set("ludus_league_randomisation", float(known == level), level=known)

    def _ratings(self, state: State) -> None:
        """Of the learner and the bots only: versions would be labels without bound."""
        for player, rating in state.players.items():
            if not is_version(player):
                self._metrics.set("ludus_league_elo", rating.milli_elo / 1000, player=player)
        for key, pair in state.pairs.items():
            if key.purpose == TRAIN and is_bot(key.second) and not is_version(key.first):
                self._metrics.set("ludus_league_win_ratio", pair.recent_score, opponent=key.second)
        for solo, returns in state.solos.items():
            if solo.purpose == TRAIN:
                self._metrics.set("ludus_league_recent_return", returns.recent_return)
            if returns.judged and solo.purpose == TRAIN:
                self._metrics.set("ludus_league_recent_success_ratio", returns.recent_success)
