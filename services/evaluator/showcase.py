"""One match of every pairing that is measured, kept for people to look at: runs/<run>/replays/<match>.replay."""

from __future__ import annotations

import logging
from pathlib import Path

from ..games import Game
from ..kernel.config import RunConfig
from ..kernel.files import write_atomically
from ..kernel.players import BOT_PREFIX, player_id
from ..play.matches import Match
from ..play.replay import SUFFIX, Replay, to_bytes
from ..play.tape import Tape

log = logging.getLogger(__name__)


class Showcase:
    """Records the first match of each pairing in the default regime, in the order of the tickets, and no later one."""

    def __init__(self, game: Game, config: RunConfig) -> None:
        self._folder = Path(config.directory) / "replays"
        self._seen: set[tuple[str, ...]] = set()
        self.tape = Tape(game, config.game_parameters, self._is_first)

    def _is_first(self, match: Match) -> bool:
        if match.ticket.regime:
            return False
        pairing = tuple(player_id(player) for player in match.ticket.players)
        if pairing in self._seen:
            return False
        self._seen.add(pairing)
        return True

    def write(self) -> None:
        """Write what was finished since the last call. Measuring never fails over it."""
        for replay in self.tape.take():
            path = self._folder / f"{title(replay)}{SUFFIX}"
            try:
                write_atomically(path, to_bytes(replay))
            except OSError as error:
                log.warning("no replay %s: %s", path, error.strerror)


def title(replay: Replay) -> str:
    """`main@1.40-ace`: the first player of the ticket stands first."""
    first = replay.first_seat
    ordered = (*replay.seats[first:], *replay.seats[:first])
    return "-".join(seat.name.removeprefix(BOT_PREFIX) for seat in ordered)
