"""Numbers as the report writes them."""

from __future__ import annotations

import time

from ...kernel.players import BOT_PREFIX, agent_of, is_bot, is_guest, is_version, version_of


def percent(rate: float, digits: int = 1) -> str:
    return f"{100 * rate:.{digits}f} %"


def interval(low: float, high: float) -> str:
    """`92–99 %`."""
    return f"{100 * low:.0f}–{100 * high:.0f} %"


def count(number: float) -> str:
    """`9,500`, `1.25 M`."""
    return f"{number:,.0f}" if number < 1_000_000 else f"{number / 1e6:.2f} M"


def duration(seconds: float) -> str:
    """`45 s`, `3 min 20 s`, `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def clock(unix_time: float | None) -> str:
    """In UTC, so that a report reads the same everywhere."""
    return "-" if unix_time is None else time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(unix_time))


def short_name(player: str, *, whose: bool = False) -> str:
    """`ace` for a bot, the name of a guest, `step 40` for a version; `whose`: with its agent."""
    if is_bot(player):
        return player.removeprefix(BOT_PREFIX)
    if is_guest(player):
        return agent_of(player)
    if not is_version(player):
        return player
    return f"{agent_of(player) + ' ' if whose else ''}step {version_of(player)[2]}"
