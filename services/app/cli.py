"""`ludus`: everything a user does. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from .arguments import build_parser
from .errors import BAD_USAGE, CommandError

if TYPE_CHECKING:
    from rich.console import Console

INTERRUPTED = 130
WIDTH = 160


def main(argv: Sequence[str] | None = None) -> None:
    sys.exit(run(argv))


def run(argv: Sequence[str] | None = None) -> int:
    """Parse, carry out, explain; returns the exit code: 0 done, 1 failed, 2 wrong usage or configuration."""
    options = build_parser().parse_args(argv)
    from ..kernel.config import ConfigError
    from .home import Home, default_home

    home = Home((options.home or default_home()).expanduser().absolute())
    module, _, function = options.action.partition(":")
    try:
        code: int = getattr(import_module(f".commands.{module}", __package__), function)(options, home, _console())
        return code
    except CommandError as error:
        return _complain(str(error), error.exit_code)
    except ConfigError as error:
        return _complain(str(error), BAD_USAGE)
    except BrokenPipeError:
        # Whoever read the output has gone (`ludus logs | head`): that is no error.
        sys.stdout = None
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED


def _console() -> Console:
    from rich.console import Console

    # A pipe or file has no width to respect.
    return Console() if sys.stdout.isatty() else Console(width=WIDTH)


def _complain(message: str, code: int) -> int:
    print(f"ludus: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
