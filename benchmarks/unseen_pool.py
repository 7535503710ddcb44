"""How a policy fares against opponents that it never met in training.

    python benchmarks/unseen_pool.py duel-1 --rules competition --against duel-2 starter.onnx clones/*.safetensors

POLICY and opponents are what `ludus tournament` takes: runs, .onnx and .safetensors files. Without --against, the pool
is made here: behaviour-cloned bots, kept in clones/ of the home folder for the next time. Without POLICY, a clone of
the ace stands in for one, so that the script can be tried. Whoever the policy was trained against is not unseen.

A row is the share of wins with its 95 % Wilson interval; W, D and L stand in its name.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from rows import Row, row, show

from ludus.app.cli import run as ludus
from ludus.app.contest import GAME, seeds_of
from ludus.app.entrants import entrants
from ludus.app.errors import CommandError
from ludus.app.home import Home, default_home
from ludus.games import spec
from ludus.kernel.wilson import wilson_interval
from ludus.play.tournament import play_all

#: Nobody may be weak against somebody new: more wins than not.
TARGET = 0.5
QUICK = ("--rounds", "1", "--decisions", "24", "--epochs", "1")
#: A bot that never shoots is no opponent worth cloning.
LEFT_OUT = ("do_nothing",)


def clone(home: Path, rules: str, bot: str, quick: bool) -> str:
    """File of the clone, made if it is not there."""
    folder = home / "clones" / f"{bot}-{rules}"
    path = folder / f"{bot.replace('_', '-')}-clone.safetensors"
    if not path.exists():
        print(f"cloning {bot} ...", file=sys.stderr)
        arguments = ["--home", str(home), "clone", bot, "--rules", rules, "--matches", "0", "--output", str(folder)]
        with contextlib.redirect_stdout(io.StringIO()):
            code = ludus([*arguments, *(QUICK if quick else ())])
        if code:
            raise CommandError(f"{bot} could not be cloned")
    return str(path)


def rate(policy: str, pool: Sequence[str], home: Path, rules: str, matches: int, seed: int) -> list[Row]:
    """One row per opponent, then all together."""
    mine, *others = entrants([policy, *pool], Home(home), GAME, rules)
    rows, won, played = [], 0, 0
    for opponent in others:
        (pairing,) = play_all([mine, opponent], GAME, rules, seeds_of(seed, matches // 2))
        found = pairing.of(0)
        won, played = won + found.wins, played + found.n
        name = f"wins against {opponent.name} (W {found.wins} D {found.draws} L {found.losses})"
        interval = wilson_interval(found.wins, found.n)
        rows.append(row(name, found.wins / found.n, "share", n=found.n, target=TARGET, interval=interval))
    interval = wilson_interval(won, played)
    return [*rows, row(f"wins of {mine.name}, all", won / played, "share", n=played, interval=interval)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("policy", nargs="?", help="run, .onnx or .safetensors file")
    parser.add_argument("--against", nargs="+", metavar="OPPONENT", help="the pool (default: clones of the bots)")
    parser.add_argument("--rules", default="competition", choices=spec(GAME).rules)
    parser.add_argument("--matches", type=int, default=400, help="against each opponent, half from either seat")
    parser.add_argument("--seed", type=int, default=1, help="draws the starts")
    parser.add_argument("--home", type=Path, default=default_home())
    parser.add_argument("--quick", action="store_true", help="under a minute: few matches, hasty clones of two bots")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    if options.matches < 2 or options.matches % 2:
        parser.error(f"--matches: expected an even number from 2, found {options.matches}")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        # Hasty clones are not kept where good ones belong.
        kept = Path(folder) if options.quick else options.home
        bots = [bot for bot in spec(GAME).bots[options.rules] if bot not in LEFT_OUT]
        try:
            policy = options.policy or clone(kept, options.rules, "ace", options.quick)
            fliers = [bot for bot in bots if options.policy or bot != "ace"][: 1 if options.quick else None]
            pool = options.against or [clone(kept, options.rules, bot, options.quick) for bot in fliers]
            matches = 20 if options.quick else options.matches
            rows = rate(policy, pool, options.home, options.rules, matches, options.seed)
        except CommandError as error:
            parser.error(str(error))
    show(rows, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
