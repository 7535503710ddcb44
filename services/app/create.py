"""A new run: its configuration put together, its name found, its folder made whole or not at all."""

from __future__ import annotations

import re
import secrets
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..kernel.config import INITIAL_WEIGHTS, ConfigError, RunConfig, dump, load, parse_assignment
from ..kernel.files import sync_folder, write_atomically
from ..kernel.schedule import GuestConfig
from ..kernel.section import NAME_PATTERN
from .checks import check_game
from .errors import CommandError, UsageError
from .guests import Files, place
from .home import Home, RunFolder, write_json
from .presets import DEFAULT, preset_file

ADJECTIVES = (
    "agile", "bold", "brisk", "calm", "clever", "daring", "eager", "fair", "fleet", "gallant", "keen", "lucky",
    "nimble", "proud", "quick", "quiet", "sharp", "steady", "stout", "swift", "tough", "valiant", "wary", "wild",
    "wise", "witty",
)  # fmt: skip
NOUNS = (
    "badger", "bison", "crane", "crow", "eagle", "falcon", "ferret", "fox", "hawk", "heron", "ibis", "jackal", "kite",
    "lark", "lion", "lynx", "marten", "otter", "owl", "panther", "puma", "raven", "robin", "stoat", "swallow", "tern",
    "tiger", "viper", "weasel", "wolf",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asked for on the command line."""

    game: str
    preset: str | None = None
    config: Path | None = None
    run: str | None = None
    seed: int | None = None
    decisions: int | None = None
    assignments: Sequence[str] = ()
    guests: Sequence[str] = ()
    nats_url: str = ""


def resolve(request: Request) -> RunConfig:
    """The whole configuration except name and folder. Raises UsageError, ConfigError."""
    check_game(request.game)
    if request.preset and request.config:
        raise UsageError("--preset and --config exclude each other: a preset is a configuration that comes with Ludus")
    path = request.config or preset_file(request.game, request.preset or DEFAULT)
    overrides = [parse_assignment(text) for text in request.assignments]
    for reserved in ("run", "directory", "game", "parent"):
        if any(key == reserved for key, _ in overrides):
            raise UsageError(f"--set {reserved}=... is not possible: use GAME, --run, --home and --init-from")
    overrides += [("run", ""), ("directory", ""), ("parent", "")]
    if not request.config:
        overrides += [("preset", request.preset or DEFAULT), ("game", request.game)]
    for key, value in (("seed", request.seed), ("decisions", request.decisions), ("bus.url", request.nats_url or None)):
        if value is not None:
            overrides.append((key, value))
    config = _with_guests(load(path, overrides), request.guests)
    if config.game != request.game:
        raise UsageError(f"{path} is a configuration of {config.game!r}, not of {request.game!r}")
    return config.beginning_as({})  # the file may be that of a run that began as another


def _with_guests(config: RunConfig, files: Sequence[str]) -> RunConfig:
    """Those of the configuration, then those of the command line."""
    guests = (*config.league.guests, *(GuestConfig.model_validate({"file": file}) for file in files))
    return config.model_copy(update={"league": config.league.model_copy(update={"guests": guests})})


def choose_name(home: Home, request: Request) -> str:
    """The name asked for, or a fresh one that can be pronounced. Raises UsageError."""
    taken = {run.name for run in home.runs()}
    stem = re.sub("[^a-z0-9]+", "-", request.game.rpartition(":")[2].lower()).strip("-")[:24] or "run"
    if request.run is None:
        for _ in range(100):
            name = f"{stem}-{secrets.choice(ADJECTIVES)}-{secrets.choice(NOUNS)}"
            if name not in taken:
                return name
        return f"{stem}-{secrets.token_hex(4)}"
    if not re.fullmatch(NAME_PATTERN, request.run):
        raise UsageError(
            f"--run {request.run!r}: expected 1 to 48 of a-z, 0-9 and '-', not beginning with '-', like 'duel-1'"
        )
    if home.run(request.run).path.exists():
        raise UsageError(
            f"the run name {request.run!r} is taken ({home.run(request.run).path}): choose another --run, "
            f"or go on with it: ludus resume {request.run}"
        )
    return request.run


def create(
    home: Home, config: RunConfig, name: str, guests: Files | None = None, initial: Mapping[str, bytes] | None = None
) -> RunFolder:
    """Make runs/<name>/ with its configuration and guests, ready for the supervisor. `initial`: weights to begin with,
    by agent.

    Raises CommandError; leaves nothing then.
    """
    run = home.run(name)
    complete = config.model_copy(update={"run": name, "directory": str(run.path)})
    staging: Path | None = None
    try:
        run.path.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=run.path.parent, prefix=f".{name}-"))
        staging.chmod(0o755)
        for folder in ("services", "logs", "checkpoints", "weights"):
            (staging / folder).mkdir()
        complete = place(complete, staging, run, guests or {})
        for agent, weights in (initial or {}).items():
            path = staging / complete.folder_of(agent).relative_to(run.path) / INITIAL_WEIGHTS
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, weights, durable=True)
        (staging / "config.json").write_text(dump(complete))
        write_json(staging / "desired.json", {"state": "running", "generation": 1}, durable=True)
        sync_folder(staging)
        if run.path.exists():
            raise UsageError(f"the run name {name!r} is taken ({run.path}): choose another --run")
        staging.rename(run.path)
    except OSError as error:
        raise CommandError(f"the run's folder {run.path} cannot be made: {error.strerror}") from error
    finally:
        if staging and staging.exists():
            shutil.rmtree(staging)
    return run


__all__ = ["ConfigError", "Request", "choose_name", "create", "resolve"]
