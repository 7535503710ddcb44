"""Round robin between fixed participants, in this process: every pair meets on the same seeds, with seats swapped.

A pairing is played by itself, so what two participants reach against each other does not depend on who else is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import torch

from ..api.v1.match_pb2 import PURPOSE_EVALUATE, MatchResult, Player, Ticket
from ..api.v1.policy_pb2 import PolicyRef
from ..games import Game, make
from ..kernel.config import NetworkConfig
from ..kernel.players import bot_id
from .architecture import Architecture
from .arena import Arena
from .bank import PolicyBank
from .fixed import FixedPolicy, raw_layout
from .points import Tally, tally
from .replay import Replay
from .tape import Tape
from .tuning import like_services

#: Matches played side by side.
SLOTS = 256


@dataclass(frozen=True, slots=True)
class Entrant:
    """A participant: a scripted bot (`policy` None) or a fixed policy on raw observations."""

    name: str
    kind: str
    """bot, onnx, weights or run"""
    policy: FixedPolicy | None = None
    sha256: str = ""
    """of the file; empty for a bot"""

    def player(self) -> Player:
        if self.policy is None:
            return Player(bot=self.name)
        return Player(policy=PolicyRef(agent=self.name, sha256=self.sha256))


@dataclass(frozen=True, slots=True)
class Pairing:
    """What two entrants reached against each other; `first` and `second` are their positions."""

    first: int
    second: int
    results: list[MatchResult]

    def of(self, entrant: int) -> Tally:
        """Empty for one that did not play here."""
        if entrant not in (self.first, self.second):
            return Tally()
        return tally(self.results, 0 if entrant == self.first else 1)


def play_all(
    entrants: Sequence[Entrant],
    game: str,
    rules: str,
    seeds: Sequence[int],
    keep: Callable[[Replay], None] | None = None,
) -> Iterator[Pairing]:
    """Every pair in turn, two matches per seed; `keep` is given each match that has ended.

    Raises ValueError for an unknown game, rule set or bot.
    """
    batch = min(SLOTS, 2 * len(seeds))
    table = make(game, rules=rules, batch=batch, autoreset="disabled")
    for first, second in combinations(range(len(entrants)), 2):
        yield Pairing(first, second, meet(table, entrants[first], entrants[second], seeds, keep))


def standing(pairings: Sequence[Pairing], entrant: int) -> Tally:
    """Everything one entrant has reached."""
    return sum((pairing.of(entrant) for pairing in pairings), Tally())


def _name(player: Player) -> str:
    """Participants may have names that no run would give, like `starter.onnx`."""
    return bot_id(player.bot) if player.bot else player.policy.agent


def meet(
    game: Game, first: Entrant, second: Entrant, seeds: Sequence[int], keep: Callable[[Replay], None] | None
) -> list[MatchResult]:
    """All matches of one pairing, by number: two per seed."""
    # No seat is live, so the network that live weights would need to have does not matter.
    anything = Architecture.of(
        game.spec, game.rules, raw_layout(game.spec, game.rules), NetworkConfig.model_validate({})
    )
    bank = PolicyBank(anything, game.batch, game.num_seats, device="cpu", seed=0)
    for entrant in (first, second):
        if entrant.policy is not None:
            bank.add(entrant.player().policy, entrant.policy)
    tape = Tape(game, {}, lambda match: True, _name) if keep else None
    arena = Arena(game, bank, worker="tournament", never_idle=False, seed=0, tape=tape)
    arena.offer(
        Ticket(
            ticket_id=f"{first.name} - {second.name}",
            purpose=PURPOSE_EVALUATE,
            game=game.spec.name,
            rules=game.rules,
            players=[first.player(), second.player()],
            matches=2 * len(seeds),
            seeds=seeds,
            deterministic=True,
        )
    )
    arena.fill()
    results = []
    with torch.inference_mode(), like_services():
        while arena.playing:
            results += arena.step()
            if tape and keep:
                for replay in tape.take():
                    keep(replay)
    return sorted(results, key=lambda result: result.match)
