"""Everything that can be known to be wrong about a run before anything of it exists."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

from ..games import registry
from ..games.game import GameSpec
from ..kernel.config import RunConfig
from ..kernel.players import bot_id
from ..league.plan import make_plan
from .errors import UsageError, unknown
from .extras import need

NEEDED_BYTES = 500 * 1024 * 1024
PACKAGES = ("torch", "warp", "safetensors")


def check_game(name: str) -> GameSpec:
    """Raises UsageError naming the games there are."""
    try:
        return registry.spec(name)
    except ValueError as error:
        raise UsageError(str(error)) from error


def check_run(config: RunConfig) -> None:
    """Names that only the game knows: rules, bots, observation, parameters, levels of randomisation, regimes.

    Raises UsageError, ConfigError.
    """
    spec = check_game(config.game)
    if config.rules not in spec.rules:
        raise unknown(f"rule set of {config.game}", config.rules, spec.rules)
    layouts = spec.observations[config.rules]
    observation = config.game_parameters.get("observation")
    if observation is not None and observation not in layouts:
        raise unknown(f"observation of {config.game} with rules {config.rules}", str(observation), layouts)
    players = (*spec.bots[config.rules], *(guest.player for guest in config.league.guests))
    for phase in config.league.phases:
        for bot in (bot for pool in phase.bots for bot in pool.bots):
            if bot not in players:
                raise unknown(
                    f"bot of {config.game} with rules {config.rules}", bot, players,
                    f"It stands in phase {phase.name!r} of the league.",
                )  # fmt: skip
    entrants = (*config.agent_names, *map(bot_id, spec.bots[config.rules]), *players[len(spec.bots[config.rules]) :])
    for player in config.league.prior_elo:
        if player not in entrants:
            raise unknown("player", player, entrants, "It stands in league.prior_elo.")
    _check_parameters(config)
    make_plan(config)
    _check_devices(config)
    if config.redis.url:
        need("redis")


def _check_parameters(config: RunConfig) -> None:
    try:
        registry.check(config.game, rules=config.rules, **config.game_parameters)
    except (ValueError, TypeError) as error:
        raise UsageError(f"game_parameters: {error}") from error


def _check_devices(config: RunConfig) -> None:
    devices = {
        "simulator.device": config.simulator.device,
        "learner.device": config.learner.device,
        "evaluator.device": config.evaluator.device,
    }
    for key, device in devices.items():
        if device.partition(":")[0] not in ("cpu", "cuda"):
            raise UsageError(f"{key}: expected 'cpu' or 'cuda', found {device!r}")
    used = [key for key, device in devices.items() if device != "cpu"]
    if used:
        import torch

        if not torch.cuda.is_available():
            raise UsageError(f"{used[0]} is {devices[used[0]]!r}, but torch finds no GPU here: use 'cpu'")


def check_packages() -> None:
    """Raises UsageError when what the services need is not installed."""
    missing = [package for package in PACKAGES if find_spec(package) is None]
    if missing:
        raise UsageError(f"not installed: {', '.join(missing)}. Install them: pip install 'ludus[local]'")


def check_space(folder: Path) -> None:
    """Raises UsageError unless the disk that holds (or will hold) the folder has room and may be written."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir():
        raise UsageError(f"{existing} is not a folder: choose another --home")
    free = shutil.disk_usage(existing).free
    if free < NEEDED_BYTES:
        raise UsageError(
            f"{free / 2**20:.0f} MB are free on the disk of {folder}, a run needs {NEEDED_BYTES / 2**20:.0f} MB: "
            "make room, or keep Ludus elsewhere with --home DIR"
        )
    if not os.access(existing, os.W_OK | os.X_OK):
        raise UsageError(f"{existing} cannot be written by this user: choose another --home")
