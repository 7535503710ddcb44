"""The configurations that come with Ludus.

configs/<game>.toml is preset "default", which also answers to the name of its rule set; configs/<game>-<preset>.toml is
another one. A preset may be named with its game in front: `dogfight-competition`. In the name of an environment from
another library `:` and `/` are written `-`: configs/gym-Pendulum-v1.toml. Without one of its own it takes that of its
scheme: configs/gym.toml.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from .errors import UsageError, unknown

VARIABLE = "LUDUS_CONFIGS"
DEFAULT = "default"


def folders() -> list[Path]:
    """Where presets are looked for, first one first: $LUDUS_CONFIGS, the installed package, the repository."""
    own = [Path(part).expanduser() for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]
    packaged = Path(__file__).parent / "configs"
    repository = Path(__file__).parents[2]
    in_repository = [repository / "configs"] if (repository / "pyproject.toml").exists() else []
    return [folder for folder in (*own, packaged, *in_repository) if folder.is_dir()]


def presets(game: str) -> dict[str, Path]:
    """Preset -> file, "default" first."""
    found: dict[str, Path] = {}
    stem, scheme = re.sub("[:/]", "-", game), game.partition(":")[0]
    for folder in folders():
        for path in sorted(folder.glob(f"{stem}*.toml")):
            name = DEFAULT if path.stem == stem else path.stem.removeprefix(f"{stem}-")
            if path.stem in (stem, f"{stem}-{name}"):
                found.setdefault(name, path)
    for folder in folders():
        if DEFAULT not in found and (folder / f"{scheme}.toml").is_file():
            found[DEFAULT] = folder / f"{scheme}.toml"
    return dict(sorted(found.items(), key=lambda item: (item[0] != DEFAULT, item[0])))


def preset_file(game: str, preset: str) -> Path:
    """Raises UsageError naming the presets there are."""
    found = presets(game)
    if not found:
        looked = ", ".join(map(str, folders())) or "no folder"
        raise UsageError(f"no preset for {game!r} in {looked}: give a configuration with --config FILE")
    name = preset.removeprefix(f"{game}-")
    if name not in found and DEFAULT in found and name == _rules(found[DEFAULT]):
        name = DEFAULT
    if name not in found:
        raise unknown(f"preset of {game}", preset, found)
    return found[name]


def _rules(path: Path) -> str:
    """The rule set a configuration is for; empty if the file does not say so."""
    match = re.search(r'^rules *= *"([^"]*)"', path.read_text(encoding="utf-8"), re.MULTILINE)
    return match[1] if match else ""
