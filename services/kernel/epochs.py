"""The epoch of an agent: a fencing token in the run's key-value store. Whatever carries an older one is refused."""

from __future__ import annotations

from .bus import Bus, Conflict
from .topology import RUN_BUCKET


async def next_epoch(bus: Bus, agent: str) -> int:
    """Raise the agent's epoch by one and return it. Nobody ever gets the same one twice."""
    bucket = await bus.bucket(RUN_BUCKET)
    key = f"epoch.{agent}"
    while True:
        entry = await bucket.get(key)
        epoch = int(entry.value) + 1 if entry else 1
        try:
            await bucket.update(key, str(epoch).encode(), entry.revision if entry else 0)
            return epoch
        except Conflict:
            continue


async def current_epoch(bus: Bus, agent: str) -> int:
    """The newest epoch anybody has taken for the agent."""
    entry = await (await bus.bucket(RUN_BUCKET)).get(f"epoch.{agent}")
    return int(entry.value) if entry else 0
