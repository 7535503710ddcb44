"""The playing itself: an arena, and the windows that record what the agents' seats saw in it."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence

import torch

from ..api.v1.match_pb2 import OUTCOME_DRAW, OUTCOME_FIRST_WINS, OUTCOME_SCORED, OUTCOME_SECOND_WINS, MatchResult
from ..api.v1.rollout_pb2 import Rollout
from ..kernel.service import Context
from ..play.arena import Arena
from ..play.showcase import Showcase
from ..play.tuning import tune_thread
from .recorder import Window

OUTCOME_NAMES = {
    OUTCOME_FIRST_WINS: "win", OUTCOME_DRAW: "draw", OUTCOME_SECOND_WINS: "loss", OUTCOME_SCORED: "scored",
}  # fmt: skip


class Table:
    """Plays whole windows of decisions."""

    def __init__(self, ctx: Context, arena: Arena, showcase: Showcase | None = None) -> None:
        """`showcase` keeps matches of the arena, whose tape it is."""
        self._ctx = ctx
        self._showcase = showcase
        self.arena = arena
        game, steps = arena.game, ctx.config.simulator.steps
        names = ctx.config.agent_names
        self._windows = {agent: Window(steps, game.batch, game.obs_size, game.act_size) for agent in names}
        for agent, window in self._windows.items():
            window.watch(arena.live_seats(agent))

    def play_window(self) -> list[MatchResult]:
        """T decisions of every slot; the results of the matches that ended. Runs in a thread of its own."""
        tune_thread(self._ctx.config.simulator.threads)
        results: list[MatchResult] = []
        started = time.monotonic()
        with torch.inference_mode():
            for _ in range(self._ctx.config.simulator.steps):
                results += self.arena.step(self._windows.values())
        self._ctx.metrics.set("ludus_simulator_window_seconds", time.monotonic() - started)
        return results

    def cut(self, prefix: str, agents: Collection[str] | None = None) -> list[Rollout]:
        """The window just played as messages, of these agents or of all; `prefix` and a number make their ids."""
        return [
            slab
            for agent in self._windows
            for slab in self._cut(agent, prefix if len(self._windows) == 1 else f"{prefix}.{agent}")
            if agents is None or agent in agents
        ]

    def _cut(self, agent: str, prefix: str) -> list[Rollout]:
        arena, config = self.arena, self._ctx.config
        slabs = self._windows[agent].slabs(
            arena.observations[range(arena.game.batch), arena.live_seats(agent)],
            config.simulator.slabs,
            run=config.run,
            behaviour=arena.bank.live_ref(agent),
            simulator=self._ctx.name,
            prefix=prefix,
            rounded=arena.bank.rounds_observations(agent),
        )
        return list(slabs)

    def report(self, results: Sequence[MatchResult], tickets_open: int) -> None:
        """After a window: replays, metrics and heartbeat."""
        if self._showcase:
            self._showcase.write()
        arena, metrics = self.arena, self._ctx.metrics
        played = self._ctx.config.simulator.steps * arena.game.batch
        metrics.inc("ludus_simulator_decisions_total", played)
        for result in results:
            metrics.inc("ludus_simulator_matches_total", 1, purpose="train", outcome=OUTCOME_NAMES[result.outcome])
        metrics.set("ludus_simulator_tickets_open", tickets_open)
        step = arena.bank.live_ref(self._ctx.config.agent_names[0]).step
        metrics.set("ludus_simulator_policy_step", step)
        self._ctx.beat(step=step, decisions=arena.decisions, unrated=arena.unrated_matches)
