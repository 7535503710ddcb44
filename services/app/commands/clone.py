"""`ludus clone BOT`: a policy that plays as a scripted bot does, to start from or to be measured against."""

from __future__ import annotations

import argparse

from rich.console import Console

from ...kernel.config import load
from ..checks import check_game, check_run
from ..create import Request, resolve
from ..errors import unknown
from ..extras import need
from ..home import Home
from ..presets import DEFAULT, presets


def clone(options: argparse.Namespace, home: Home, console: Console) -> int:
    need("local")
    preset = options.preset if options.preset or options.config else _preset_of(options.game, options.rules)
    request = Request(
        options.game, preset=preset, config=options.config, seed=options.seed, assignments=options.set or ()
    )
    config = resolve(request)
    check_run(config)
    if options.rules not in (None, config.rules):
        raise unknown(f"rule set of this configuration of {options.game}", options.rules, [config.rules])
    from ..cloning import clone

    clone(options, home, config, console)
    return 0


def _preset_of(game: str, rules: str | None) -> str:
    """The first preset with these rules: its network and observation are what the clone gets. Raises UsageError."""
    if rules is None:
        return DEFAULT
    spec = check_game(game)
    if rules not in spec.rules:
        raise unknown(f"rule set of {game}", rules, spec.rules)
    found = [name for name, path in presets(game).items() if load(path).rules == rules]
    return found[0] if found else DEFAULT
