"""Matches of a run that are kept for people to look at: runs/<run>/replays/<name>.replay."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal

from ..games import Game
from ..kernel.config import RunConfig
from ..kernel.files import write_atomically
from ..kernel.players import BOT_PREFIX, player_id
from .matches import Match
from .replay import SUFFIX, Replay, to_bytes
from .tape import Tape

log = logging.getLogger(__name__)


class Showcase:
    """Records matches while an arena plays them (its `tape`) and writes them. Playing never fails over it."""

    def __init__(
        self, game: Game, config: RunConfig, *, keep: Literal["first", "all"] = "first", every: int = 1
    ) -> None:
        """`keep`: the first match of each pairing in the default regime, in the order of the tickets, or all; of these
        every `every`-th by its number in the run."""
        self._folder = Path(config.directory) / "replays"
        self._keep, self._every = keep, every
        self._seen: set[tuple[str, ...]] = set()
        # A match is kept by its last state's digest, so a game without snapshots has none.
        self.tape = Tape(game, config.game_parameters, self._wanted) if game.spec.snapshots else None

    def _wanted(self, match: Match) -> bool:
        if not match.rated or match.number % self._every:
            return False
        pairing = tuple(player_id(player) for player in match.ticket.players)
        if self._keep == "first" and (pairing in self._seen or match.ticket.regime):
            return False
        self._seen.add(pairing)
        return True

    def write(self) -> None:
        """Write what was finished since the last call."""
        for replay in self.tape.take() if self.tape else ():
            name = title(replay) if self._keep == "first" else f"{title(replay)}-{replay.match}"
            path = self._folder / f"{name}{SUFFIX}"
            try:
                write_atomically(path, to_bytes(replay))
            except OSError as error:
                log.warning("no replay %s: %s", path, error.strerror)


def title(replay: Replay) -> str:
    """`main@1.40-ace`: the first player of the ticket stands first."""
    first = replay.first_seat
    ordered = (*replay.seats[first:], *replay.seats[:first])
    return "-".join(seat.name.removeprefix(BOT_PREFIX) for seat in ordered)
