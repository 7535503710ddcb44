"""The bus of a run, for commands that ask it."""

from __future__ import annotations

from ..kernel.bus import Bus, BusError
from .errors import CommandError
from .home import Home, RunFolder, read_json
from .stack import is_up

PATIENCE_SECONDS = 5.0


class RunBus:
    """A connection to the bus of a run, as the console, or as a service whose credential is at hand."""

    def __init__(self, home: Home, run: RunFolder, identity: str = "console") -> None:
        settings = run.whole_config()["bus"]
        url = str(settings["url"])
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
