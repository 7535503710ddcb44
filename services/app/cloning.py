"""`ludus clone`: watch a scripted bot, train an actor to answer like it, write it as a starting policy, measure it."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from ..kernel.config import RunConfig
from ..kernel.files import write_atomically
from ..kernel.wilson import wilson_interval
from ..learner import checkpoint
from ..learner.cloning import fit_actor, measure
from ..learner.setup import manifest_of, state_of
from ..learner.state import Counters, State
from ..play.demonstrations import Classroom, Pairs, Unreadable
from ..play.fixed import DeployedActor
from ..play.points import Tally
from ..play.tournament import Entrant, play_all
from ..play.weights import Manifest, from_bytes, to_bytes
from .contest import seeds_of
from .draw import plain_table
from .errors import CommandError, UsageError, unknown
from .home import Home
from .submission import export_onnx
from .words import interval_text, seconds_text

BOUNDS = {"decisions": (2, 100_000), "rounds": (1, 100), "epochs": (1, 1000), "matches": (0, 100_000)}


def clone(options: argparse.Namespace, home: Home, config: RunConfig, console: Console) -> None:
    """All of it. Raises CommandError."""
    _check(options, config)
    torch.set_num_threads(1)
    manifest = replace(manifest_of(config), agent=f"{options.bot.replace('_', '-')}-clone", epoch=1)
    started = time.monotonic()
    state = _trained(options, config, manifest, console)
    folder = options.output or home.root / "clones" / f"{options.bot}-{config.rules}"
    path = _write(state, config, manifest, folder.expanduser().absolute())
    _say(console, f"{seconds_text(time.monotonic() - started)}. Written:")
    _say(console, f"  {path}   weights, for `ludus tournament`")
    _say(console, f"  {path.with_suffix('.onnx')}   {export_onnx(path)}")
    _say(console, f"  {path.parent / '1-0'}   checkpoint, for `ludus train {config.game} --init-from`")
    if options.matches:
        console.print(_table(options, config, path))
        console.print(
            f"Wins of {options.matches} matches each, both seats, on starts nobody was trained on; 95 %: Wilson.",
            style="dim",
            highlight=False,
        )


def _check(options: argparse.Namespace, config: RunConfig) -> None:
    from ..games.registry import spec

    bots = spec(config.game).bots[config.rules]
    if options.bot not in bots:
        raise unknown(f"bot of {config.game} with rules {config.rules}", options.bot, bots)
    for name, (low, high) in BOUNDS.items():
        if not low <= getattr(options, name) <= high:
            raise UsageError(f"--{name}: expected {low} to {high:,}, found {getattr(options, name)}")
    if options.matches % 2:
        raise UsageError(f"--matches: expected an even number, found {options.matches}: seats are paired")


def _trained(options: argparse.Namespace, config: RunConfig, manifest: Manifest, console: Console) -> State:
    """A round of demonstrations, then rounds of corrections; all pairs so far are learned from in each."""
    try:
        room = Classroom(config.game, config.rules, config.game_parameters, options.bot, config.seed)
    except Unreadable as error:
        raise CommandError(str(error)) from error
    # Hundreds of thousands of pairs are fitted to the last digit: what bfloat16 rounds away shows.
    exact = config.model_copy(update={"network": config.network.model_copy(update={"precision": "fp32"})})
    state = state_of(exact, manifest.architecture)
    known: Pairs | None = None
    for number, (learn, held_out) in enumerate(_rounds(room, state, options)):
        known = learn if known is None else known + learn
        (*_, loss) = fit_actor(state, known, options.epochs)
        fit = measure(state.actor, held_out)
        pilot = options.bot if number == 0 else "the clone"
        _say(
            console,
            f"round {number + 1} of {options.rounds}, {pilot} flies: {len(known):,} pairs, loss {loss:.3f}, "
            f"held out {fit.loss:.3f} (steering off by {fit.steering:.2f}, same trigger {100 * fit.agreement:.1f} %)",
        )
    return state


def _rounds(room: Classroom, state: State, options: argparse.Namespace) -> Iterator[tuple[Pairs, Pairs]]:
    yield room.demonstrate(options.decisions)
    for _ in range(options.rounds - 1):
        yield room.correct(options.decisions, state.actor)


def _write(state: State, config: RunConfig, manifest: Manifest, folder: Path) -> Path:
    """Actor alone, and a checkpoint with a critic and an optimizer that know nothing yet. Raises CommandError."""
    fresh = state_of(config, manifest.architecture)
    learned = state.weights()
    for name, tensor in fresh.weights().items():
        if name.startswith("actor."):
            tensor.copy_(learned[name])
    fresh.counters = Counters(epoch=1)
    path = folder / f"{manifest.agent}.safetensors"
    try:
        write_atomically(path, to_bytes(fresh.actor, manifest), durable=True)
        checkpoint.write(folder, fresh, manifest, pinned=True)
    except OSError as error:
        raise CommandError(f"cannot write {folder}: {error.strerror}. Check the folder and free space.") from error
    except checkpoint.CheckpointError as error:
        raise CommandError(str(error)) from error
    return path


def _table(options: argparse.Namespace, config: RunConfig, path: Path) -> Table:
    """Wins of the clone against every bot, those of the bot itself beside them."""
    actor, manifest = from_bytes(path.read_bytes())
    try:
        policy = DeployedActor(actor, manifest)
    except ValueError as error:
        raise CommandError(f"{path} is written, but cannot be measured: {error}") from error
    players = Entrant(manifest.agent, "weights", policy, "clone"), Entrant(options.bot, "bot")
    heads = [cell for player in players for cell in (player.name, "95 %", "W", "D", "L")]
    table = plain_table("opponent", *heads, right=tuple(range(1, 11)))
    from ..games.registry import spec

    seeds = seeds_of(config.seed, options.matches // 2)
    for bot in spec(config.game).bots[config.rules]:
        opponent = Entrant(bot, "bot")
        tallies = [next(iter(play_all([one, opponent], config.game, config.rules, seeds))).of(0) for one in players]
        table.add_row(bot, *(cell for tally in tallies for cell in _cells(tally)))
    return table


def _cells(tally: Tally) -> tuple[str, ...]:
    interval = interval_text(*wilson_interval(tally.wins, tally.n))
    return f"{100 * tally.wins / tally.n:.1f} %", interval, str(tally.wins), str(tally.draws), str(tally.losses)


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True, markup=False)
