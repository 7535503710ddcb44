"""Games: the `Game` protocol, the registry, the bundled games and adapters for others. No torch here."""

from .game import ActionSpec, AutoresetMode, Game, GameSpec, StepInfo, VariedGame
from .registry import check, make, names, spec

__all__ = [
    "ActionSpec",
    "AutoresetMode",
    "Game",
    "GameSpec",
    "StepInfo",
    "VariedGame",
    "check",
    "make",
    "names",
    "spec",
]
