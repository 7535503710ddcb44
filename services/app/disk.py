"""Room on the disk of a home. Looked at afresh each time, because a full disk cannot even hold the news of it."""

from __future__ import annotations

import shutil

from .home import Home

#: A disk with less than this free is full; with more than that there is room again.
FULL_BYTES, ROOM_BYTES = 16 * 2**20, 128 * 2**20


def free_bytes(home: Home) -> int:
    return shutil.disk_usage(home.root).free


def disk_full(home: Home) -> str:
    """What a person is told while nothing can be written; empty while there is room."""
    if not home.root.exists() or free_bytes(home) >= FULL_BYTES:
        return ""
    return f"the disk of {home.root} is full: make room, and everything goes on by itself"
