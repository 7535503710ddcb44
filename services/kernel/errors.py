"""What can go wrong on the bus, from a caller's point of view."""

from __future__ import annotations


class BusError(Exception):
    """The bus did not do what was asked. The message says what was tried, what happened and what to do."""


class Unsupported(BusError):
    """This server, or what it holds, can never work: a person has to act."""


class StreamFull(BusError):
    """A bounded stream has no room now. Wait for its consumer."""


class Conflict(BusError):
    """Somebody else wrote the key first: read again, decide again."""


class Away(BusError):
    """No answer from the server at the moment. Trying again is right, with the same message id."""


class NoResponders(Away):
    """The server is there but nothing listens on the subject: the stream or consumer does not exist (any more)."""
