"""A sweep as it stands in its file, every key checked, and the runs it consists of."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from ...kernel.config import ConfigError, RunConfig, check
from ...kernel.section import NAME_PATTERN, Section
from ..create import Request, resolve
from ..errors import UsageError
from ..home import Home
from ..presets import folders

MOST_LETTERS = 48
#: A file that cannot be used may have many errors; so many are told.
MOST_ERRORS = 5


class Variant(Section):
    """One arm. What it changes stands in `set`, like `--set`."""

    name: str = Field(pattern=NAME_PATTERN)
    description: str = ""
    set: dict[str, Any] = Field(
        default_factory=dict, description="keys of the configuration, like 'learner.clip' = 0.1"
    )


class Sweep(Section):
    """An experiment: a question, the runs that answer it, and what is expected."""

    name: str = Field(pattern=NAME_PATTERN)
    hypothesis: str = Field(min_length=1, description="what is believed, so that it can turn out wrong")
    game: str
    preset: str = "default"
    seeds: tuple[int, ...] = Field(min_length=1)
    decisions: int | None = Field(None, ge=1, description="of every run; left out: as the preset has it")
    parallel: int = Field(1, ge=1, description="runs side by side")
    set: dict[str, Any] = Field(default_factory=dict, description="changes that all variants share")
    variants: tuple[Variant, ...] = Field(
        min_length=1, description="the first one is what the others are compared with"
    )
    origin: str = Field("", description="where the question comes from")
    follow_up: str = Field("", description="what to do next; written by a person")

    @model_validator(mode="after")
    def _distinct(self) -> Sweep:
        names = [variant.name for variant in self.variants]
        if len(set(names)) < len(names) or len(set(self.seeds)) < len(self.seeds):
            raise ValueError("variants need different names, and seeds may not repeat")
        longest = max(len(self.run_name(variant, seed)) for variant in self.variants for seed in self.seeds)
        if longest > MOST_LETTERS:
            raise ValueError(f"names of runs would have {longest} letters, at most {MOST_LETTERS}: shorten the names")
        return self

    def run_name(self, variant: Variant, seed: int) -> str:
        """`kl-warmup-none-s1`."""
        return f"{self.name}-{variant.name}-s{seed}"


@dataclass(frozen=True, slots=True)
class Trial:
    """One run of a sweep."""

    variant: Variant
    seed: int
    name: str


def trials(sweep: Sweep) -> list[Trial]:
    """Seed by seed, so that an early end leaves all variants with the same seeds."""
    return [Trial(one, seed, sweep.run_name(one, seed)) for seed in sweep.seeds for one in sweep.variants]


def configured(sweep: Sweep, trial: Trial) -> RunConfig:
    """The whole configuration of a run. Raises ConfigError, UsageError."""
    request = Request(game=sweep.game, preset=sweep.preset, seed=trial.seed, decisions=sweep.decisions)
    tree = resolve(request).model_dump(mode="json")
    for key, value in {**sweep.set, **trial.variant.set}.items():
        *parents, leaf = key.split(".")
        place = tree
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise ConfigError(f"sweep {sweep.name}, variant {trial.variant.name}: {key}: {parent!r} is no section")
        place[leaf] = value
    return check(tree, f"sweep {sweep.name}, variant {trial.variant.name}")


def read(path: Path) -> Sweep:
    """Raises UsageError naming every key that is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
        tree = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        return Sweep.model_validate(tree)
    except OSError as error:
        raise UsageError(f"cannot read the sweep {path}: {error.strerror}") from error
    except (UnicodeDecodeError, json.JSONDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from error
    except ValidationError as error:
        said = [f"{'.'.join(map(str, one['loc'])) or 'sweep'}: {one['msg']}" for one in error.errors()[:MOST_ERRORS]]
        raise UsageError(f"{path}: {'; '.join(said)}") from error


def find(name: str, home: Home) -> Sweep:
    """A file, one that comes with Ludus (`kl-warmup`), or one that was begun in this home. Raises UsageError."""
    shipped = {path.stem: path for folder in folders() for path in sorted((folder / "sweeps").glob("*.toml"))}
    begun = {path.parent.name: path for path in sorted((home.root / "sweeps").glob("*/sweep.json"))}
    if Path(name).expanduser().is_file():
        return read(Path(name).expanduser())
    known = {**shipped, **begun}
    if name not in known:
        raise UsageError(f"there is no sweep {name!r}: expected a file or one of {', '.join(known) or 'none yet'}")
    return read(known[name])
