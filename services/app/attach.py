"""Watching a run: a live picture on a terminal, one line every ten seconds elsewhere. Watching changes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console
from rich.live import Live

from .client import Watcher, league_address
from .draw import live, waiting
from .errors import FAILED
from .home import Home, Json, RunFolder
from .stack import is_up, keep_supervised
from .summary import print_summary
from .view import OVER, run_view
from .words import count_text, number_text, percent, seconds_text

REDRAW_SECONDS = 0.5
#: A league that answers does so at once.
FIRST_SECONDS = 2.0
LINE_SECONDS = 10.0
#: A supervisor that was killed is replaced by whoever watches.
GUARD_SECONDS = 3.0
#: The evaluator writes its report when the run is over.
REPORT_SECONDS = 30.0


def attach(home: Home, run: RunFolder, console: Console) -> int:
    """Watch until the run is over or Ctrl-C; returns the exit code."""
    try:
        with Watcher(run) as watcher:
            watcher.wait(FIRST_SECONDS if league_address(run) else 0.0)
            follow = _draw if console.is_terminal else _write_lines
            view = follow(console, _Looker(home, run, watcher).look)
    except KeyboardInterrupt:
        text = f"\nDetached; {run.name} goes on. Again: ludus attach {run.name}   end it: ludus stop {run.name}"
        console.print(text, highlight=False, soft_wrap=True)
        return 0
    return conclude(run, console, view)


class _Looker:
    """Puts the picture together, and sees now and then that somebody supervises the run."""

    def __init__(self, home: Home, run: RunFolder, watcher: Watcher) -> None:
        self._home, self._run, self._watcher = home, run, watcher
        self._guarded = time.monotonic()

    def look(self) -> Json:
        if self._run.wanted and time.monotonic() - self._guarded > GUARD_SECONDS:
            keep_supervised(self._home)
            self._guarded = time.monotonic()
        view = run_view(self._home, self._run, self._watcher.latest)
        # What a person wants, not whether there is an outcome: one that came since the view was taken is not a stop.
        if self._run.desired().get("state") != "running" and view["state"] not in OVER:
            view["state"] = "stopped"
        if self._run.wanted and not is_up(self._home):
            view["warnings"].append("the stack is down: `ludus up` lets the run go on")
        elif self._run.wanted and self._watcher.latest and not self._watcher.connected:
            view["warnings"].append("the league does not answer at the moment; numbers are from before")
        return view


def _draw(console: Console, look: Callable[[], Json]) -> Json:
    hint = "Ctrl-C detaches; the run goes on."
    view = look()
    with Live(live(view, hint), console=console, auto_refresh=False, vertical_overflow="ellipsis") as screen:
        while view["state"] not in OVER:
            time.sleep(REDRAW_SECONDS)
            view = look()
            screen.update(live(view, hint), refresh=True)
    return view


def _write_lines(console: Console, look: Callable[[], Json]) -> Json:
    deaths = len(look()["deaths"])
    written = -LINE_SECONDS
    while True:
        view = look()
        for row in view["deaths"][deaths:]:
            again = "; started again" if row.get("restarted") else ""
            console.print(f"died: {row.get('service')}: {row.get('cause')}{again}", soft_wrap=True, highlight=False)
        deaths = len(view["deaths"])
        over = view["state"] in OVER
        if over or time.monotonic() - written >= LINE_SECONDS:
            console.print(line(view), soft_wrap=True, highlight=False)
            written = time.monotonic()
        if over:
            return view
        time.sleep(REDRAW_SECONDS)


def line(view: Json) -> str:
    """Everything that matters in one line."""
    rate, eta = view.get("decisions_per_second"), view.get("eta_seconds")
    parts = [
        f"{percent(view['progress']):>5}",
        "/".join(str(view[key]) for key in ("state", "phase", "randomisation") if view[key]),
        f"{count_text(view['decisions'] or 0)} decisions",
        f"{'-' if rate is None else format(rate, ',.0f')}/s",
        f"KL {number_text(view['kl'], 4)}",
    ]
    if eta:
        parts.append(f"ETA {seconds_text(eta)}")
    agents = view["agents"]
    for agent in agents:
        if agent in view["ratings"]:
            parts.append(f"Elo {'' if len(agents) == 1 else agent + ' '}{view['ratings'][agent]:.0f}")
    wins = [
        f"{'' if len(agents) == 1 else row['agent'] + ' against '}"
        f"{row['opponent'].removeprefix('bot:')} {percent(row['recent_score'])}"
        for row in view["opponents"]
    ]
    if wins:
        parts.append("recent: " + ", ".join(wins))
    if view["recent_return"] is not None:
        parts.append(f"return {view['recent_return']:,.1f}")
    if view["returns"]:
        newest = view["returns"][-1]
        interval = f"{newest['low']:,.1f} … {newest['high']:,.1f}"
        parts.append(f"measured {newest['candidate']}: {newest['mean']:,.1f} ({interval}, n {newest['episodes']})")
    bad = [f"{one['service']} {one['state']}" for one in view["services"] if one["state"] in ("dead", "hung")]
    return "  ".join([*parts, *bad, *waiting(view)])


def conclude(run: RunFolder, console: Console, view: Json) -> int:
    """The last words about a run that is over; 1 if it failed."""
    if view["state"] == "failed":
        console.print(f"\n{run.name} failed: {view['reason']}", soft_wrap=True, highlight=False)
        console.print(f"Logs: ludus logs {run.name}   when that is put right: ludus resume {run.name}", highlight=False)
        return FAILED
    if view["state"] == "stopped":
        console.print(f"\n{run.name} was stopped. Go on: ludus resume {run.name}", highlight=False)
        return 0
    summary = wait_for_report(run)
    console.print()
    if not summary:
        console.print(f"{run.name} is finished, but its report is missing: see ludus logs {run.name} evaluator")
        return FAILED
    print_summary(console, run, summary)
    return 0


def wait_for_report(run: RunFolder) -> Json:
    """What the evaluator writes soon after the end; empty if it does not."""
    deadline = time.monotonic() + REPORT_SECONDS
    while not (summary := run.summary()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return summary
