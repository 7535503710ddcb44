"""Guests of a run that is about to be made: files, read and checked before anything of the run exists."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..kernel.config import RunConfig
from ..kernel.guests import WEIGHTS
from ..kernel.schedule import GuestConfig
from ..kernel.section import NAME_PATTERN
from .errors import UsageError
from .extras import need
from .home import RunFolder

FOLDER = "guests"
Files = dict[str, bytes]
"""the guests' files by name"""


def invite(config: RunConfig) -> tuple[RunConfig, Files]:
    """The configuration with every guest's name and hash filled in, and their files. Raises UsageError."""
    if not config.league.guests:
        return config, {}
    need("local", *(["export"] if any(Path(one.file).suffix != WEIGHTS for one in config.league.guests) else []))
    files: Files = {}
    guests = list(_checked(config, files))
    return _with(config, guests), files


def place(config: RunConfig, folder: Path, run: RunFolder, files: Mapping[str, bytes]) -> RunConfig:
    """Write the files into `folder`, which is about to become that of the run; the configuration that names them."""
    if not files:
        return config
    (folder / FOLDER).mkdir()
    suffixes = {guest.name: Path(guest.file).suffix for guest in config.league.guests}
    for name, data in files.items():
        (folder / FOLDER / f"{name}{suffixes[name]}").write_bytes(data)
    kept = run.path / FOLDER
    there = {name: str(kept / f"{name}{suffix}") for name, suffix in suffixes.items()}
    return _with(config, [one.model_copy(update={"file": there[one.name]}) for one in config.league.guests])


def _checked(config: RunConfig, files: Files) -> Iterator[GuestConfig]:
    seen: dict[str, str] = {}
    for guest in config.league.guests:
        name, data = _name(config, guest), _read(config, guest)
        sha256 = hashlib.sha256(data).hexdigest()
        if name in files:
            raise UsageError(f"league.guests: two guests are called {name!r}: give one another `name`")
        if sha256 in seen:
            raise UsageError(f"league.guests: {name!r} and {seen[sha256]!r} are the same file; every guest once")
        if guest.sha256 not in ("", sha256):
            raise UsageError(f"league.guests: {guest.file} has sha256 {sha256}, expected {guest.sha256!r}")
        seen[sha256], files[name] = name, data
        yield guest.model_copy(update={"name": name, "sha256": sha256})


def _name(config: RunConfig, guest: GuestConfig) -> str:
    from ..games.registry import spec

    name = guest.player
    if not re.fullmatch(NAME_PATTERN, name):
        raise UsageError(f"league.guests: no name can be made of {guest.file!r}: give the guest a `name`, like 'ace-2'")
    if name in (*config.agent_names, *spec(config.game).bots[config.rules]):
        raise UsageError(f"league.guests: the name {name!r} is taken by a bot or the learner: give another `name`")
    return name


def _read(config: RunConfig, guest: GuestConfig) -> bytes:
    return (_read_weights if Path(guest.file).suffix == WEIGHTS else _read_onnx)(config, guest)


def _read_weights(config: RunConfig, guest: GuestConfig) -> bytes:
    """An actor of this run's own network."""
    from ..learner.setup import manifest_of
    from ..play.architecture import ArchitectureMismatch
    from ..play.weights import CorruptWeights, from_bytes

    path = Path(guest.file).expanduser()
    try:
        data = path.read_bytes()
        from_bytes(data, manifest_of(config).architecture)
    except OSError as error:
        raise UsageError(f"league.guests: cannot read {path}: {error.strerror}. Expected a file of weights.") from error
    except (CorruptWeights, ArchitectureMismatch) as error:
        raise UsageError(f"league.guests: {path} cannot take part: {error}") from error
    return data


def _read_onnx(config: RunConfig, guest: GuestConfig) -> bytes:
    from ..play.contract import read_model
    from ..play.guests import UnplayableGuest, load_guest
    from ..play.onnx_runtime import BadModel

    path = Path(guest.file).expanduser()
    try:
        data = read_model(path)
        load_guest(data, config.game, config.rules)
    except OSError as error:
        raise UsageError(f"league.guests: cannot read {path}: {error.strerror}. Expected an ONNX file.") from error
    except (BadModel, UnplayableGuest) as error:
        hint = f"Look closer: ludus validate {path} --rules {config.rules}"
        raise UsageError(f"league.guests: {path} cannot take part: {error}. {hint}") from error
    return data


def _with(config: RunConfig, guests: list[GuestConfig]) -> RunConfig:
    league = config.league.model_copy(update={"guests": tuple(guests)})
    return config.model_copy(update={"league": league})
