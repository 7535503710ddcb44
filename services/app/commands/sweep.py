"""`ludus sweep`, `ludus experiments`."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from ...kernel.files import write_atomically
from ..draw import plain_table
from ..errors import CommandError
from ..extras import need
from ..home import Home


def sweep(options: argparse.Namespace, home: Home, console: Console) -> int:
    """Show it, run it here, or let it run."""
    need("local")
    from ..sweeps.plan import find, trials
    from ..sweeps.runner import carry_out, prepare, remember, status_of

    plan = find(options.sweep, home)
    prepare(plan)
    _say(console, f"{plan.name}: {len(plan.variants)} variants × {len(plan.seeds)} seeds, {plan.hypothesis}")
    if options.dry_run:
        for trial in trials(plan):
            changes = ", ".join(f"{key}={value}" for key, value in trial.variant.set.items()) or "no changes"
            _say(console, f"  {trial.name:<48} {status_of(home.run(trial.name)):<10} {changes}")
        return 0
    if options.detach:
        remember(plan, home)
        log = home.root / "sweeps" / plan.name / "sweep.log"
        _start(home, plan.name, log)
        _say(console, f"It runs in the background and writes {log}. Look: ludus experiments {plan.name}")
        return 0
    _say(console, "Ctrl-C ends the sweep after the runs in progress; the same command goes on where it was.")
    carry_out(plan, home, lambda text: _say(console, text))
    _say(console, f"Results: ludus experiments {plan.name}")
    return 0


def _start(home: Home, name: str, log: Path) -> None:
    """Without a terminal, and not ended with it."""
    own = home.root / "sweeps" / name / "sweep.json"
    argv = [sys.executable, "-P", "-m", "ludus.app.cli", "--home", str(home.root), "sweep", str(own)]
    with log.open("ab") as file:
        subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True)


def experiments(options: argparse.Namespace, home: Home, console: Console) -> int:
    """The list, or one of them as a page."""
    need("local")
    if not options.sweep:
        return _list(home, console)
    from ...evaluator.page.html import page
    from ...evaluator.page.markdown import markdown
    from ..sweeps.plan import find
    from ..sweeps.tracker import tracker

    report = tracker(find(options.sweep, home), home)
    text = page(report) if options.html else markdown(report, "charts")[0]
    if not options.output:
        print(text, end="")
        return 0
    try:
        write_atomically(options.output.expanduser(), text.encode())
    except OSError as error:
        raise CommandError(f"cannot write {options.output}: {error.strerror}") from error
    _say(console, f"{options.output}")
    return 0


def _list(home: Home, console: Console) -> int:
    """Those that were begun, then those that come with Ludus."""
    from ..presets import folders
    from ..sweeps.plan import read, trials
    from ..sweeps.runner import COMPLETED, status_of, status_of_all

    begun = {path.parent.name: path for path in sorted((home.root / "sweeps").glob("*/sweep.json"))}
    shipped = {path.stem: path for folder in folders() for path in sorted((folder / "sweeps").glob("*.toml"))}
    table = plain_table("experiment", "status", "runs", "hypothesis", right=(2,))
    for path in {**shipped, **begun}.values():
        plan = read(path)
        done = sum(status_of(home.run(trial.name)) == COMPLETED for trial in trials(plan))
        table.add_row(plan.name, status_of_all(plan, home), f"{done}/{len(trials(plan))}", plan.hypothesis)
    console.print(table)
    return 0


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True, markup=False)
