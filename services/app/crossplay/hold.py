"""Cross-play from the command line: who takes part, what is played, what is written."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from rich.console import Console

from ...games import make, spec
from ...kernel.files import write_atomically
from ...league.judge import FIRST_EVALUATION_SEED
from ...league.seeds import derive
from ...learner.checkpoint import saved_in
from ...play.points import tally
from ...play.replay import SUFFIX, Replay, to_bytes
from ...play.tournament import SLOTS, Entrant, meet
from ..entrants import entrant, run_entrant
from ..errors import CommandError, UsageError, unknown
from ..home import Home, write_json
from ..trained import trained
from ..viewer.page import render, result
from .book import Film, book, chapter, chapter_file
from .plan import Pair, Score, least_known, pairs

GAME = "dogfight"
#: Matches that a pair plays before it is asked again who is known least: both seats on half as many starts.
ROUND_MATCHES = 20
#: Matches of a pair, from its first round, that get a page.
FILMS = 2


def hold(options: argparse.Namespace, home: Home, console: Console) -> None:
    """Play until the budget is spent, then write index.html, a page for each pair, and crossplay.json."""
    if options.rules not in spec(GAME).rules:
        raise unknown(f"rule set of {GAME}", options.rules, spec(GAME).rules)
    taking_part = everybody(options.participants, home, options.rules)
    order = pairs(len(taking_part))
    if options.budget < ROUND_MATCHES * len(order):
        least = ROUND_MATCHES * len(order)
        raise UsageError(f"--budget: expected at least {least} matches for {len(order)} pairs, found {options.budget}")
    torch.set_num_threads(1)  # small products: several threads only wait for each other
    known: dict[Pair, Score] = {}
    films: dict[Pair, list[Replay]] = {}
    with console.status("") as status:
        for played in _rounds(taking_part, order, options, known, films):
            status.update(f"{played} of {options.budget} matches")
    folder = Path(options.output or home.root / "crossplay").expanduser().absolute()
    _write(folder, [one.name for one in taking_part], known, films, options)
    said = f"{sum(score.n for score in known.values())} matches of {len(order)} pairs -> {folder / 'index.html'}"
    console.print(said, highlight=False, soft_wrap=True)


def everybody(names: Sequence[str], home: Home, rules: str) -> list[Entrant]:
    """As in a tournament; a run stands for its final policy and for every other checkpoint that it has kept."""
    runs = {run.name: run for run in home.runs()}
    found: list[Entrant] = []
    for name in dict.fromkeys(names):
        found.append(entrant(name, home, GAME, rules))
        if name in runs:
            last = trained(runs[name]).manifest
            others = [one for one in saved_in(runs[name].path / "checkpoints") if one.step != last.step]
            found += [run_entrant(runs[name], GAME, rules, saved) for saved in others]
    if len(found) < 2:
        raise UsageError(f"cross-play needs at least two policies or bots, found {found[0].name} alone")
    return found


def _rounds(
    taking_part: Sequence[Entrant],
    order: Sequence[Pair],
    options: argparse.Namespace,
    known: dict[Pair, Score],
    films: dict[Pair, list[Replay]],
) -> Iterator[int]:
    """Adds to `known` and `films`, and says after every round how many matches have been played."""
    table = make(GAME, rules=options.rules, batch=min(SLOTS, ROUND_MATCHES), autoreset="disabled")
    for number in range(options.budget // ROUND_MATCHES):
        pair = least_known(order, known)
        done = known.get(pair, Score()).n // 2
        starts = range(done, done + ROUND_MATCHES // 2)
        seeds = [derive(options.seed, "crossplay", start) | FIRST_EVALUATION_SEED for start in starts]
        keep = None if pair in films else films.setdefault(pair, []).append
        reached = tally(meet(table, taking_part[pair[0]], taking_part[pair[1]], seeds, keep), 0)
        known[pair] = known.get(pair, Score()) + Score(reached.wins, reached.draws, reached.losses)
        yield (number + 1) * ROUND_MATCHES


def _write(
    folder: Path,
    names: Sequence[str],
    known: dict[Pair, Score],
    films: dict[Pair, list[Replay]],
    options: argparse.Namespace,
) -> None:
    """Raises CommandError."""
    subtitle = f"{GAME} {options.rules}, {sum(s.n for s in known.values())} matches, seed {options.seed}; best actions"
    rows = [
        {"first": names[pair[0]], "second": names[pair[1]], "wins": score.wins, "draws": score.draws,
         "losses": score.losses, "n": score.n, "score": score.mean, "interval": score.interval}
        for pair, score in known.items()
    ]  # fmt: skip
    try:
        for pair, score in known.items():
            shown = [_film(folder, pair, replay) for replay in films[pair][:FILMS]]
            write_atomically(folder / chapter_file(pair), chapter(names, pair, score, shown).encode())
        write_atomically(folder / "index.html", book(names, known, subtitle).encode())
    except OSError as error:
        raise CommandError(f"cannot write {folder}: {error.strerror}. Check the folder and free space.") from error
    write_json(folder / "crossplay.json", {"game": GAME, "rules": options.rules, "seed": options.seed, "pairs": rows})


def _film(folder: Path, pair: Pair, replay: Replay) -> Film:
    """The replay and its page."""
    stem = f"match-{pair[0] + 1}-{pair[1] + 1}-{replay.match}"
    write_atomically(folder / f"{stem}{SUFFIX}", to_bytes(replay))
    write_atomically(folder / f"{stem}.html", render(replay).encode())
    return Film(f"{stem}.html", result(replay))
