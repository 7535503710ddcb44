"""Building tickets: orders for matches, with numbers and seeds that never repeat. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..api.v1 import match_pb2 as match
from ..api.v1.policy_pb2 import PolicyRef
from ..games import registry
from ..games.conditions import DEFAULT_REGIME, in_regime, randomised
from ..kernel.config import RunConfig
from ..kernel.curriculum import merged
from ..kernel.panel import conditions_of
from ..kernel.players import BOT_PREFIX, NOBODY, is_bot
from ..kernel.topology import EVALUATE_POOL, TRAIN_POOL
from .evaluation import Order
from .seeds import evaluation_seed, gate_seed, training_seed

#: Small enough that little is replayed when an evaluator dies, large enough to fill its batch with few tickets.
EVALUATION_TICKET_MATCHES = 20


class Printer:
    """Numbers tickets and matches from where the run record stands. Gaps do no harm, repetitions would."""

    def __init__(self, config: RunConfig, next_ticket: int, next_match: int, *, fixed_seats: bool = False) -> None:
        """`fixed_seats`: the players of a ticket stand in the order of their seats, and keep them."""
        self.next_ticket, self.next_match = max(next_ticket, 1), max(next_match, 1)
        self.fixed_seats = fixed_seats
        self._config = config
        self._spec = registry.spec(config.game)
        self._levels = {level.name: level.parameters for level in config.league.curriculum.ladder}

    def training(
        self, players: Sequence[match.Player], phase: str, randomisation: str = "", level: str = ""
    ) -> match.Ticket:
        """A live seat against an opponent, or alone; levels of randomisation and of the game are "" as configured."""
        parameters = randomised(self._spec, self._on_level(level), randomisation)
        first = max(self.next_match, 1)
        count = self._config.league.matches_per_ticket
        seeds = [training_seed(self._config.seed, first + index) for index in range(0, count, self._per_seed(players))]
        ticket = self._ticket(TRAIN_POOL, match.PURPOSE_TRAIN, players, seeds, parameters)
        ticket.phase, ticket.randomisation = phase, randomisation
        return ticket

    def evaluation(self, order: Order, catalog: Mapping[str, PolicyRef]) -> Iterable[match.Ticket]:
        """The tickets of one order. A regime is named only if it is not the default one."""
        config = self._config
        on_level = order.regime in self._levels
        base, deterministic, regime = self._on_level(""), config.evaluator.deterministic, DEFAULT_REGIME
        if on_level:
            base = self._on_level(order.regime)
        else:
            regime, deterministic = conditions_of(order.regime, deterministic, DEFAULT_REGIME)
        parameters = in_regime(self._spec, config.rules, base, regime)
        players = [player_of(player, catalog) for player in order.players if player != NOBODY]
        seats = self._per_seed(players)
        for start in range(0, order.matches, EVALUATION_TICKET_MATCHES):
            count = min(EVALUATION_TICKET_MATCHES, order.matches - start)
            first_seed = (order.before + start) // seats
            seeds = [self._seed(order, first_seed + index) for index in range(count // seats)]
            purpose = match.PURPOSE_PROBE if order.probe else match.PURPOSE_EVALUATE
            ticket = self._ticket(EVALUATE_POOL, purpose, players, seeds, parameters)
            ticket.deterministic = deterministic
            ticket.regime = "" if order.regime == DEFAULT_REGIME else order.regime
            yield ticket

    def _seed(self, order: Order, index: int) -> int:
        seed = self._config.seed
        return gate_seed(seed, order.candidate, index) if order.probe else evaluation_seed(seed, index)

    def _on_level(self, level: str) -> dict[str, Any]:
        return merged(self._config.game_parameters, self._levels.get(level, {}))

    def _per_seed(self, players: Sequence[match.Player]) -> int:
        """Matches on one seed: one from every seat."""
        return 1 if self.fixed_seats else len(players)

    def _ticket(
        self,
        pool: str,
        purpose: match.Purpose,
        players: Sequence[match.Player],
        seeds: list[int],
        parameters: Mapping[str, Any],
    ) -> match.Ticket:
        config = self._config
        ticket = match.Ticket(
            ticket_id=f"{pool}-{self.next_ticket}", run=config.run, pool=pool, purpose=purpose,
            game=config.game, rules=config.rules, parameters_json=json.dumps(parameters, sort_keys=True),
            players=players, first_match=self.next_match, matches=self._per_seed(players) * len(seeds), seeds=seeds,
            fixed_seats=self.fixed_seats,
        )  # fmt: skip
        self.next_ticket += 1
        self.next_match += ticket.matches
        return ticket


def training_shortage(config: RunConfig, unfinished: int, undelivered: int) -> int:
    """How many training tickets to order.

    Few are kept waiting, because whoever waits was drawn for a phase and a pool that may be over when it is played; but
    enough for half of all slots, so that nobody runs dry between two looks of the league. Before simulators have taken
    anything, there is enough to fill every slot and queue as much again.
    """
    slots = config.simulator.workers * config.simulator.matches
    in_play = -(-slots // config.league.matches_per_ticket)
    spare = max(config.league.tickets_ahead, in_play // 2)
    return max(spare - undelivered, 2 * in_play - unfinished, 0)


def lockstep_shortage(config: RunConfig, unfinished: int) -> int:
    """How many training tickets to order for a window, when `unfinished` matches are in play or queued before it."""
    in_play = -(-config.simulator.matches // config.league.matches_per_ticket)
    wanted = (in_play + max(config.league.tickets_ahead, in_play // 2)) * config.league.matches_per_ticket
    return max(0, -(-(wanted - unfinished) // config.league.matches_per_ticket))


def player_of(player: str, catalog: Mapping[str, PolicyRef]) -> match.Player:
    """A fixed player by its id. KeyError for a version that is not kept."""
    if is_bot(player):
        return match.Player(bot=player.removeprefix(BOT_PREFIX))
    return match.Player(policy=catalog[player])
