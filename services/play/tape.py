"""Records chosen matches while an arena plays them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import __version__
from ..api.v1.match_pb2 import Player
from ..api.v1.policy_pb2 import PolicyRef
from ..games import Game, StepInfo
from ..kernel.players import player_id
from .matches import Match
from .replay import Replay, Seat
from .rerun import digest

FloatArray = npt.NDArray[np.float32]


@dataclass(slots=True)
class _Take:
    match: Match
    seats: tuple[Seat, ...]
    outside: list[int]
    actions: list[FloatArray] = field(default_factory=list)


class Tape:
    """An arena's `tape`: keeps the actions of the matches that `wanted` picks. A slot without one costs nothing."""

    def __init__(
        self,
        game: Game,
        parameters: Mapping[str, Any],
        wanted: Callable[[Match], bool],
        name: Callable[[Player], str] = player_id,
    ) -> None:
        """`parameters`: those the game was made with, but for `autoreset`; a ticket that names its own has its own.

        `name`: of a player, for people.
        """
        self._game = game
        self._parameters = dict(parameters)
        self._wanted = wanted
        self._name = name
        self._open: dict[int, _Take] = {}
        self._finished: list[Replay] = []

    def began(self, slot: int, match: Match, policies: Sequence[PolicyRef]) -> None:
        """A match starts; `policies` are per player. A live seat is named by the weights it starts with."""
        self._open.pop(slot, None)
        if not self._wanted(match):
            return
        seats = tuple(self._seat(match, number, policies) for number in range(self._game.num_seats))
        outside = [number for number, seat in enumerate(seats) if not seat.bot]
        self._open[slot] = _Take(match, seats, outside)

    def acted(self, actions: FloatArray) -> None:
        """actions [B, S, A] of this decision."""
        for slot, take in self._open.items():
            take.actions.append(actions[slot, take.outside])

    def ended(self, slot: int, info: StepInfo) -> None:
        """The match in `slot` is over, and its last state still there."""
        take = self._open.pop(slot, None)
        if take is None:
            return
        ticket, game = take.match.ticket, self._game
        self._finished.append(
            Replay(
                game=game.spec.name,
                rules=game.rules,
                parameters={**self._parameters, **take.match.parameters},
                seed=take.match.seed,
                first_seat=take.match.first_seat,
                seats=take.seats,
                actions=np.stack(take.actions),
                decisions=int(info.decisions[slot]),
                outcome=int(info.outcome[slot]),
                ending=game.endings[int(info.ending[slot])],
                final_sha256=digest(game.snapshot(), slot),
                run=ticket.run,
                match=take.match.number,
                made_by=__version__,
            )
        )

    def take(self) -> list[Replay]:
        """The matches finished since the last call."""
        finished, self._finished = self._finished, []
        return finished

    def _seat(self, match: Match, number: int, policies: Sequence[PolicyRef]) -> Seat:
        entry = match.player_in(number)
        if entry.bot:
            return Seat(name=self._name(entry), bot=entry.bot)
        return Seat(name=self._name(entry), policy=policies[match.player_index(number)].sha256)
