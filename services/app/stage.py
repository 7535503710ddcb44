"""One match, played here, and any kept match as a page to look at."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from ..games import spec
from ..kernel.files import write_atomically
from ..play.duel import duel
from ..play.replay import SUFFIX, ReplayError, to_bytes
from .errors import CommandError, UsageError
from .home import Home
from .match import contender, parameters_of, rules_of
from .participants import find as find_participant
from .replays import find, load
from .viewer.film import GAME
from .viewer.page import render, result, title


def play(options: argparse.Namespace, home: Home, console: Console) -> None:
    """Play one match and keep it. Raises CommandError."""
    if not 0 <= options.seed < 2**64:
        raise UsageError(f"--seed: expected 0 … 2**64 - 1, found {options.seed}")
    game = spec(GAME)
    bots = tuple(dict.fromkeys(bot for names in game.bots.values() for bot in names))
    players = [find_participant(name, home, game, bots) for name in (options.red, options.blue)]
    rules, parameters = rules_of(players), parameters_of(players)
    if rules and options.rules not in (None, rules):
        raise UsageError(f"--rules: the policy was trained under {rules!r}, found {options.rules!r}")
    seated = [contender(player, parameters) for player in players]
    try:
        match = duel(GAME, options.rules or rules, parameters, options.seed, seated)
    except ValueError as error:
        raise UsageError(str(error)) from error
    name = f"{'-'.join(player.name for player in players)}-{options.seed}{SUFFIX}"
    path = options.output or home.root / "replays" / name
    _write(path, to_bytes(match))
    _say(console, f"{title(match)}: {result(match)} after {match.decisions} decisions")
    _say(console, f"kept in {path}   look at it: ludus replay {path}")


def show(options: argparse.Namespace, home: Home, console: Console) -> None:
    """Play a kept match again and write the page. Raises CommandError."""
    path = find(home, options.match)
    match = load(path)
    try:
        page = render(match)
    except ReplayError as error:
        raise CommandError(f"{path}: {error}") from error
    target: Path = options.output or path.with_suffix(".html")
    _write(target, page.encode())
    _say(console, f"{title(match)}: {result(match)} after {match.decisions} decisions, played again bit for bit")
    _say(console, f"open in a browser: {target.absolute().as_uri()}")


def _write(path: Path, data: bytes) -> None:
    try:
        write_atomically(path, data)
    except OSError as error:
        raise CommandError(
            f"cannot write {path}: {error.strerror}. Check the path, free space, permissions."
        ) from error


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True, markup=False)
