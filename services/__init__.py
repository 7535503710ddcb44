"""Ludus: league self-play training through four services."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from . import games as games


def __getattr__(name: str) -> Any:
    """`import ludus; ludus.games.make(...)` works without paying for the import until it is used."""
    if name == "games":
        return import_module(".games", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
