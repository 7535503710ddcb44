"""Ludus: league self-play training through four services."""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

# gRPC starts its poller again in every forked child, and aborts there when the child closes its descriptors before it
# becomes another program (grpc/grpc#43055). Nothing here goes on with gRPC after a fork; read when grpc is imported.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

__version__ = "0.1.0"

if TYPE_CHECKING:
    from . import games as games


def __getattr__(name: str) -> Any:
    """`import ludus; ludus.games.make(...)` works without paying for the import until it is used."""
    if name == "games":
        return import_module(".games", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
