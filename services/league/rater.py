"""Refits the ratings of record now and then, away from the loop, and writes them down for dashboards and replicas."""

from __future__ import annotations

import asyncio

from ..api.v1.standings_pb2 import RatingRow, Ratings, Standings
from ..kernel.bus import Bucket
from ..kernel.clock import Periodic
from ..kernel.metrics import Metrics
from ..kernel.players import is_bot
from .ledger import State
from .ratings.bradley_terry import Fit
from .ratings.record import FIXED, Record, rate
from .standings import to_proto

RATINGS_KEY = "ratings"
#: A refit is due after so long, or after so many measured matches, and only where there are new ones.
REFIT_SECONDS, REFIT_RESULTS = 30.0, 200


class Rater:
    """Every fit begins from the last one, so that it costs little."""

    def __init__(self, metrics: Metrics, bucket: Bucket) -> None:
        self._metrics, self._bucket = metrics, bucket
        self._timer = Periodic(REFIT_SECONDS)
        self._fit: Fit | None = None
        self._measured = 0
        self._work: asyncio.Task[None] | None = None

    def look(self, state: State) -> None:
        """Begin a refit if one is due; whoever calls does not wait for it. Raises what the last one raised."""
        if self._work is not None:
            if not self._work.done():
                return
            self._work.result()
            self._work = None
        fresh = measured(state) - self._measured
        if fresh and (fresh >= REFIT_RESULTS or self._timer.due()):
            self._work = asyncio.create_task(self.refit(state), name="ratings")

    async def last(self, state: State) -> None:
        """The final refit, after any that is under way."""
        if self._work is not None:
            await self._work
        await self.refit(state)

    async def refit(self, state: State) -> None:
        standings = to_proto(state)
        record = await asyncio.to_thread(rate, standings, self._fit)
        self._fit, self._measured = record.fit, measured(state)
        await self._bucket.put(RATINGS_KEY, to_message(standings, record).SerializeToString())
        for row in record.standings:
            if is_bot(row.player):
                self._metrics.set("ludus_league_rating", row.rating.elo, player=row.player)
        if learners := [row for row in record.standings if not is_bot(row.player)]:
            self._metrics.set("ludus_league_best_rating", learners[0].rating.elo)
            self._metrics.set("ludus_league_best_rating_error", learners[0].rating.error)
        self._metrics.set("ludus_league_seat_advantage", record.seat.elo)
        self._metrics.set("ludus_league_cyclic_ratio", record.cyclic_share)


def measured(state: State) -> int:
    """Matches that ratings of record are made from."""
    return sum(pair.matches for key, pair in state.pairs.items() if key.purpose in FIXED and not key.regime)


def to_message(standings: Standings, record: Record) -> Ratings:
    """As it is stored."""
    rows = [
        RatingRow(
            player=row.player, elo=row.rating.elo, error=row.rating.error, first_move_elo=row.first_move_elo,
            matches=row.matches, nash_share=row.nash_share, alpha_rank_share=row.alpha_rank_share,
        )
        for row in record.standings
    ]  # fmt: skip
    return Ratings(
        position=standings.position, players=rows, cyclic_share=record.cyclic_share,
        seat_elo=record.seat.elo, seat_error=record.seat.error,
    )  # fmt: skip
