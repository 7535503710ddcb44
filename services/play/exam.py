"""A policy examined here and now: against one opponent after the other, in one regime after the other.

Every policy sees its own observation layout. All pairings share one batch of slots: nothing is built twice, and no slot
waits for the longest match of a pairing.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch

from ..api.v1.match_pb2 import (
    OUTCOME_DRAW,
    OUTCOME_FIRST_WINS,
    OUTCOME_SECOND_WINS,
    PURPOSE_EVALUATE,
    MatchResult,
    Player,
    Ticket,
)
from ..games import make, spec
from ..games.conditions import in_regime
from ..kernel.config import NetworkConfig
from ..kernel.wilson import wilson_interval
from .architecture import Architecture
from .arena import Arena
from .bank import PolicyBank
from .duel import Contender
from .tuning import like_services

#: Matches played side by side, and decisions between two looks at what has ended.
SLOTS, STEPS = 256, 16


@dataclass(frozen=True, slots=True)
class Paper:
    """What the candidate reached against one opponent in one regime."""

    regime: str
    opponent: str
    wins: int
    draws: int
    losses: int

    @property
    def n(self) -> int:
        return self.wins + self.draws + self.losses

    @property
    def win_rate(self) -> float:
        return self.wins / self.n if self.n else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """95 % Wilson interval of the win rate."""
        return wilson_interval(self.wins, self.n)


def examine(
    game_name: str,
    rules: str,
    parameters: Mapping[str, Any],
    candidate: Contender,
    opponents: Sequence[Contender],
    regimes: Sequence[str],
    seeds: Sequence[int],
) -> Iterator[Paper]:
    """Two matches per seed against every opponent in every regime, one from each seat; policies play their mode.

    `parameters`: those the candidate was trained with. Raises ValueError for a game, rule set, parameter, bot or regime
    that is not known.
    """
    game_spec, matches = spec(game_name), 2 * len(seeds)
    conditions = {regime: json.dumps(in_regime(game_spec, rules, parameters, regime)) for regime in regimes}
    pairings = list(product(conditions, opponents))
    arena = _arena(game_name, rules, parameters, [candidate, *opponents], min(SLOTS, matches * len(pairings)))
    for number, (regime, opponent) in enumerate(pairings):
        ticket = Ticket(
            ticket_id=str(number),
            purpose=PURPOSE_EVALUATE,
            game=game_name,
            rules=rules,
            parameters_json=conditions[regime],
            players=[_entry(candidate), _entry(opponent)],
            matches=matches,
            seeds=seeds,
            deterministic=True,
            regime=regime,
        )
        arena.offer(ticket)
    found: list[list[MatchResult]] = [[] for _ in pairings]
    waiting = deque(zip(pairings, found, strict=True))
    for result in _played(arena):
        found[int(result.ticket_id)].append(result)
        while waiting and len(waiting[0][1]) == matches:
            (regime, opponent), results = waiting.popleft()
            yield _paper(regime, opponent.name, results)


def _arena(
    game_name: str, rules: str, parameters: Mapping[str, Any], players: Sequence[Contender], batch: int
) -> Arena:
    game = make(game_name, rules=rules, batch=batch, **{**parameters, "autoreset": "disabled"})
    # The bank takes any network; its own architecture only matters to who loads weights into it.
    layout = next(iter(game.spec.observations[game.rules]))
    architecture = Architecture.of(game.spec, game.rules, layout, NetworkConfig.model_validate({}))
    bank = PolicyBank(architecture, batch, game.num_seats, device="cpu", seed=0)
    for player in players:
        if player.ref is not None and player.actor is not None:
            bank.add(player.ref, player.actor)
    return Arena(game, bank, worker="exam", never_idle=False, seed=0)


def _entry(player: Contender) -> Player:
    return Player(bot=player.bot) if player.bot else Player(policy=player.ref)


def _played(arena: Arena) -> Iterator[MatchResult]:
    """All that is queued, as the matches end."""
    with torch.inference_mode(), like_services():
        arena.fill()
    while arena.playing:
        with torch.inference_mode(), like_services():
            ended = [result for _ in range(STEPS) for result in arena.step()]
        yield from ended


def _paper(regime: str, opponent: str, results: Sequence[MatchResult]) -> Paper:
    counts = Counter(result.outcome for result in results)
    return Paper(regime, opponent, counts[OUTCOME_FIRST_WINS], counts[OUTCOME_DRAW], counts[OUTCOME_SECOND_WINS])
