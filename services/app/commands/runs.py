"""What concerns one run: attach, status, stop, pause, resume; and the list of all."""

from __future__ import annotations

import argparse
import json
import time

from rich.console import Console

from ...api.v1.run_pb2 import RunState
from ..checks import check_space
from ..client import command, fetch_status, league_address
from ..draw import (
    agents_of,
    deaths_table,
    headline,
    learners_table,
    legend,
    numbers_line,
    opponents_table,
    plain_table,
    progress_line,
    returns_table,
    services_table,
    state_text,
)
from ..errors import CommandError
from ..home import Home, Json, RunFolder, read_json
from ..processes import Identity, wait_until_gone
from ..stack import check_bus, ensure_up, is_up, keep_supervised
from ..summary import final_tables
from ..view import run_view
from ..words import clock_text, percent

STOP_SECONDS = 30.0


def attach(options: argparse.Namespace, home: Home, console: Console) -> int:
    from ..attach import attach as watch

    run = home.pick(options.run)
    if run.wanted:
        keep_supervised(home)
    return watch(home, run, console)


def status(options: argparse.Namespace, home: Home, console: Console) -> int:
    stack = stack_view(home)
    if not home.runs() and not options.run:
        if options.json:
            print(json.dumps({"stack": stack, "run": None, "runs": []}, indent=2))
        else:
            console.print(stack_line(stack), highlight=False, soft_wrap=True)
            console.print("No run yet. Start one: ludus train dogfight")
        return 0
    run = home.pick(options.run)
    run.whole_config()
    view = run_view(home, run, fetch_status(run))
    if run.wanted and not is_up(home):
        view["warnings"].append(f"nobody supervises this run: the stack is down. Go on: ludus resume {run.name}")
    if options.json:
        names = [one.name for one in home.runs()]
        print(json.dumps({"stack": stack, "run": view, "runs": names}, indent=2))
    else:
        print_status(console, run, stack, view)
        others = [one.name for one in home.runs() if one.wanted and one.name != run.name]
        if others:
            console.print(f"Also in progress: {', '.join(others)}", highlight=False, soft_wrap=True)
    return 0


def stack_view(home: Home) -> Json:
    """Whether somebody supervises, and the bus."""
    stack, up = read_json(home.stack_file), is_up(home)
    beat = stack.get("beat")
    return {
        "home": str(home.root),
        "state": str(stack.get("state", "down")) if up else "down",
        "supervisor_pid": stack.get("pid") if up else None,
        "supervisor_heartbeat_age_seconds": round(max(0.0, time.time() - beat), 1) if up and beat else None,
        "nats_url": stack.get("nats_url") if up else None,
        "nats_ready": bool(stack.get("nats_ready")) if up else False,
        "nats_pid": stack.get("nats_pid") if up else None,
        "nats_restarts": int(stack.get("nats_restarts", 0)),
        "error": stack.get("error", "") if up else "",
    }


def stack_line(stack: Json) -> str:
    if stack["state"] == "down":
        return f"stack down (home {stack['home']}; start it: ludus up)"
    ready = "ready" if stack["nats_ready"] else "not ready"
    bus = f"NATS {stack['nats_url']} {ready}" if stack["nats_url"] else "no NATS"
    again = f", restarted {stack['nats_restarts']}x" if stack["nats_restarts"] else ""
    problem = f"  {stack['error']}" if stack["error"] else ""
    return f"stack {stack['state']}: supervisor {stack['supervisor_pid']}, {bus}{again}, home {stack['home']}{problem}"


def print_status(console: Console, run: RunFolder, stack: Json, view: Json) -> None:
    console.print(stack_line(stack), highlight=False, soft_wrap=True, style="dim")
    for part in (headline(view), progress_line(view), numbers_line(view)):
        console.print(part)
    console.print(f"kept in {view['directory']}", style="dim", highlight=False, soft_wrap=True)
    if view["recent_return"] is not None or view["returns"]:
        console.print()
        console.print(returns_table(view))
    elif view["opponents"] or view["evaluations"]:
        if len(view["learners"]) > 1:
            console.print(learners_table(view))
        for one in agents_of(view):
            console.print()
            console.print(opponents_table(one))
            console.print(legend(one))
    elif summary := run.summary():
        for table in final_tables(summary):
            console.print()
            console.print(table)
    console.print()
    console.print(services_table(view))
    console.print()
    console.print(deaths_table(view["deaths"]) if view["deaths"] else "Nothing has died.")
    for warning in view["warnings"]:
        console.print(f"! {warning}", style="yellow", highlight=False)


def stop(options: argparse.Namespace, home: Home, console: Console) -> int:
    run = home.pick(options.run)
    if not run.wanted and not living(run):
        console.print(f"{run.name} is not running ({state_of(run)}).", highlight=False)
        return 0
    graceful = True
    if league_address(run):
        try:
            command(run, "stop", "stopped by a person", patience_seconds=5.0)
        except CommandError as error:
            graceful = False
            console.print(f"The league could not be told ({error}); its services are ended directly.", highlight=False)
    if run.outcome().get("state") != "finished":
        run.want("stopped")
    keep_supervised(home)
    left = wait_until_gone(living(run), STOP_SECONDS)
    if left:
        raise CommandError(f"{len(left)} services of {run.name} still run after {STOP_SECONDS:.0f} s; try ludus down")
    console.print(
        f"Stopped {run.name}{'' if graceful else ' (by signal)'}. Go on at the same update: ludus resume {run.name}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    return 0


def living(run: RunFolder) -> list[Identity]:
    """The run's processes that are alive."""
    found = (Identity.read(read_json(run.process_file(name))) for name in run.services())
    return [identity for identity in found if identity and identity.alive()]


def state_of(run: RunFolder) -> str:
    return str(run.outcome().get("state") or ("running" if run.wanted else "stopped"))


def resume(options: argparse.Namespace, home: Home, console: Console) -> int:
    run = home.pick(options.run, prefer=lambda one: state_of(one) in ("stopped", "failed"))
    if state_of(run) == "finished":
        raise CommandError(f"{run.name} is finished: there is nothing to resume. Start another: ludus train GAME")
    check_space(home.root)
    check_bus(home, str(run.config().get("bus", {}).get("url") or ""), 0)
    if run.wanted:
        supervised = is_up(home)
        ensure_up(home)
        if not supervised:
            console.print(f"{run.name} goes on where it was. Watch it: ludus attach {run.name}", highlight=False)
            return 0
        status_now = fetch_status(run)
        if status_now and status_now.record.state == RunState.RUN_STATE_PAUSED:
            command(run, "resume")
            console.print(f"{run.name} goes on.", highlight=False)
        else:
            console.print(f"{run.name} is running already. Watch it: ludus attach {run.name}", highlight=False)
        return 0
    if wait_until_gone(living(run), STOP_SECONDS):
        raise CommandError(f"{run.name} has not ended yet; try again in a moment")
    # Not wanted, then without an outcome, then wanted: no moment in which the supervisor could start it the wrong way.
    run.want("stopped")
    run.outcome_file.unlink(missing_ok=True)
    run.want("running")
    ensure_up(home)
    console.print(f"{run.name} goes on where it was. Watch it: ludus attach {run.name}", highlight=False)
    return 0


def pause(options: argparse.Namespace, home: Home, console: Console) -> int:
    run = home.pick(options.run)
    if not run.wanted:
        raise CommandError(f"{run.name} is not running ({state_of(run)})")
    command(run, "pause")
    console.print(f"{run.name} pauses; its services stay. Go on: ludus resume {run.name}", highlight=False)
    return 0


def list_runs(options: argparse.Namespace, home: Home, console: Console) -> int:
    runs = home.runs()
    if not runs:
        console.print("No run yet. Start one: ludus train dogfight")
        return 0
    table = plain_table("run", "game", "preset", "seed", "state", "progress", "created", right=(3, 5))
    broken: list[CommandError] = []
    for run in runs:
        try:
            run.whole_config()
        except CommandError as error:
            broken.append(error)
            table.add_row(run.name, "-", "-", "-", "unreadable", "-", clock_text(run.config_file.stat().st_mtime))
            continue
        view = run_view(home, run, None)
        table.add_row(
            run.name, str(view["game"]), str(view["preset"]), str(view["seed"]), state_text(view["state"]),
            percent(view["progress"]), clock_text(run.config_file.stat().st_mtime),
        )  # fmt: skip
    console.print(table)
    for problem in broken:
        console.print(f"! {problem}", style="yellow", highlight=False, markup=False, soft_wrap=True)
    return 0
