"""Where replays are kept, and how they are found."""

from __future__ import annotations

from pathlib import Path

from ..play.replay import MAX_FILE_BYTES, SUFFIX, Replay, ReplayError, from_bytes
from .errors import CommandError, UsageError, unknown
from .home import Home


def kept(home: Home) -> dict[str, Path]:
    """Every replay in the home folder, oldest first: by name, those of runs also by `RUN/NAME`."""
    folders = [home.root / "replays", *(run.path / "replays" for run in home.runs())]
    paths = [path for folder in folders for path in folder.glob(f"*{SUFFIX}")]
    return {_label(home, path): path for path in sorted(paths, key=lambda path: path.stat().st_mtime_ns)}


def _label(home: Home, path: Path) -> str:
    folder = path.parent.parent
    return path.stem if folder == home.root else f"{folder.name}/{path.stem}"


def find(home: Home, match: str | None) -> Path:
    """The replay called `match`; without a name the newest. Raises CommandError naming what there is."""
    if match and Path(match).expanduser().is_file():
        return Path(match).expanduser()
    there = kept(home)
    if not match:
        if not there:
            raise CommandError(f"no match is kept in {home.root} yet. Play one: ludus play --red ace --blue brawler")
        return list(there.values())[-1]
    if match in there:
        return there[match]
    same = [label for label in there if label.endswith(f"/{match}")]
    if len(same) > 1:
        raise UsageError(f"{match!r} is kept by several runs: say which, {' or '.join(same[:5])}")
    if same:
        return there[same[0]]
    raise unknown("match", match, list(there)[-20:], f"It is also no file. Replays are kept below {home.root}.")


def load(path: Path) -> Replay:
    """Read a replay file. Raises CommandError."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ReplayError(f"{path.stat().st_size} bytes, where a replay has at most {MAX_FILE_BYTES}")
        return from_bytes(path.read_bytes())
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from error
    except ReplayError as error:
        raise CommandError(f"{path}: {error}") from error
