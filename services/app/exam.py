"""An examination from the command line: which policy, against whom, in which regimes, what is printed and written."""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from ..api.v1.policy_pb2 import PolicyRef
from ..games import GameSpec
from ..games.conditions import DEFAULT_REGIME, regimes_of
from ..games.registry import spec
from ..kernel.players import bot_id, version_id
from ..league.judge import FIRST_EVALUATION_SEED
from ..league.seeds import derive
from ..learner.checkpoint import saved_in
from ..play.duel import Contender
from ..play.exam import Paper, examine
from .contest import MOST_MATCHES
from .draw import plain_table
from .errors import CommandError, UsageError, unknown
from .home import Home, Json, RunFolder, write_json
from .trained import Trained, trained
from .words import interval_text, seconds_text, short_opponent

ALL = "all"
NOTE = """Both seats equally often, on starts that neither training nor the run's own evaluation has seen; policies play
their best action. 95 %: Wilson interval."""


@dataclass(frozen=True, slots=True)
class Exam:
    """What is to be played."""

    run: RunFolder
    game: str
    rules: str
    parameters: dict[str, Any]
    candidate: Contender
    opponents: list[Contender]
    regimes: list[str]
    seeds: list[int]


def hold(options: argparse.Namespace, home: Home, console: Console) -> None:
    """Play it, print the table and, if asked, write it. Raises CommandError."""
    exam = prepare(options, home)
    # Small products: several threads only wait for each other.
    torch.set_num_threads(1)
    started = time.monotonic()
    papers = _held(exam, console)
    console.print(_table(papers))
    console.print()
    console.print(NOTE, style="dim", highlight=False)
    console.print(
        f"{exam.candidate.name} of {exam.run.name}: {sum(paper.n for paper in papers):,} matches of {exam.game} "
        f"{exam.rules}, seed {options.seed}; {seconds_text(time.monotonic() - started)}",
        style="dim",
        highlight=False,
    )
    if options.json:
        write_json(Path(options.json).expanduser(), _tree(exam, papers, options.seed))


def prepare(options: argparse.Namespace, home: Home) -> Exam:
    """Raises CommandError for a run, step, regime or number that does not fit."""
    if options.matches < 2 or options.matches % 2 or options.matches > MOST_MATCHES:
        raise UsageError(f"--matches: expected an even number from 2 to {MOST_MATCHES:,}, found {options.matches}")
    name, _, step = (options.run or "").partition("@")
    run = home.pick(name or None)
    config = run.config()
    game, rules = str(config["game"]), str(config["rules"])
    candidate = _contender(trained(run, _checkpoint(run, step) if step else None))
    return Exam(
        run=run,
        game=game,
        rules=rules,
        parameters=dict(config["game_parameters"]),
        candidate=candidate,
        opponents=[*(Contender(bot_id(bot), bot=bot) for bot in spec(game).bots[rules]), *_step_0(run, candidate)],
        regimes=_regimes(options.regime or [DEFAULT_REGIME], spec(game), rules),
        seeds=[derive(options.seed, "examine", pair) | FIRST_EVALUATION_SEED for pair in range(options.matches // 2)],
    )


def _checkpoint(run: RunFolder, step: str) -> str:
    """The newest checkpoint of that step."""
    there = saved_in(run.path / "checkpoints")
    for saved in there:
        if str(saved.step) == step:
            return saved.path.name
    raise unknown(f"step of {run.name}", step, [str(saved.step) for saved in there])


def _step_0(run: RunFolder, candidate: Contender) -> list[Contender]:
    """The untrained version the run began with, unless it is the candidate itself or is not kept."""
    first = [saved.path.name for saved in saved_in(run.path / "checkpoints") if saved.step == 0]
    if not first or candidate.ref is None or candidate.ref.step == 0:
        return []
    return [_contender(trained(run, first[-1]))]


def _contender(policy: Trained) -> Contender:
    manifest, sha256 = policy.manifest, hashlib.sha256(policy.safetensors()).hexdigest()
    ref = PolicyRef(agent=manifest.agent, epoch=manifest.epoch, step=manifest.step, sha256=sha256)
    return Contender(version_id(ref), ref=ref, actor=policy.actor)


def _regimes(asked: Sequence[str], game: GameSpec, rules: str) -> list[str]:
    known = regimes_of(game, rules)
    for name in asked:
        if name not in (*known, ALL):
            raise unknown(f"regime of {game.name} {rules}", name, [*known, ALL])
    return list(known) if ALL in asked else list(dict.fromkeys(asked))


def _held(exam: Exam, console: Console) -> list[Paper]:
    total, found = len(exam.opponents) * len(exam.regimes), []
    papers = examine(exam.game, exam.rules, exam.parameters, exam.candidate, exam.opponents, exam.regimes, exam.seeds)
    try:
        with console.status("") as status:
            for paper in papers:
                found.append(paper)
                status.update(f"{len(found)} of {total} pairings")
    except ValueError as error:
        raise CommandError(f"{exam.run.name} cannot be examined: {error}") from error
    return found


def _table(papers: Sequence[Paper]) -> Table:
    table = plain_table("regime", "opponent", "W", "D", "L", "n", "wins", "95 %", right=(2, 3, 4, 5, 6, 7))
    for paper in papers:
        counts = (str(number) for number in (paper.wins, paper.draws, paper.losses, paper.n))
        rate, interval = f"{100 * paper.win_rate:.1f} %", interval_text(*paper.interval)
        table.add_row(paper.regime, short_opponent(paper.opponent), *counts, rate, interval)
    return table


def _tree(exam: Exam, papers: Sequence[Paper], seed: int) -> Json:
    return {
        "run": exam.run.name,
        "policy": exam.candidate.name,
        "game": exam.game,
        "rules": exam.rules,
        "parameters": exam.parameters,
        "seed": seed,
        "regimes": [
            {"regime": regime, "rows": [_row(paper) for paper in papers if paper.regime == regime]}
            for regime in exam.regimes
        ],
    }


def _row(paper: Paper) -> Json:
    low, high = paper.interval
    counts = {"wins": paper.wins, "draws": paper.draws, "losses": paper.losses, "n": paper.n}
    return {"opponent": paper.opponent, **counts, "win_rate": paper.win_rate, "low": low, "high": high}
