"""How a command fails: what is said to the user and with which exit code."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

FAILED = 1
BAD_USAGE = 2


class CommandError(Exception):
    """One message for the user. `exit_code` is that of the `ludus` command."""

    exit_code = FAILED


class UsageError(CommandError):
    """What was asked for cannot be: a wrong name, option or configuration. Nothing was changed."""

    exit_code = BAD_USAGE


def unknown(kind: str, value: str, known: Iterable[str], advice: str = "") -> UsageError:
    """`unknown preset 'fats': expected one of 'default', 'fast'. Did you mean 'fast'?`"""
    choices = list(known)
    near = get_close_matches(value, choices, n=1)
    text = f"unknown {kind} {value!r}: " + (
        f"expected one of {', '.join(map(repr, choices))}." if choices else "there is none yet."
    )
    if near:
        text += f" Did you mean {near[0]!r}?"
    return UsageError(f"{text} {advice}".rstrip())
