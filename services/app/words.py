"""Numbers as people read them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ..kernel.players import agent_of, is_guest, is_version, version_of


def seconds_text(seconds: float) -> str:
    """`45 s`, `3 min 20 s`, `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def count_text(number: float) -> str:
    """`950`, `32 k`, `1.25 M`."""
    if number < 10_000:
        return f"{number:,.0f}"
    if number < 1_000_000:
        return f"{number / 1000:.0f} k"
    return f"{number / 1_000_000:.2f} M"


def percent(rate: float) -> str:
    return f"{100 * rate:.0f} %"


def interval_text(low: float, high: float) -> str:
    """`92–99 %`."""
    return f"{100 * low:.0f}–{100 * high:.0f} %"


def number_text(value: float | None, digits: int = 3) -> str:
    """`-` for a number that is not known."""
    return "-" if value is None else f"{value:.{digits}f}"


def age_text(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.1f} s" if seconds < 10 else seconds_text(seconds)


def clock_text(unix_time: float | None) -> str:
    """Local time of day; with the date when it was not today."""
    if unix_time is None:
        return "-"
    then, now = time.localtime(unix_time), time.localtime()
    return time.strftime("%H:%M:%S" if then[:3] == now[:3] else "%Y-%m-%d %H:%M:%S", then)


def short_opponent(player: str) -> str:
    """`bot:ace` -> `ace`, `starter@0.0` (a guest) -> `starter`, `main@1.0` -> `step 0`, another version as it is."""
    if is_guest(player):
        return agent_of(player)
    return "step 0" if is_version(player) and version_of(player)[2] == 0 else player.removeprefix("bot:")


def success_cells(row: Mapping[str, Any]) -> tuple[str, str, str]:
    """Rate, interval and number of episodes; dashes where the game does not say what a success is."""
    if not row.get("judged"):
        return "-", "-", "-"
    low, high = row["success_low"], row["success_high"]
    return percent(row["successes"] / row["judged"]), interval_text(low, high), str(row["judged"])
