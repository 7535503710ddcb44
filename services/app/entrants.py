"""Who takes part in a tournament: from names on the command line to entrants, all on raw observations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..games.registry import spec
from ..learner.checkpoint import Saved
from ..play.tournament import Entrant
from .errors import UsageError
from .home import Home, RunFolder
from .participants import Participant, find, of_run


def entrants(names: Sequence[str], home: Home, game: str, rules: str) -> list[Entrant]:
    """One for each name: a bot, a file (.onnx, .safetensors) or a run. Raises UsageError, or CommandError."""
    if len(names) < 2:
        raise UsageError("a tournament needs at least two participants: bots, ONNX files or runs")
    found = [entrant(name, home, game, rules) for name in names]
    twice = [name for name, times in Counter(one.name for one in found).items() if times > 1]
    if twice:
        raise UsageError(f"{', '.join(map(repr, twice))} takes part twice: every name once; rename a file if need be")
    return found


def entrant(name: str, home: Home, game: str, rules: str) -> Entrant:
    """Raises UsageError, or CommandError."""
    known = spec(game)
    return _entrant(find(name, home, known, known.bots[rules], rules))


def run_entrant(run: RunFolder, game: str, rules: str, saved: Saved | None = None) -> Entrant:
    """The policy of a run, or that of one of its checkpoints. Raises UsageError, or CommandError."""
    return _entrant(of_run(run, spec(game), rules, saved))


def _entrant(one: Participant) -> Entrant:
    return Entrant(one.name, one.kind, one.fixed(), one.sha256)
