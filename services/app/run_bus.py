"""The bus of a run, for commands that ask it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from ..kernel import leavings
from ..kernel.bus import Bus, BusError
from .errors import CommandError, UsageError
from .home import Home, RunFolder, read_json
from .stack import is_up

PATIENCE_SECONDS = 5.0


class RunBus:
    """A connection to the bus of a run, as the console, or as a service whose credential is at hand.

    `settings`: section `bus` of its configuration, where the run's own file is not there or not to be trusted.
    """

    def __init__(
        self, home: Home, run: RunFolder, identity: str = "console", settings: Mapping[str, Any] | None = None
    ) -> None:
        settings = run.whole_config()["bus"] if settings is None else settings
        url = str(settings.get("url", ""))
        stack = read_json(home.stack_file)
        if not url and not (is_up(home) and stack.get("nats_ready")):
            raise CommandError("the stack is down, and what is asked for is in its NATS server: ludus up")
        self._url = url or str(stack["nats_url"])
        self._credentials = str(settings.get("credentials", ""))
        self._run = run
        self._identity = identity

    async def __aenter__(self) -> Bus:
        try:
            self._bus = await Bus.connect(
                self._url,
                self._run.name,
                self._identity,
                patience_seconds=PATIENCE_SECONDS,
                credentials=self._credentials,
            )
        except BusError as error:
            raise CommandError(str(error)) from error
        return self._bus

    async def __aexit__(self, *_: object) -> None:
        await self._bus.close()


def check_unknown(home: Home, run: RunFolder, settings: Mapping[str, Any]) -> None:
    """Raises UsageError if the bus has an earlier run of this name: the new one would go on with its record."""
    if asyncio.run(known(home, run, settings)):
        raise UsageError(
            f"the run name {run.name!r} is taken: the bus still has the ledger of a run called so, though its folder "
            f"is gone. Remove the rest (ludus remove {run.name}), or choose another --run"
        )


async def known(home: Home, run: RunFolder, settings: Mapping[str, Any]) -> bool:
    """Whether the bus has anything of a run of this name."""
    async with RunBus(home, run, settings=settings) as bus:
        return await leavings.known(bus)
